#include "server/est/key_recipient.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/certificate.h"
#include "server/auth/sealed_records.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

absl::Status UnknownKey(std::string_view attribute, ByteView identifier,
                        std::string_view why) {
  return Refuse(Problem::kUnknownKeyId,
                absl::StrCat("the request's ", attribute, " ",
                             HexEncode(identifier), " ", why));
}

absl::StatusOr<cms::KekRecipient> FindSharedKey(Store& store,
                                                const SecretSealer* sealer,
                                                int64_t identity_id,
                                                const Bytes& identifier) {
  absl::StatusOr<PreSharedKey> found = store.FindPreSharedKey(identifier);
  // One sentence for another identity's key and for none.
  if (absl::IsNotFound(found.status()) ||
      (found.ok() && found->identity_id != identity_id)) {
    return UnknownKey("DecryptKeyIdentifier", identifier,
                      "names no pre-shared key of this identity");
  }
  if (!found.ok()) return found.status();
  if (sealer == nullptr) {
    return absl::InternalError("the key that seals shared keys is not loaded");
  }
  absl::StatusOr<Secret> key = OpenPreSharedKey(*sealer, *found);
  if (!key.ok()) return key.status();
  return cms::KekRecipient{identifier, *std::move(key)};
}

absl::StatusOr<cms::PublicKeyRecipient> FindCertifiedKey(
    Store& store, int64_t identity_id, const Bytes& identifier,
    absl::Time now) {
  constexpr std::string_view kAttribute = "AsymmetricDecryptKeyIdentifier";
  absl::StatusOr<CertificateRecord> found =
      store.FindCertificateByKey(identity_id, identifier);
  if (absl::IsNotFound(found.status())) {
    return UnknownKey(kAttribute, identifier,
                      "names no key that this server has certified for this "
                      "identity (by subject key identifier, or SHA-256 of the "
                      "SubjectPublicKeyInfo)");
  }
  if (!found.ok()) return found.status();
  if (found->revocation.has_value()) {
    return UnknownKey(kAttribute, identifier,
                      "names a key whose certificate is revoked");
  }
  absl::StatusOr<Certificate> certificate =
      ParseCertificateDer(found->certificate);
  if (!certificate.ok()) return certificate.status();
  if (now > certificate->not_after || now < certificate->not_before) {
    return UnknownKey(kAttribute, identifier,
                      "names a key whose certificate is not valid now");
  }
  absl::StatusOr<cms::PublicKeyRecipient> recipient =
      cms::RecipientOf(*certificate);
  if (!recipient.ok()) {
    return UnknownKey(kAttribute, identifier,
                      absl::StrCat("names a key that can't decrypt another: ",
                                   recipient.status().message()));
  }
  return recipient;
}

}  // namespace

absl::StatusOr<KeyRecipient> FindKeyRecipient(Store& store,
                                              const SecretSealer* sealer,
                                              int64_t identity_id,
                                              const Pkcs10Request& request,
                                              absl::Time now) {
  const std::optional<Bytes>& shared = request.decrypt_key_identifier;
  const std::optional<Bytes>& certified =
      request.asymmetric_decrypt_key_identifier;
  if (shared.has_value() && certified.has_value()) {
    return Refuse(Problem::kBadRequest,
                  "the request has both DecryptKeyIdentifier and "
                  "AsymmetricDecryptKeyIdentifier: leave one out");
  }
  KeyRecipient recipient;
  if (!shared.has_value() && !certified.has_value()) return recipient;

  std::optional<cms::SmimeCapabilities> capabilities;
  if (request.smime_capabilities.has_value()) {
    absl::StatusOr<cms::SmimeCapabilities> parsed =
        cms::ParseSmimeCapabilitiesDer(*request.smime_capabilities);
    if (!parsed.ok()) {
      return Refuse(Problem::kBadRequest,
                    absl::StrCat("the request's SMIMECapabilities: ",
                                 parsed.status().message()));
    }
    capabilities = *std::move(parsed);
  }
  const cms::SmimeCapabilities* listed =
      capabilities.has_value() ? &*capabilities : nullptr;

  absl::StatusOr<cms::EnvelopeAlgorithms> algorithms;
  if (shared.has_value()) {
    absl::StatusOr<cms::KekRecipient> key =
        FindSharedKey(store, sealer, identity_id, *shared);
    if (!key.ok()) return key.status();
    algorithms = cms::ChooseForKek(listed, key->key.bytes().size());
    recipient.key = *std::move(key);
  } else {
    absl::StatusOr<cms::PublicKeyRecipient> key =
        FindCertifiedKey(store, identity_id, *certified, now);
    if (!key.ok()) return key.status();
    algorithms = cms::ChooseForPublicKey(listed, key->spki);
    recipient.key = *std::move(key);
  }
  if (!algorithms.ok()) {
    return Refuse(Problem::kNoCommonAlgorithm, algorithms.status().message());
  }
  recipient.algorithms = *algorithms;
  return recipient;
}

}  // namespace bestow::server
