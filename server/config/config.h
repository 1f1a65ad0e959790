// bestow-server.toml as a value.
#ifndef SERVER_CONFIG_CONFIG_H_
#define SERVER_CONFIG_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/der/oid.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"

namespace bestow::server {

// What a certificate looks like; "{identity}" in the templates is replaced by
// policy/.
struct ProfileConfig {
  absl::Duration validity = absl::Hours(24 * 90);
  absl::Duration backdate = absl::Minutes(5);
  uint32_t key_usage = kDigitalSignature;
  std::vector<der::Oid> extended_key_usage = {oids::KpClientAuth()};
  std::string subject = "CN={identity}";
  std::vector<std::string> sans;
};

struct LimitsConfig {
  int connections = 1000;  // over all workers
  int body_bytes = 64 * 1024;
  int header_bytes = 8 * 1024;
  int requests_per_connection = 100;
  absl::Duration handshake_timeout = absl::Seconds(15);
  absl::Duration header_timeout = absl::Seconds(10);
  absl::Duration body_timeout = absl::Seconds(20);
  absl::Duration idle_timeout = absl::Seconds(30);
  absl::Duration drain_timeout = absl::Seconds(10);
  int queued_issuances = 4096;
  int queued_passwords = 256;
};

struct Config {
  std::vector<std::string> listen = {"127.0.0.1:8443"};
  std::vector<std::string> hostnames;  // no device's certificate may carry them
  int workers = 0;                     // 0: one per core
  std::string realm = "Bestow";
  absl::Duration secret_retry_window = absl::Hours(24);
  ProfileConfig profile;
  std::vector<der::Oid> csr_attrs;
  est::LineWrap line_wrap = est::LineWrap::kAuto;
  LimitsConfig limits;
};

// kInvalidArgument with one line for each mistake, "<file>:<line>: ...": bad
// TOML, an unknown key (with the nearest known one), a wrong type, a value out
// of its range, a template that can't make a name, a right that no device may
// have. NOT checked: that addresses can be listened on.
absl::StatusOr<Config> ParseConfig(std::string_view text,
                                   const std::string& file);

// The commented file that `init` writes. Parses to the defaults, with the
// given `listen` and `hostnames`.
std::string ConfigFileText(const std::vector<std::string>& listen,
                           const std::vector<std::string>& hostnames);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_CONFIG_H_
