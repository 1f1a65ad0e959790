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

void ReadServer(TomlFile& file, Config* config) {
  const std::string url_text = file.RequiredString("server", "url");
  auto url = ParseServerUrl(url_text);
  if (url.ok()) {
    config->server = *std::move(url);
  } else {
    file.Mistake("server", "url", url.status().message());
  }
  config->ca_file = file.String("server", "ca_file").value_or("");
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
                 "add-psk shows them");
    return;
  }
  config->psk_id = ToBytes(AsBytes(octets));
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
}

}  // namespace

absl::StatusOr<Config> ParseConfigToml(std::string_view text,
                                       std::string name) {
  auto file = TomlFile::Parse(text, std::move(name));
  if (!file.ok()) return file.status();
  file->ExpectKeys(
      "", {"state_dir", "server", "tpm", "identity", "renewal", "server_keys"});
  file->ExpectKeys("server_keys", {"psk_id", "psk_file"});
  file->ExpectKeys("server", {"url", "ca_file", "ca_sha256"});
  file->ExpectKeys("tpm", {"tcti"});
  file->ExpectKeys("identity", {"username", "secret_file", "subject", "sans"});
  file->ExpectKeys("renewal", {"fraction", "jitter", "retry_min", "retry_max"});

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
