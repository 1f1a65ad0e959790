#include "agent/config/identity_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/config/settings.h"
#include "common/tpm/key_policy.h"

namespace bestow::agent {
namespace {

constexpr size_t kMaxNameChars = 32;
constexpr size_t kSha256HexChars = 64;
constexpr size_t kMaxPskIdBytes = 64;
constexpr absl::Duration kShortestRetry = absl::Milliseconds(100);
constexpr absl::Duration kShortestInterval = absl::Minutes(1);

bool IsNameChar(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' ||
         c == '_';
}

void ReadServer(Settings from, IdentityConfig* config) {
  from.KeepTogether({"ca_file", "ca_sha256"});
  const std::string url_text = from.RequiredString("url");
  auto url = ParseServerUrl(url_text);
  if (url.ok()) {
    config->server = *std::move(url);
  } else {
    from.Mistake("url", url.status().message());
  }
  config->ca_file = from.String("ca_file").value_or("");
  if (const auto tls = from.String("tls")) {
    config->tls_1_2 = *tls != "1.3";
    config->tls_1_3 = *tls != "1.2";
    if (*tls != "1.2" && *tls != "1.3" && *tls != "any") {
      from.Mistake("tls", "must be \"any\", \"1.2\" or \"1.3\"");
    }
  }
  const auto pin = from.String("ca_sha256");
  if (config->ca_file.empty() == !pin.has_value()) {
    from.Mistake(pin ? "ca_sha256" : "ca_file",
                 "give either ca_file or ca_sha256, so that the server can be "
                 "trusted");
  }
  if (!pin) return;
  const std::string hex = absl::StrReplaceAll(*pin, {{":", ""}});
  if (hex.size() != kSha256HexChars ||
      !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
    from.Mistake("ca_sha256",
                 "must be the 64 hex digits of a SHA-256 fingerprint (openssl "
                 "x509 -fingerprint -sha256)");
    return;
  }
  std::string digest;
  if (absl::HexStringToBytes(hex, &digest)) {
    config->ca_sha256 = ToBytes(AsBytes(digest));
  }
}

void ReadIdentity(Settings from, IdentityConfig* config) {
  config->username = from.RequiredString("username");
  // RFC 7617 2: a user-id can't hold a colon.
  if (std::any_of(config->username.begin(), config->username.end(),
                  [](char c) { return c == ':' || absl::ascii_iscntrl(c); })) {
    from.Mistake("username", "must not hold a colon or control characters");
  }
  config->secret_file = from.RequiredString("secret_file");
  const auto subject = from.String("subject");
  auto name = subject ? Name::FromText(*subject)
                      : Name::FromCommonName(config->username);
  if (name.ok()) {
    config->subject = *std::move(name);
  } else {
    from.Mistake(subject ? "subject" : "username", name.status().message());
  }
  if (const auto text = from.String("key_type")) {
    auto type = KeyTypeByName(*text);
    if (!type.ok() || *type == KeyType::kEd25519) {
      from.Mistake("key_type",
                   "must be \"ec-p256\", \"ec-p384\", \"rsa-2048\" or "
                   "\"rsa-3072\"");
    } else {
      config->key_type = *type;
    }
  }
  config->key_auth_file = from.String("key_auth_file").value_or("");
  config->key_no_da = from.Bool("key_no_da").value_or(false);
  if (config->key_no_da && config->key_auth_file.empty()) {
    from.Mistake("key_no_da", "is for keys with a key_auth_file");
  }
  if (const auto text = from.String("key_pcrs")) {
    auto pcrs = ParsePcrList(*text);
    if (!pcrs.ok()) from.Mistake("key_pcrs", pcrs.status().message());
    config->key_pcrs = pcrs.value_or(std::vector<int>());
  }
  for (const std::string& text :
       from.Strings("sans").value_or(std::vector<std::string>())) {
    auto san = GeneralName::FromText(text);
    if (san.ok()) {
      config->sans.push_back(*std::move(san));
    } else {
      from.Mistake("sans", san.status().message());
    }
  }
}

// [server_keys], for bestow-agent server-key.
void ReadServerKeys(Settings from, IdentityConfig* config) {
  from.KeepTogether({"psk_id", "psk_file"});
  const auto id = from.String("psk_id");
  config->psk_file = from.String("psk_file").value_or("");
  if (id.has_value() == config->psk_file.empty()) {
    from.Mistake(id ? "psk_id" : "psk_file",
                 "give both psk_id and psk_file, or neither");
  }
  if (!id) return;
  std::string octets;
  if (id->empty() || id->size() > 2 * kMaxPskIdBytes || id->size() % 2 != 0 ||
      !std::all_of(id->begin(), id->end(), absl::ascii_isxdigit) ||
      !absl::HexStringToBytes(*id, &octets)) {
    from.Mistake("psk_id",
                 "must be the key identifier's hex digits, as the server's "
                 "psks add shows them");
    return;
  }
  config->psk_id = ToBytes(AsBytes(octets));
}

absl::Duration ReadInterval(Settings& from, std::string_view key,
                            absl::Duration otherwise) {
  if (from.String(key) == "never") return absl::InfiniteDuration();
  const auto interval = from.Duration(key);
  if (interval && *interval < kShortestInterval) {
    from.Mistake(key, "must be at least 1m, or \"never\"");
  }
  return interval.value_or(otherwise);
}

void ReadRenewal(Settings from, IdentityConfig* config) {
  ScheduleOptions& schedule = config->schedule;
  schedule.fraction = from.Number("fraction").value_or(schedule.fraction);
  // Close to zero: a renewal at every start, as crash tests want.
  if (!(schedule.fraction > 0 && schedule.fraction <= 0.95)) {
    from.Mistake("fraction", "must be above 0, and at most 0.95");
  }
  schedule.jitter = from.Number("jitter").value_or(schedule.jitter);
  if (!(schedule.jitter >= 0 && schedule.jitter <= 0.5)) {
    from.Mistake("jitter", "must be between 0 and 0.5");
  }
  schedule.retry_min = from.Duration("retry_min").value_or(schedule.retry_min);
  if (schedule.retry_min < kShortestRetry) {
    from.Mistake("retry_min", "must be at least 100ms");
  }
  schedule.retry_max = from.Duration("retry_max").value_or(schedule.retry_max);
  if (schedule.retry_max < schedule.retry_min ||
      schedule.retry_max > absl::Hours(24 * 7)) {
    const bool only_min = from.IsOwn("retry_min") && !from.IsOwn("retry_max");
    from.Mistake(only_min ? "retry_min" : "retry_max",
                 only_min ? "must not be above retry_max"
                          : "must be between retry_min and 168h (a week)");
  }
  schedule.cacerts_interval =
      ReadInterval(from, "cacerts_interval", schedule.cacerts_interval);
  schedule.info_interval =
      ReadInterval(from, "info_interval", schedule.info_interval);
  schedule.same_key = from.Bool("same_key").value_or(schedule.same_key);
  schedule.expired_grace =
      from.Duration("expired_grace").value_or(schedule.expired_grace);
  if (schedule.expired_grace < absl::ZeroDuration()) {
    from.Mistake("expired_grace", "must not be negative");
  }
}

// Of [identity], and of [identities.NAME] beside its subsections.
const std::vector<std::string_view>& IdentityKeys() {
  static const auto* const keys = new std::vector<std::string_view>{
      "username", "secret_file",   "subject",   "sans",
      "key_type", "key_auth_file", "key_no_da", "key_pcrs"};
  return *keys;
}

void ExpectSharedKeys(TomlFile& file, const std::string& prefix) {
  file.ExpectKeys(prefix + "server", {"url", "ca_file", "ca_sha256", "tls"});
  file.ExpectKeys(
      prefix + "renewal",
      {"fraction", "jitter", "retry_min", "retry_max", "cacerts_interval",
       "info_interval", "same_key", "expired_grace"});
  file.ExpectKeys(prefix + "server_keys", {"psk_id", "psk_file"});
}

}  // namespace

absl::Status CheckIdentityName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameChars ||
      !std::all_of(name.begin(), name.end(), IsNameChar) || name[0] == '-' ||
      name[0] == '_') {
    return absl::InvalidArgumentError(
        "an identity's name must be 1 to 32 of a-z, 0-9, - and _, and begin "
        "with a letter or digit");
  }
  return absl::OkStatus();
}

IdentityConfig ReadDefaultIdentity(TomlFile& file) {
  ExpectSharedKeys(file, "");
  file.ExpectKeys("identity", IdentityKeys());
  IdentityConfig config;
  ReadServer(Settings(file, "server"), &config);
  ReadIdentity(Settings(file, "identity"), &config);
  ReadRenewal(Settings(file, "renewal"), &config);
  ReadServerKeys(Settings(file, "server_keys"), &config);
  return config;
}

IdentityConfig ReadNamedIdentity(TomlFile& file, const std::string& name) {
  ExpectSharedKeys(file, "");
  const std::string section = absl::StrCat("identities.", name);
  std::vector<std::string_view> keys = IdentityKeys();
  keys.insert(keys.end(), {"server", "renewal", "server_keys"});
  file.ExpectKeys(section, keys);
  ExpectSharedKeys(file, section + ".");
  IdentityConfig config;
  config.name = name;
  ReadServer(Settings(file, section + ".server", "server"), &config);
  ReadIdentity(Settings(file, section), &config);
  ReadRenewal(Settings(file, section + ".renewal", "renewal"), &config);
  ReadServerKeys(Settings(file, section + ".server_keys", "server_keys"),
                 &config);
  return config;
}

}  // namespace bestow::agent
