// What [tls] says.
#ifndef SERVER_CONFIG_TLS_CONFIG_H_
#define SERVER_CONFIG_TLS_CONFIG_H_

#include "absl/time/time.h"

namespace bestow::server {

// The server's own certificate, where one of its CAs issued it.
struct TlsConfig {
  bool renew = true;
  absl::Duration validity = absl::Hours(24 * 90);
  double fraction = 0.66;  // of its lifetime; renewed then
  bool new_key = true;     // at each renewal; of the same kind
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_TLS_CONFIG_H_
