#include "server/config/tls_reader.h"

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "server/config/upstream_reader.h"

namespace bestow::server {
namespace {

// Browsers and others refuse what lasts longer; short ones are for tests.
constexpr absl::Duration kMinValidity = absl::Seconds(1);
constexpr absl::Duration kMaxValidity = absl::Hours(24 * 398);
// What comes after leaves no time for tries.
constexpr double kMinFraction = 0.1;
constexpr double kMaxFraction = 0.95;
constexpr char kFolder[] = "upstream/tls";

// The upstream of the service without a label, or of the first label, that is
// the same server: whom that takes for a registration authority may ask.
const UpstreamConnection* FindIntroducer(const Config& config) {
  const ServerUrl& server = config.tls.upstream.server;
  const auto is_there = [&server](const ServiceConfig& service) {
    const UpstreamConnection& other = service.upstream.connection;
    return service.upstream.forwards() &&
           absl::EqualsIgnoreCase(other.server.host, server.host) &&
           other.server.port == server.port;
  };
  if (is_there(config.service)) return &config.service.upstream.connection;
  for (const ServiceConfig& label : config.labels) {
    if (is_there(label)) return &label.upstream.connection;
  }
  return nullptr;
}

void ReadTlsUpstream(TomlReader& toml, Config& config) {
  UpstreamConnection& upstream = config.tls.upstream;
  if (!ReadUpstreamConnection(toml, kFolder, upstream)) return;
  if (config.tls.from != TlsFrom::kUpstream) {
    return toml.Complain(
        "url",
        "is where the server's own certificate comes from, which is for "
        "tls.from = \"upstream\"");
  }
  if (upstream.server.host.empty() || !upstream.secret_file.empty()) return;
  const UpstreamConnection* introducer = FindIntroducer(config);
  if (introducer == nullptr) {
    return toml.Complain(
        "secret_file",
        "is missing, and no [upstream] is at this server, whose registration "
        "authority could ask for the first certificate");
  }
  config.tls.introducer_folder = introducer->folder;
  if (absl::EqualsIgnoreCase(introducer->username, upstream.username)) {
    toml.Complain("username",
                  "must be another name than the registration authority's, "
                  "which asks for it");
  }
}

}  // namespace

void ReadTls(TomlReader& toml, Config& config) {
  TlsConfig& tls = config.tls;
  toml.InTable("tls", [&] {
    int from = static_cast<int>(tls.from);
    toml.ReadChoice("from", {"ca", "upstream"}, &from);
    tls.from = static_cast<TlsFrom>(from);
    toml.ReadBool("renew", &tls.renew);
    toml.ReadDuration("validity", kMinValidity, kMaxValidity, &tls.validity);
    toml.ReadNumber("fraction", kMinFraction, kMaxFraction, &tls.fraction);
    toml.ReadBool("new_key", &tls.new_key);
    toml.InTable("upstream", [&] { ReadTlsUpstream(toml, config); });
    if (tls.from != TlsFrom::kUpstream) return;
    if (tls.upstream.server.host.empty()) {
      toml.Complain("from", "\"upstream\" needs [tls.upstream] with its url");
    }
    if (!tls.renew) {
      toml.Complain("renew", "what is from upstream is always renewed");
    }
    if (config.hostnames.empty()) {
      toml.Complain("from",
                    "\"upstream\" needs hostnames (at the top of the file): "
                    "what the certificate is for");
    }
  });
}

}  // namespace bestow::server
