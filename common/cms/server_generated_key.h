// The private key of a /serverkeygen reply in its encrypted form (RFC 7030
// 4.4.2): EnvelopedData over SignedData over an AsymmetricKeyPackage. The
// server: SignKeyPackage(), then EnvelopForKek() or EnvelopForPublicKey() with
// oids::CmsSignedData(). The agent: ParseEnvelopedDataDer(), DecryptWith...(),
// then OpenSignedKeyPackage().
#ifndef COMMON_CMS_SERVER_GENERATED_KEY_H_
#define COMMON_CMS_SERVER_GENERATED_KEY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/cms/signed_data.h"
#include "common/crypto/signer.h"
#include "common/der/oid.h"
#include "common/pki/certificate.h"

namespace bestow::cms {

// See SignData(): the content is the AsymmetricKeyPackage of `pkcs8`.
void SignKeyPackage(ByteView pkcs8, const std::vector<Bytes>& certificates,
                    Signer& signer, absl::Time now, SignedDataDone done);

struct OpenedKey {
  Secret pkcs8;
  Certificate signer;
  std::vector<Certificate> certificates;  // that came along
};

// From what the EnvelopedData held: `content_type` is its own. Takes
// id-signedData, and id-data with a ContentInfo in it, as some write it. Errors
// as ParseAndVerifySignedDataDer() and ParseAsymmetricKeyPackageDer(). NOT
// checked: trust in `signer`.
absl::StatusOr<OpenedKey> OpenSignedKeyPackage(const der::Oid& content_type,
                                               ByteView content);

}  // namespace bestow::cms

#endif  // COMMON_CMS_SERVER_GENERATED_KEY_H_
