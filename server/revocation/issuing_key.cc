#include "server/revocation/issuing_key.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"

namespace bestow::server {
namespace {

Bytes KeyIdOf(const Certificate& certificate) {
  return certificate.subject_key_id.empty() ? KeyIdentifier(certificate.spki)
                                            : certificate.subject_key_id;
}

KeyPaths PathsFrom(const std::string& name) {
  return {absl::StrCat("/crl/", name, ".crl"),
          absl::StrCat("/crl/", name, ".delta.crl"),
          absl::StrCat("/ca/", name, ".cer")};
}

}  // namespace

IssuingKeys IssuingKeysOf(
    const std::map<std::string, CaBundle, std::less<>>& cas,
    const std::vector<Certificate>& others, const HttpConfig& http,
    const RevocationSettings& settings) {
  IssuingKeys keys;
  std::vector<Certificate> shown = others;
  const auto add = [&](const std::string& folder, bool is_current,
                       std::shared_ptr<const CertificateAuthority> authority) {
    IssuingKey key;
    key.folder = folder;
    key.is_current = is_current;
    key.key_id = KeyIdOf(authority->certificate());
    key.authority = std::move(authority);
    key.config = settings.Of(folder);
    key.is_published = !http.listen.empty() || !key.config.url.empty();
    // Two folders may hold one key, say after a copy: one CRL is made of it.
    const bool is_there = std::any_of(
        keys.begin(), keys.end(),
        [&](const IssuingKey& other) { return other.key_id == key.key_id; });
    if (!is_there) keys.push_back(std::move(key));
  };
  for (const auto& [folder, ca] : cas) {
    add(folder, true, ca.authority);
    for (const Certificate& certificate : ca.All()) {
      shown.push_back(certificate);
    }
  }
  for (const auto& [folder, ca] : cas) {
    for (const auto& authority : ca.former) add(folder, false, authority);
  }
  for (IssuingKey& key : keys) {
    for (const Certificate& certificate : shown) {
      if (certificate.issuer == key.certificate().subject &&
          certificate.authority_key_id == key.key_id) {
        key.own_serials.push_back(certificate.serial);
      }
    }
  }
  return keys;
}

KeyPaths PathsOf(std::string_view folder, ByteView key_id) {
  return PathsFrom(
      absl::StrCat(folder, "/", absl::BytesToHexString(AsText(key_id))));
}

KeyPaths CurrentPathsOf(std::string_view folder) {
  return PathsFrom(std::string(folder));
}

PublishedUrls UrlsOf(const RevocationConfig& config, std::string_view folder,
                     const Certificate& certificate) {
  PublishedUrls urls;
  if (config.url.empty()) return urls;
  const KeyPaths paths = PathsOf(folder, KeyIdOf(certificate));
  urls.ocsp = absl::StrCat(config.url, kOcspPath);
  urls.ca_issuers = config.url + paths.certificate;
  urls.crl = config.url + paths.crl;
  if (config.delta_interval > absl::ZeroDuration()) {
    urls.delta_crl = config.url + paths.delta_crl;
  }
  return urls;
}

}  // namespace bestow::server
