#include "server/auth/sealed_records.h"

#include <openssl/digest.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"

namespace bestow::server {
namespace {

struct Algorithm {
  const char* name;
  const EVP_MD* (*md)();
};
constexpr Algorithm kAlgorithms[] = {{"MD5", &EVP_md5},
                                     {"SHA-256", &EVP_sha256}};

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

// RFC 7616 3.4.2: H(username ":" realm ":" password)
Secret Ha1(const EVP_MD* md, const std::string& name, const std::string& realm,
           const Secret& password) {
  const std::string head = absl::StrCat(name, ":", realm, ":");
  uint8_t hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  bssl::ScopedEVP_MD_CTX context;
  EVP_DigestInit_ex(context.get(), md, nullptr);
  EVP_DigestUpdate(context.get(), head.data(), head.size());
  EVP_DigestUpdate(context.get(), password.bytes().data(),
                   password.bytes().size());
  EVP_DigestFinal_ex(context.get(), hash, &size);
  std::string hex = HexEncode(ByteView(hash, size));
  Secret ha1{std::string_view(hex)};
  Cleanse(hash, sizeof(hash));
  Cleanse(hex.data(), hex.size());
  return ha1;
}

}  // namespace

absl::StatusOr<std::vector<DigestSecret>> SealDigestSecrets(
    const SecretSealer& sealer, const std::string& name,
    const std::vector<std::string>& realms, const Secret& password) {
  std::vector<DigestSecret> secrets;
  for (const std::string& realm : realms) {
    for (const Algorithm& algorithm : kAlgorithms) {
      absl::StatusOr<Bytes> sealed =
          sealer.Seal(DigestContext(name, realm, algorithm.name),
                      Ha1(algorithm.md(), name, realm, password));
      if (!sealed.ok()) return sealed.status();
      DigestSecret secret;
      secret.realm = realm;
      secret.algorithm = algorithm.name;
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
