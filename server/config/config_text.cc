#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

std::string QuotedList(const std::vector<std::string>& items) {
  return absl::StrCat(
      "[",
      absl::StrJoin(items, ", ",
                    [](std::string* out, const std::string& item) {
                      absl::StrAppend(
                          out, "\"",
                          absl::StrReplaceAll(item,
                                              {{"\\", "\\\\"}, {"\"", "\\\""}}),
                          "\"");
                    }),
      "]");
}

}  // namespace

std::string ConfigFileText(const std::vector<std::string>& listen,
                           const std::vector<std::string>& hostnames) {
  return absl::StrCat(
      R"toml(# bestow-server's settings. A mistake is reported with its line, and the server
# does not start with one. Durations: "90d", "12h", "5m", "30s".

# Where to listen; "[::]:8443" is every address. Port 0 picks a free one, which
# the server prints. Sockets passed by systemd take the place of these.
listen = )toml",
      QuotedList(listen), R"toml(

# The names of this server. No device gets a certificate with one of them,
# whatever the profile says. The server's own certificate, tls/server.pem, has
# the names that `init` was given; changing them here does not change it.
hostnames = )toml",
      QuotedList(hostnames), R"toml(

# Threads that serve connections; 0: one per core.
workers = 0

# What the password prompt of HTTP Basic shows.
realm = "Bestow"

[profile]
# Device certificates. Names come from who is authenticated, never from the
# request: {identity} is the name that add-user or add-secret was given.
validity = "90d"
# Clocks differ: certificates are valid from this long before they are issued.
backdate = "5m"
subject = "CN={identity}"
# For example ["dns:{identity}.devices.example", "uri:urn:dev:{identity}"].
sans = []
# digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment,
# keyAgreement.
key_usage = ["digitalSignature"]
# clientAuth, serverAuth, or dotted object identifiers.
extended_key_usage = ["clientAuth"]

[one_time_secrets]
# A reply can be lost. For this long after its first use, a one-time secret
# gives the same certificate again to the same key; to another key, never.
retry_window = "24h"

[csr_attrs]
# What /csrattrs asks clients for: object identifiers, dotted or by name
# (challengePassword asks them to link the request to the TLS session).
# Empty: /csrattrs answers 204.
oids = []

[reply]
# Base64 in one line up to 1,000 characters, else in lines of 64 ("auto").
# "never" is for strongSwan before 5.9.11, which can't read wrapped lines;
# "always" for clients on the libest library, which can't read long ones.
line_wrap = "auto"

[limits]
connections = 1000
requests_per_connection = 100
header_bytes = 8192
body_bytes = 65536
# For the whole of each phase, however slowly the bytes come.
handshake_timeout = "15s"
header_timeout = "10s"
body_timeout = "20s"
idle_timeout = "30s"
# How long requests under way may go on after SIGTERM.
drain_timeout = "10s"
# More than these waiting: 503, come back later.
queued_issuances = 4096
queued_passwords = 256
)toml");
}

}  // namespace bestow::server
