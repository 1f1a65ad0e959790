#include "server/config/config.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/est/protocol.h"
#include "server/config/admin_reader.h"
#include "server/config/ca_keys_reader.h"
#include "server/config/profile_reader.h"
#include "server/config/revocation_reader.h"
#include "server/config/service_reader.h"
#include "server/config/store_reader.h"
#include "server/config/tls_reader.h"
#include "server/config/toml_reader.h"
#include "server/config/upstream_reader.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kMinTimeout = absl::Milliseconds(100);
constexpr absl::Duration kMaxTimeout = absl::Hours(1);

void ReadLimits(TomlReader& toml, LimitsConfig& limits) {
  toml.ReadInt("connections", 1, 1'000'000, &limits.connections);
  toml.ReadInt("header_bytes", 1024, 1 << 20, &limits.header_bytes);
  toml.ReadInt("requests_per_connection", 1, 1'000'000,
               &limits.requests_per_connection);
  toml.ReadDuration("handshake_timeout", kMinTimeout, kMaxTimeout,
                    &limits.handshake_timeout);
  toml.ReadDuration("header_timeout", kMinTimeout, kMaxTimeout,
                    &limits.header_timeout);
  toml.ReadDuration("body_timeout", kMinTimeout, kMaxTimeout,
                    &limits.body_timeout);
  toml.ReadDuration("idle_timeout", kMinTimeout, kMaxTimeout,
                    &limits.idle_timeout);
  toml.ReadDuration("drain_timeout", kMinTimeout, kMaxTimeout,
                    &limits.drain_timeout);
  toml.ReadInt("queued_issuances", 1, 1'000'000, &limits.queued_issuances);
  toml.ReadInt("queued_passwords", 1, 100'000, &limits.queued_passwords);
  toml.ReadInt("wrong_credentials", 1, 1'000'000, &limits.wrong_credentials);
  toml.ReadDuration("wrong_credentials_interval", kMinTimeout, kMaxTimeout,
                    &limits.wrong_credentials_interval);
}

// RFC 7030 3.2.2: what a path can have for a label.
bool IsLabel(const std::string& name) {
  const std::optional<est::Target> target =
      est::ParsePath(est::FormatPath(est::Operation::kCaCerts, name));
  return !name.empty() && target.has_value() && target->label == name;
}

}  // namespace

const ServiceConfig* Config::Find(std::string_view label) const {
  if (label.empty()) return &service;
  const auto it = std::find_if(
      labels.begin(), labels.end(),
      [label](const ServiceConfig& other) { return other.label == label; });
  return it == labels.end() ? nullptr : &*it;
}

int Config::MaxBodyBytes() const {
  int bytes = service.limits.body_bytes;
  for (const ServiceConfig& other : labels) {
    bytes = std::max(bytes, other.limits.body_bytes);
  }
  return bytes;
}

absl::StatusOr<Config> ParseConfig(std::string_view text,
                                   const std::string& file) {
  absl::StatusOr<std::unique_ptr<TomlReader>> parsed =
      TomlReader::Parse(text, file);
  if (!parsed.ok()) return parsed.status();
  TomlReader& toml = **parsed;
  Config config;
  toml.ReadTexts("listen", &config.listen);
  if (config.listen.empty()) {
    toml.Complain("listen", "needs at least one address, like \"[::]:8443\"");
  }
  toml.ReadTexts("hostnames", &config.hostnames);
  toml.ReadInt("workers", 0, 256, &config.workers);
  toml.InTable("limits", [&] { ReadLimits(toml, config.limits); });
  ReadAdmin(toml, config.admin);
  ReadHttp(toml, config.http);
  ReadRevocation(toml, config.revocation);
  ReadCaKeys(toml, config.ca_keys);
  ReadStore(toml, config.store);
  const NamedProfiles profiles = ReadNamedProfiles(toml);
  ReadService(toml, profiles, config.service);
  ReadUpstream(toml, config.service);
  toml.InNamedTables("labels", [&](const std::string& name) {
    ServiceConfig service = config.service;
    service.label = name;
    if (!IsLabel(name)) {
      toml.ComplainOfTable(
          "can't be a label: 1 to 64 of A-Z a-z 0-9 . _ ~ -, and not the name "
          "of an EST operation (RFC 7030 3.2.2)");
    }
    ReadService(toml, profiles, service);
    ReadUpstream(toml, service);
    config.labels.push_back(std::move(service));
  });
  ReadTls(toml, config);
  absl::Status status = toml.Finish();
  if (!status.ok()) return status;
  return config;
}

}  // namespace bestow::server
