#include "server/config/config.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/pki/name.h"
#include "server/config/known_names.h"
#include "server/config/name_template.h"
#include "server/config/toml_reader.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kMinTimeout = absl::Milliseconds(100);
constexpr absl::Duration kMaxTimeout = absl::Hours(1);

// Reads a list of names and gives each to `take`, which may refuse it.
void ReadNames(TomlReader& toml, std::string_view key,
               std::vector<std::string>* names,
               const std::function<absl::Status(const std::string&)>& take) {
  toml.ReadTexts(key, names);
  for (const std::string& name : *names) {
    absl::Status status = take(name);
    if (!status.ok()) toml.Complain(key, status.message());
  }
}

void ReadOids(
    TomlReader& toml, std::string_view key, std::vector<std::string> defaults,
    const std::function<absl::StatusOr<der::Oid>(std::string_view)>& by_name,
    std::vector<der::Oid>* oids) {
  oids->clear();
  ReadNames(toml, key, &defaults, [&](const std::string& name) {
    absl::StatusOr<der::Oid> oid = by_name(name);
    if (oid.ok()) oids->push_back(*std::move(oid));
    return oid.status();
  });
}

// A template must make a name of an ordinary identity.
constexpr char kSampleIdentity[] = "gw-17";

void ReadProfile(TomlReader& toml, ProfileConfig& profile) {
  // Short ones are for tests and demonstrations; ten years is a device's life.
  toml.ReadDuration("validity", absl::Seconds(1), 3653 * kDay,
                    &profile.validity);
  toml.ReadDuration("backdate", absl::ZeroDuration(), 7 * kDay,
                    &profile.backdate);
  std::vector<std::string> usages = {"digitalSignature"};
  profile.key_usage = 0;
  ReadNames(toml, "key_usage", &usages, [&](const std::string& name) {
    absl::StatusOr<uint32_t> bit = KeyUsageByName(name);
    if (bit.ok()) profile.key_usage |= *bit;
    return bit.status();
  });
  if (usages.empty()) toml.Complain("key_usage", "needs at least one");
  ReadOids(toml, "extended_key_usage", {"clientAuth"}, PurposeByName,
           &profile.extended_key_usage);
  toml.ReadText("subject", &profile.subject);
  absl::StatusOr<Name> subject =
      RenderSubject(profile.subject, kSampleIdentity);
  if (!subject.ok()) toml.Complain("subject", subject.status().message());
  ReadNames(toml, "sans", &profile.sans, [](const std::string& san) {
    return RenderSan(san, kSampleIdentity).status();
  });
}

void ReadLimits(TomlReader& toml, LimitsConfig& limits) {
  toml.ReadInt("connections", 1, 1'000'000, &limits.connections);
  toml.ReadInt("body_bytes", 1024, 1 << 20, &limits.body_bytes);
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
}

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
  toml.ReadText("realm", &config.realm);
  if (config.realm.empty() ||
      !std::all_of(config.realm.begin(), config.realm.end(), [](char c) {
        return absl::ascii_isprint(static_cast<unsigned char>(c));
      })) {
    toml.Complain("realm", "must be printable ASCII, and not empty");
  }
  toml.InTable("profile", [&] { ReadProfile(toml, config.profile); });
  toml.InTable("one_time_secrets", [&] {
    toml.ReadDuration("retry_window", absl::ZeroDuration(), 365 * kDay,
                      &config.secret_retry_window);
  });
  toml.InTable("csr_attrs", [&] {
    ReadOids(toml, "oids", {}, CsrAttributeByName, &config.csr_attrs);
  });
  toml.InTable("reply", [&] {
    int choice = 0;
    toml.ReadChoice("line_wrap", {"auto", "always", "never"}, &choice);
    constexpr est::LineWrap kWraps[] = {
        est::LineWrap::kAuto, est::LineWrap::kAlways, est::LineWrap::kNever};
    config.line_wrap = kWraps[choice];
  });
  toml.InTable("limits", [&] { ReadLimits(toml, config.limits); });
  absl::Status status = toml.Finish();
  if (!status.ok()) return status;
  return config;
}

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
