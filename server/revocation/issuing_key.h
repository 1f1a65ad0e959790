// The keys of the server's CAs: CRLs and OCSP answers are of one key each.
#ifndef SERVER_REVOCATION_ISSUING_KEY_H_
#define SERVER_REVOCATION_ISSUING_KEY_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/certificate_authority.h"
#include "server/ca/published_urls.h"
#include "server/config/revocation_config.h"

namespace bestow::server {

struct IssuingKey {
  std::string folder;      // its CA's: "ca", "cas/NAME"
  bool is_current = true;  // else a former one: issues no more (RFC 4210 4.4)
  std::shared_ptr<const CertificateAuthority> authority;
  // What the certificates that it issued name it by (authorityKeyIdentifier).
  Bytes key_id;
  RevocationConfig config;
  // CRLs and OCSP answers are made: there is plain HTTP, or its certificates
  // say where else they are found.
  bool is_published = false;
  // Serial numbers of what it signed and the store need not know: CAs below it
  // and link certificates.
  std::vector<Bytes> own_serials;

  const Certificate& certificate() const { return authority->certificate(); }
};

using IssuingKeys = std::vector<IssuingKey>;

// Each key of each CA once, current ones first. One that has no certificate to
// sign CRLs by (cRLSign) is there too. `others`: certificates that these keys
// may have signed, beside those of the CAs.
IssuingKeys IssuingKeysOf(
    const std::map<std::string, CaBundle, std::less<>>& cas,
    const std::vector<Certificate>& others, const HttpConfig& http,
    const RevocationSettings& settings);

// Where the world finds what is about a key: paths of plain HTTP. Each key has
// its own, so that what a certificate says stays right after a rollover.
struct KeyPaths {
  std::string crl;          // "/crl/ca/<key identifier in hex>.crl"
  std::string delta_crl;    // ".../<key identifier in hex>.delta.crl"
  std::string certificate;  // "/ca/ca/<key identifier in hex>.cer"
};
KeyPaths PathsOf(std::string_view folder, ByteView key_id);
// The same of whatever key is current: "/crl/ca.crl", "/ca/ca.cer".
KeyPaths CurrentPathsOf(std::string_view folder);
// What the key's certificates say of them, below config.url; nothing without
// one.
PublishedUrls UrlsOf(const RevocationConfig& config, std::string_view folder,
                     const Certificate& certificate);
// For POST, and with "/" and a request behind it for GET.
inline constexpr std::string_view kOcspPath = "/ocsp";

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_ISSUING_KEY_H_
