#include "server/config/store_reader.h"

#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "server/config/ca_keys_reader.h"

namespace bestow::server {
namespace {

// "password = x", as a word of its own, or "postgresql://user:x@host".
bool HoldsPassword(std::string_view connection) {
  const std::string tight =
      absl::StrReplaceAll(connection, {{" =", "="}, {"\t", " "}});
  if (absl::StartsWith(tight, "password=") ||
      absl::StrContains(tight, " password=") ||
      absl::StrContains(tight, "?password=") ||
      absl::StrContains(tight, "&password=")) {
    return true;
  }
  const size_t authority = tight.find("://");
  if (authority == tight.npos) return false;
  const std::string_view rest = std::string_view(tight).substr(authority + 3);
  const size_t at = rest.substr(0, rest.find('/')).find('@');
  return at != rest.npos && absl::StrContains(rest.substr(0, at), ":");
}

}  // namespace

void ReadStore(TomlReader& toml, StoreConfig& config) {
  toml.InTable("store", [&] {
    int engine = 0;
    toml.ReadChoice("engine", {"sqlite", "postgresql"}, &engine);
    config.engine = static_cast<StoreEngine>(engine);
    toml.ReadText("connection", &config.connection);
    toml.ReadText("password_file", &config.password_file);
    if (toml.ReadText("password_credential", &config.password_credential) &&
        !IsCredentialName(config.password_credential)) {
      toml.Complain("password_credential",
                    "must be the name of a credential, as systemd's "
                    "LoadCredential= has it");
    }
    const bool postgresql = config.engine == StoreEngine::kPostgresql;
    if (postgresql && config.connection.empty()) {
      toml.Complain("connection",
                    "needs a connection of PostgreSQL, like "
                    "\"host=/run/postgresql dbname=bestow user=bestow\"");
    }
    if (!postgresql && !config.connection.empty()) {
      toml.Complain("connection", "is for engine = \"postgresql\"");
    }
    if (HoldsPassword(config.connection)) {
      toml.Complain("connection",
                    "must not hold the password: put it into a file and name "
                    "that as password_file");
    }
    if (!config.password_file.empty() && !config.password_credential.empty()) {
      toml.Complain("password_credential",
                    "and password_file: the password is in one place");
    }
  });
}

}  // namespace bestow::server
