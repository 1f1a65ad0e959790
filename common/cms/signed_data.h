// SignedData with one signer over encapsulated content (RFC 5652 5).
#ifndef COMMON_CMS_SIGNED_DATA_H_
#define COMMON_CMS_SIGNED_DATA_H_

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/signer.h"
#include "common/der/oid.h"
#include "common/pki/certificate.h"

namespace bestow::cms {

// SignedData, not in a ContentInfo: what goes into EnvelopedData of content
// type id-signedData. Signed attributes: contentType, messageDigest,
// signingTime. It holds the content, and so is a Secret.
using SignedDataDone = std::function<void(absl::StatusOr<Secret>)>;

// `certificates`: 1 to 10, the signer's first, each DER. `done` is called once,
// as Signer::Sign() does. kInvalidArgument: the signer's key is not its
// certificate's. NOT checked: the certificate's dates and usage.
void SignData(const der::Oid& content_type, ByteView content,
              const std::vector<Bytes>& certificates, Signer& signer,
              absl::Time now, SignedDataDone done);
// Blocks until it is signed.
absl::StatusOr<Secret> SignDataAndWait(const der::Oid& content_type,
                                       ByteView content,
                                       const std::vector<Bytes>& certificates,
                                       Signer& signer, absl::Time now);

// The DER ContentInfo around SignedData, as files and openssl have it.
absl::StatusOr<Secret> WrapSignedData(ByteView signed_data);

struct SignedContent {
  der::Oid content_type;
  Secret content;
  std::vector<Certificate> certificates;  // in the order found (a SET)
  Certificate signer;                     // one of them
  std::optional<absl::Time> signing_time;
};

// Verifies the signature with the signer's certificate, which has to be inside.
// Takes SignedData in a ContentInfo or without. kInvalidArgument: not DER,
// detached content, none or several signers, over 64 certificates, no signed
// attributes, an algorithm that VerifySignature() does not take.
// kPermissionDenied: the digest or the signature is wrong. NOT checked: trust
// in the signer's certificate (the caller runs TrustAnchors::Verify), and the
// signing time.
absl::StatusOr<SignedContent> ParseAndVerifySignedDataDer(ByteView der);

}  // namespace bestow::cms

#endif  // COMMON_CMS_SIGNED_DATA_H_
