#include "server/config/upstream_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/config/known_names.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kShortest = absl::Seconds(1);
constexpr absl::Duration kDay = absl::Hours(24);
constexpr size_t kSha256Hex = 64;
constexpr size_t kMaxUserName = 64;

void ReadAnchors(TomlReader& toml, UpstreamConnection& connection) {
  std::string hex;
  toml.ReadText("anchors", &connection.anchors);
  if (toml.ReadText("anchors_sha256", &hex)) {
    std::string digest;
    if (hex.size() == kSha256Hex && absl::HexStringToBytes(hex, &digest)) {
      connection.anchors_sha256 = ToBytes(AsBytes(digest));
    } else {
      toml.Complain("anchors_sha256",
                    "must be the SHA-256 of a CA certificate: 64 hex digits");
      return;
    }
  }
  if (connection.server.host.empty()) return;
  if (connection.anchors.empty() == !connection.anchors_sha256.has_value()) {
    toml.Complain(toml.Has("anchors_sha256") ? "anchors_sha256" : "anchors",
                  "give either anchors (a PEM file) or anchors_sha256 (a CA's "
                  "fingerprint), so that the upstream can be authenticated");
  }
}

// As Basic's name:password and a common name can carry it.
bool IsUserName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxUserName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isprint(static_cast<unsigned char>(c)) &&
                  c != ':';
         });
}

void ReadWhoWeAre(TomlReader& toml, UpstreamConnection& connection) {
  if (toml.ReadText("username", &connection.username) &&
      !IsUserName(connection.username)) {
    toml.Complain("username",
                  "must be 1 to 64 printable characters without a colon");
  }
  toml.ReadText("secret_file", &connection.secret_file);
  if (!connection.server.host.empty() && connection.username.empty()) {
    toml.Complain("username", "is missing: who this server is to the upstream");
  }
  std::string type;
  if (!toml.ReadText("key_type", &type)) return;
  absl::StatusOr<KeyType> known = KeyTypeByName(type);
  // An RSA key takes too long to make beside the requests.
  if (known.ok() &&
      (*known == KeyType::kEcP256 || *known == KeyType::kEcP384)) {
    connection.key_type = *known;
  } else {
    toml.Complain("key_type", "must be ec-p256 or ec-p384");
  }
}

void ReadConnection(TomlReader& toml, const std::string& label,
                    UpstreamConnection& connection) {
  const std::string folder =
      label.empty() ? "upstream/main" : absl::StrCat("upstream/label-", label);
  if (ReadUpstreamConnection(toml, folder, connection)) {
    toml.ReadInt("connections", 1, 64, &connection.connections);
    toml.ReadInt("queued", 1, 100'000, &connection.queued);
    return;
  }
  for (const char* key :
       {"anchors", "anchors_sha256", "username", "secret_file", "key_type",
        "timeout", "refresh", "connections", "queued"}) {
    if (!toml.Has(key)) continue;
    toml.Complain(key,
                  "is of a connection, which begins with its url: give that "
                  "here too");
    return;
  }
}

void ReadRules(TomlReader& toml, UpstreamConfig& upstream) {
  int when_down = static_cast<int>(upstream.when_down);
  toml.ReadChoice("when_down", {"retry", "local"}, &when_down);
  upstream.when_down = static_cast<WhenDown>(when_down);
  int csr_attrs = static_cast<int>(upstream.csr_attrs);
  toml.ReadChoice("csr_attrs", {"local", "upstream"}, &csr_attrs);
  upstream.csr_attrs = static_cast<CsrAttrsFrom>(csr_attrs);
  toml.ReadDuration("retry_after", kShortest, 7 * kDay, &upstream.retry_after);
  if (toml.ReadText("local_ca", &upstream.local_ca) &&
      !upstream.local_ca.empty() && !IsCaFolder(upstream.local_ca)) {
    toml.Complain("local_ca",
                  "must be \"ca\", or \"cas/NAME\" as `bestow-server ca "
                  "create` makes it");
  }
  toml.ReadDuration("local_validity", kShortest, 30 * kDay,
                    &upstream.local_validity);
  const bool is_local = upstream.when_down == WhenDown::kLocal;
  if (is_local && upstream.local_ca.empty()) {
    toml.Complain("when_down",
                  "\"local\" needs a local_ca that signs meanwhile");
  }
  if (!is_local && !upstream.local_ca.empty()) {
    toml.Complain(toml.Has("local_ca") ? "local_ca" : "when_down",
                  "a local_ca signs only with when_down = \"local\"");
  }
}

}  // namespace

bool ReadUpstreamConnection(TomlReader& toml, const std::string& folder,
                            UpstreamConnection& connection) {
  std::string url;
  if (!toml.ReadText("url", &url)) return false;
  connection = UpstreamConnection();
  connection.folder = folder;
  if (!url.empty()) {
    absl::StatusOr<ServerUrl> server = ParseServerUrl(url);
    if (server.ok()) {
      connection.server = *std::move(server);
    } else {
      toml.Complain("url", server.status().message());
    }
  }
  ReadAnchors(toml, connection);
  ReadWhoWeAre(toml, connection);
  toml.ReadDuration("timeout", kShortest, absl::Minutes(10),
                    &connection.timeout);
  toml.ReadDuration("refresh", kShortest, 30 * kDay, &connection.refresh);
  return true;
}

void ReadUpstream(TomlReader& toml, ServiceConfig& service) {
  UpstreamConfig& upstream = service.upstream;
  toml.InTable("upstream", [&] {
    ReadConnection(toml, service.label, upstream.connection);
    ReadRules(toml, upstream);
    if (!upstream.forwards()) return;
    // What the device signed goes on as it is: nothing can be put in its place.
    if (service.enrollment.server_keys) {
      toml.Complain("url",
                    "a service that forwards makes no keys for its clients: "
                    "set enrollment.server_keys = false");
    }
    if (service.enrollment.allow_name_change) {
      toml.Complain("url",
                    "a service that forwards changes no names: set "
                    "enrollment.allow_name_change = false");
    }
  });
}

}  // namespace bestow::server
