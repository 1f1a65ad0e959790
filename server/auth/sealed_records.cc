#include "server/auth/sealed_records.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/net/http_auth.h"

namespace bestow::server {
namespace {

constexpr struct {
  DigestAlgorithm algorithm;
  const char* name;  // of the row
} kAlgorithms[] = {{DigestAlgorithm::kMd5, "MD5"},
                   {DigestAlgorithm::kSha256, "SHA-256"}};

// Lengths keep "a" + "bc" and "ab" + "c" apart.
std::string Context(std::string_view kind,
                    const std::vector<std::string_view>& parts) {
  std::string context(kind);
  for (std::string_view part : parts) {
    absl::StrAppend(&context, "|", part.size(), ":", part);
  }
  return context;
}

std::string DigestContext(const std::string& name, const std::string& realm,
                          const std::string& algorithm) {
  return Context("digest-ha1", {name, realm, algorithm});
}

}  // namespace

absl::StatusOr<std::vector<DigestSecret>> SealDigestSecrets(
    const SecretSealer& sealer, const std::string& name,
    const std::vector<std::string>& realms, const Secret& password) {
  std::vector<DigestSecret> secrets;
  for (const std::string& realm : realms) {
    for (const auto& [algorithm, algorithm_name] : kAlgorithms) {
      absl::StatusOr<Bytes> sealed =
          sealer.Seal(DigestContext(name, realm, algorithm_name),
                      DigestHa1(algorithm, name, realm, password));
      if (!sealed.ok()) return sealed.status();
      DigestSecret secret;
      secret.realm = realm;
      secret.algorithm = algorithm_name;
      secret.sealed_ha1 = *std::move(sealed);
      secrets.push_back(std::move(secret));
    }
  }
  return secrets;
}

absl::StatusOr<Secret> OpenDigestSecret(const SecretSealer& sealer,
                                        const std::string& name,
                                        const DigestSecret& secret) {
  return sealer.Open(DigestContext(name, secret.realm, secret.algorithm),
                     secret.sealed_ha1);
}

absl::StatusOr<Bytes> SealPreSharedKey(const SecretSealer& sealer,
                                       const std::string& name,
                                       ByteView key_identifier,
                                       const Secret& key) {
  return sealer.Seal(Context("pre-shared-key", {name, AsText(key_identifier)}),
                     key);
}

absl::StatusOr<Secret> OpenPreSharedKey(const SecretSealer& sealer,
                                        const PreSharedKey& key) {
  return sealer.Open(
      Context("pre-shared-key", {key.identity, AsText(key.key_identifier)}),
      key.sealed_key);
}

}  // namespace bestow::server
