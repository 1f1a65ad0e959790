// What [tls] says.
#ifndef SERVER_CONFIG_TLS_CONFIG_H_
#define SERVER_CONFIG_TLS_CONFIG_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/config/upstream_config.h"

namespace bestow::server {

enum class TlsFrom { kCa, kUpstream };

// The server's own certificate: from one of its CAs, where one issued it, or
// enrolled and renewed over EST at another server.
struct TlsConfig {
  TlsFrom from = TlsFrom::kCa;
  bool renew = true;
  absl::Duration validity = absl::Hours(24 * 90);  // an upstream has its own
  double fraction = 0.66;  // of its lifetime; renewed then
  bool new_key = true;     // at each renewal; of the same kind
  // [tls.upstream], for kUpstream. Without a secret_file the first request is
  // shown by the registration authority whose folder (another
  // UpstreamConnection's) this is.
  UpstreamConnection upstream;
  std::string introducer_folder;

  bool operator==(const TlsConfig&) const = default;
};

// All that a certificate from upstream depends on.
struct TlsWish {
  TlsConfig config;
  std::vector<std::string> hostnames;

  bool operator==(const TlsWish&) const = default;
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_TLS_CONFIG_H_
