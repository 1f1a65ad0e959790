// What [http], [revocation] and [cas."..."] say.
#ifndef SERVER_CONFIG_REVOCATION_CONFIG_H_
#define SERVER_CONFIG_REVOCATION_CONFIG_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace bestow::server {

// [http]: plain HTTP, for CRLs, OCSP and CA certificates alone.
struct HttpConfig {
  std::vector<std::string> listen;  // empty: off
};

// [revocation], and what is different for one CA.
struct RevocationConfig {
  absl::Duration crl_validity = absl::Hours(24 * 7);  // until nextUpdate
  // A new full CRL this often, and after each revocation. Less than the
  // validity, so that the old one is good while the new one spreads.
  absl::Duration crl_interval = absl::Hours(24);
  absl::Duration delta_interval;  // zero: no delta CRLs; below crl_interval
  absl::Duration ocsp_validity = absl::Hours(1);
  // "http://pki.example.net": what the world calls [http] by, without a slash
  // at its end. Empty: certificates do not say where their status is found.
  std::string url;
};

// Of the whole server.
struct RevocationSettings {
  RevocationConfig defaults;
  std::map<std::string, RevocationConfig, std::less<>> by_ca;  // "cas/NAME"

  // `ca_folder`: "ca" or "cas/NAME".
  const RevocationConfig& Of(std::string_view ca_folder) const {
    const auto it = by_ca.find(ca_folder);
    return it == by_ca.end() ? defaults : it->second;
  }
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_REVOCATION_CONFIG_H_
