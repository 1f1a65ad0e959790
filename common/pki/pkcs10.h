// PKCS#10 certification requests (RFC 2986).
#ifndef COMMON_PKI_PKCS10_H_
#define COMMON_PKI_PKCS10_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/attribute.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"

namespace bestow {

// What a request says. Nothing in it is verified but its form.
struct Pkcs10Request {
  Bytes der;       // the whole CertificationRequest
  Bytes info_der;  // what the signature covers
  Name subject;
  Bytes spki;  // DER SubjectPublicKeyInfo
  std::vector<CsrAttribute> attributes;
  Bytes signature_algorithm;  // DER AlgorithmIdentifier
  Bytes signature;

  // From the extensionRequest attribute (PKCS#9); empty when absent.
  std::vector<Extension> requested_extensions;
  // From requested_extensions' subjectAltName.
  std::vector<GeneralName> requested_sans;
  std::optional<std::string> challenge_password;
  // True when the [0] of attributes was missing.
  bool attributes_omitted = false;

  bool operator==(const Pkcs10Request& other) const { return der == other.der; }
};

// kInvalidArgument with the reason: not DER, trailing bytes, a version other
// than 0, duplicate attribute or extension types, more than 32 attributes.
// A missing [0] of attributes (RFC 2986 4.1 forbids it, clients do it) is read
// as empty. NOT checked: the signature, the key's strength.
absl::StatusOr<Pkcs10Request> ParsePkcs10Der(ByteView der);

// Re-encodes from the parts; equal to `der` for whatever ParsePkcs10Der took
// (a missing [0] stays missing, as attributes_omitted says). Uses subject,
// spki, attributes, signature_algorithm and signature alone.
absl::StatusOr<Bytes> SerializePkcs10Der(const Pkcs10Request& request);

// kPermissionDenied: the signature is not by the request's own key;
// kInvalidArgument: an algorithm that VerifySignature does not take.
absl::Status VerifyPkcs10Signature(const Pkcs10Request& request);

// What to ask for.
struct Pkcs10Template {
  Name subject;
  Bytes spki;
  std::vector<GeneralName> sans;
  std::vector<Extension> extensions;     // beside the SANs
  std::vector<CsrAttribute> attributes;  // beside extensionRequest
  std::optional<std::string> challenge_password;
};

// The CertificationRequestInfo to be signed; attributes A0 00 when empty.
absl::StatusOr<Bytes> SerializePkcs10InfoDer(const Pkcs10Template& wanted);
// Puts info, algorithm and signature together.
absl::StatusOr<Bytes> AssemblePkcs10Der(ByteView info_der,
                                        SignatureAlgorithm algorithm,
                                        ByteView signature);

}  // namespace bestow

#endif  // COMMON_PKI_PKCS10_H_
