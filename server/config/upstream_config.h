// What [upstream] says: a service whose certificates another EST server signs,
// with this one as its registration authority (RFC 7030 3.7).
#ifndef SERVER_CONFIG_UPSTREAM_CONFIG_H_
#define SERVER_CONFIG_UPSTREAM_CONFIG_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "common/est_client/server_url.h"

namespace bestow::server {

enum class WhenDown { kRetry, kLocal };
enum class CsrAttrsFrom { kLocal, kUpstream };

// Where the upstream is, and who we are there. Services that share a folder
// share it all.
struct UpstreamConnection {
  ServerUrl server;  // with the upstream's label; no host: nothing is forwarded
  // The explicit trust (RFC 7030 3.6.1), one of the two: a PEM file, relative
  // to the state folder, or the SHA-256 of a CA certificate.
  std::string anchors;
  std::optional<Bytes> anchors_sha256;
  // The registration authority's name there, and the file with its password or
  // one-time secret (relative to the state folder), for the first enrollment
  // alone. No file: its certificate is put into the folder by hand.
  std::string username;
  std::string secret_file;
  KeyType key_type = KeyType::kEcP256;  // of its certificate
  // Below the state folder: its credential, and what was learned of /cacerts.
  std::string folder;
  absl::Duration timeout =
      absl::Seconds(20);                    // of one exchange, from its start
  absl::Duration refresh = absl::Hours(1);  // of /cacerts and /csrattrs
  int connections = 4;                      // at once
  int queued = 256;  // exchanges that wait for one of them

  bool operator==(const UpstreamConnection&) const = default;
};

struct UpstreamConfig {
  UpstreamConnection connection;
  WhenDown when_down = WhenDown::kRetry;
  absl::Duration retry_after = absl::Minutes(1);  // what devices are told then
  // kLocal: the CA ("cas/NAME") that signs meanwhile, and for how long at most.
  std::string local_ca;
  absl::Duration local_validity = absl::Hours(24);
  CsrAttrsFrom csr_attrs = CsrAttrsFrom::kLocal;

  bool forwards() const { return !connection.server.host.empty(); }
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_UPSTREAM_CONFIG_H_
