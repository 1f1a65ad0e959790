#include "agent/config/config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/config/toml_file.h"
#include "common/base/file.h"

namespace bestow::agent {
namespace {

constexpr size_t kMaxConfigBytes = 64 * 1024;
constexpr size_t kMaxSecretBytes = 4 * 1024;
constexpr size_t kSha256HexChars = 64;
constexpr size_t kMaxPskIdBytes = 64;
constexpr absl::Duration kShortestRetry = absl::Milliseconds(100);
constexpr absl::Duration kShortestInterval = absl::Minutes(1);

void ReadServer(TomlFile& file, Config* config) {
  const std::string url_text = file.RequiredString("server", "url");
  auto url = ParseServerUrl(url_text);
  if (url.ok()) {
    config->server = *std::move(url);
  } else {
    file.Mistake("server", "url", url.status().message());
  }
  config->ca_file = file.String("server", "ca_file").value_or("");
  if (const auto tls = file.String("server", "tls")) {
    config->tls_1_2 = *tls != "1.3";
    config->tls_1_3 = *tls != "1.2";
    if (*tls != "1.2" && *tls != "1.3" && *tls != "any") {
      file.Mistake("server", "tls", "must be \"any\", \"1.2\" or \"1.3\"");
    }
  }
  const auto pin = file.String("server", "ca_sha256");
  if (config->ca_file.empty() == !pin.has_value()) {
    file.Mistake("server", pin ? "ca_sha256" : "ca_file",
                 "give either ca_file or ca_sha256, so that the server can be "
                 "trusted");
  }
  if (!pin) return;
  const std::string hex = absl::StrReplaceAll(*pin, {{":", ""}});
  if (hex.size() != kSha256HexChars ||
      !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
    file.Mistake("server", "ca_sha256",
                 "must be the 64 hex digits of a SHA-256 fingerprint (openssl "
                 "x509 -fingerprint -sha256)");
    return;
  }
  std::string digest;
  if (absl::HexStringToBytes(hex, &digest)) {
    config->ca_sha256 = ToBytes(AsBytes(digest));
  }
}

void ReadIdentity(TomlFile& file, Config* config) {
  config->username = file.RequiredString("identity", "username");
  // RFC 7617 2: a user-id can't hold a colon.
  if (std::any_of(config->username.begin(), config->username.end(),
                  [](char c) { return c == ':' || absl::ascii_iscntrl(c); })) {
    file.Mistake("identity", "username",
                 "must not hold a colon or control characters");
  }
  config->secret_file = file.RequiredString("identity", "secret_file");
  const auto subject = file.String("identity", "subject");
  auto name = subject ? Name::FromText(*subject)
                      : Name::FromCommonName(config->username);
  if (name.ok()) {
    config->subject = *std::move(name);
  } else {
    file.Mistake("identity", subject ? "subject" : "username",
                 name.status().message());
  }
  if (const auto text = file.String("identity", "key_type")) {
    auto type = KeyTypeByName(*text);
    if (!type.ok() || *type == KeyType::kEd25519) {
      file.Mistake("identity", "key_type",
                   "must be \"ec-p256\", \"ec-p384\", \"rsa-2048\" or "
                   "\"rsa-3072\"");
    } else {
      config->key_type = *type;
    }
  }
  for (const std::string& text :
       file.Strings("identity", "sans").value_or(std::vector<std::string>())) {
    auto san = GeneralName::FromText(text);
    if (san.ok()) {
      config->sans.push_back(*std::move(san));
    } else {
      file.Mistake("identity", "sans", san.status().message());
    }
  }
}

// [server_keys], for bestow-agent server-key.
void ReadServerKeys(TomlFile& file, Config* config) {
  const auto id = file.String("server_keys", "psk_id");
  config->psk_file = file.String("server_keys", "psk_file").value_or("");
  if (id.has_value() == config->psk_file.empty()) {
    file.Mistake("server_keys", id ? "psk_id" : "psk_file",
                 "give both psk_id and psk_file, or neither");
  }
  if (!id) return;
  std::string octets;
  if (id->empty() || id->size() > 2 * kMaxPskIdBytes || id->size() % 2 != 0 ||
      !std::all_of(id->begin(), id->end(), absl::ascii_isxdigit) ||
      !absl::HexStringToBytes(*id, &octets)) {
    file.Mistake("server_keys", "psk_id",
                 "must be the key identifier's hex digits, as the server's "
                 "psks add shows them");
    return;
  }
  config->psk_id = ToBytes(AsBytes(octets));
}

absl::Duration ReadInterval(TomlFile& file, std::string_view key,
                            absl::Duration otherwise) {
  if (file.String("renewal", key) == "never") return absl::InfiniteDuration();
  const auto interval = file.Duration("renewal", key);
  if (interval && *interval < kShortestInterval) {
    file.Mistake("renewal", key, "must be at least 1m, or \"never\"");
  }
  return interval.value_or(otherwise);
}

void ReadRenewal(TomlFile& file, Config* config) {
  ScheduleOptions& schedule = config->schedule;
  schedule.fraction =
      file.Number("renewal", "fraction").value_or(schedule.fraction);
  // Close to zero: a renewal at every start, as crash tests want.
  if (!(schedule.fraction > 0 && schedule.fraction <= 0.95)) {
    file.Mistake("renewal", "fraction", "must be above 0, and at most 0.95");
  }
  schedule.jitter = file.Number("renewal", "jitter").value_or(schedule.jitter);
  if (!(schedule.jitter >= 0 && schedule.jitter <= 0.5)) {
    file.Mistake("renewal", "jitter", "must be between 0 and 0.5");
  }
  schedule.retry_min =
      file.Duration("renewal", "retry_min").value_or(schedule.retry_min);
  if (schedule.retry_min < kShortestRetry) {
    file.Mistake("renewal", "retry_min", "must be at least 100ms");
  }
  schedule.retry_max =
      file.Duration("renewal", "retry_max").value_or(schedule.retry_max);
  if (schedule.retry_max < schedule.retry_min ||
      schedule.retry_max > absl::Hours(24 * 7)) {
    file.Mistake("renewal", "retry_max",
                 "must be between retry_min and 168h (a week)");
  }
  schedule.cacerts_interval =
      ReadInterval(file, "cacerts_interval", schedule.cacerts_interval);
  schedule.info_interval =
      ReadInterval(file, "info_interval", schedule.info_interval);
  schedule.same_key =
      file.Bool("renewal", "same_key").value_or(schedule.same_key);
  schedule.expired_grace = file.Duration("renewal", "expired_grace")
                               .value_or(schedule.expired_grace);
  if (schedule.expired_grace < absl::ZeroDuration()) {
    file.Mistake("renewal", "expired_grace", "must not be negative");
  }
}

}  // namespace

absl::StatusOr<Config> ParseConfigToml(std::string_view text,
                                       std::string name) {
  auto file = TomlFile::Parse(text, std::move(name));
  if (!file.ok()) return file.status();
  file->ExpectKeys(
      "", {"state_dir", "server", "tpm", "identity", "renewal", "server_keys"});
  file->ExpectKeys("server_keys", {"psk_id", "psk_file"});
  file->ExpectKeys("server", {"url", "ca_file", "ca_sha256", "tls"});
  file->ExpectKeys("tpm", {"tcti"});
  file->ExpectKeys("identity",
                   {"username", "secret_file", "subject", "sans", "key_type"});
  file->ExpectKeys("renewal", {"fraction", "jitter", "retry_min", "retry_max",
                               "cacerts_interval", "info_interval", "same_key",
                               "expired_grace"});

  Config config;
  config.state_dir = file->String("", "state_dir").value_or(config.state_dir);
  if (config.state_dir.empty() || config.state_dir[0] != '/') {
    file->Mistake("", "state_dir", "must be an absolute path");
  }
  config.tcti = file->String("tpm", "tcti").value_or(config.tcti);
  if (config.tcti.empty()) {
    file->Mistake("tpm", "tcti",
                  "must be such as \"device:/dev/tpmrm0\" or "
                  "\"swtpm:path=/run/swtpm.sock\"");
  }
  ReadServer(*file, &config);
  ReadIdentity(*file, &config);
  ReadRenewal(*file, &config);
  ReadServerKeys(*file, &config);
  if (!file->status().ok()) return file->status();
  return config;
}

absl::StatusOr<Config> ReadConfigFile(const std::string& path) {
  auto text = ReadFile(path, kMaxConfigBytes);
  if (!text.ok()) return text.status();
  return ParseConfigToml(*text, path);
}

absl::StatusOr<Secret> ReadSecretFile(const std::string& path) {
  auto text = ReadFile(path, kMaxSecretBytes);
  if (!text.ok()) return text.status();
  std::string_view trimmed = *text;
  while (!trimmed.empty() &&
         (trimmed.back() == '\n' || trimmed.back() == '\r')) {
    trimmed.remove_suffix(1);
  }
  Secret secret(trimmed);
  Cleanse(text->data(), text->size());
  if (secret.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the secret file ", path, " is empty"));
  }
  return secret;
}

}  // namespace bestow::agent
