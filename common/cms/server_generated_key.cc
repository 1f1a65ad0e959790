#include "common/cms/server_generated_key.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/cms/key_package.h"
#include "common/pki/oids.h"

namespace bestow::cms {

void SignKeyPackage(ByteView pkcs8, const std::vector<Bytes>& certificates,
                    Signer& signer, absl::Time now, SignedDataDone done) {
  absl::StatusOr<Secret> package = SerializeAsymmetricKeyPackageDer(pkcs8);
  if (!package.ok()) return done(package.status());
  SignData(oids::AsymmetricKeyPackage(), package->bytes(), certificates, signer,
           now, std::move(done));
}

absl::StatusOr<OpenedKey> OpenSignedKeyPackage(const der::Oid& content_type,
                                               ByteView content) {
  if (content_type != oids::CmsSignedData() &&
      content_type != oids::CmsData()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the encrypted key is of the content type ",
        der::OidToDotted(content_type.content), ", not a SignedData"));
  }
  absl::StatusOr<SignedContent> content_of =
      ParseAndVerifySignedDataDer(content);
  if (!content_of.ok()) return content_of.status();
  if (content_of->content_type != oids::AsymmetricKeyPackage()) {
    return absl::InvalidArgumentError(
        "the SignedData holds no AsymmetricKeyPackage");
  }
  absl::StatusOr<Secret> pkcs8 =
      ParseAsymmetricKeyPackageDer(content_of->content.bytes());
  if (!pkcs8.ok()) return pkcs8.status();
  return OpenedKey{.pkcs8 = *std::move(pkcs8),
                   .signer = std::move(content_of->signer),
                   .certificates = std::move(content_of->certificates)};
}

}  // namespace bestow::cms
