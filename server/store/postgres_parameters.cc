#include "server/store/postgres_parameters.h"

#include <postgresql/libpq-fe.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxPasswordBytes = 4096;

using ConnectionInfo =
    std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

absl::StatusOr<ConnectionInfo> ParseConnection(const std::string& text) {
  char* error = nullptr;
  ConnectionInfo info(PQconninfoParse(text.c_str(), &error), &PQconninfoFree);
  if (info != nullptr) {
    for (const PQconninfoOption* option = info.get();
         option->keyword != nullptr; ++option) {
      if (option->val != nullptr &&
          std::string_view(option->keyword) == "password") {
        return absl::InvalidArgumentError(
            "the connection must not hold a password, which anybody could read "
            "there: put it into a file and name that as password_file");
      }
    }
    return info;
  }
  // The message may quote what was meant as a password.
  PQfreemem(error);
  return absl::InvalidArgumentError(
      "not a connection of PostgreSQL, like \"host=/run/postgresql "
      "dbname=bestow user=bestow\"");
}

absl::StatusOr<Secret> ReadPassword(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't read the database's password from ", path));
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("others may read the database's password in ", path,
                     ": make it the server's own (chmod 600)"));
  }
  absl::StatusOr<std::string> text = ReadFile(path, kMaxPasswordBytes);
  if (!text.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the database's password: ", text.status().message()));
  }
  // A Secret ends with a NUL for libpq, and is cleansed.
  Secret password(absl::StrCat(absl::StripTrailingAsciiWhitespace(*text),
                               std::string(1, 0)));
  Cleanse(text->data(), text->size());
  return password;
}

// What has a value for each host, between commas.
bool IsHostList(std::string_view keyword) {
  return keyword == "host" || keyword == "hostaddr" || keyword == "port";
}

size_t CountHosts(const PQconninfoOption* info) {
  size_t count = 1;
  for (; info->keyword != nullptr; ++info) {
    if (info->val == nullptr || !IsHostList(info->keyword)) continue;
    const std::string_view list = info->val;
    count = std::max(count, 1 + static_cast<size_t>(
                                    std::count(list.begin(), list.end(), ',')));
  }
  return count;
}

PostgresParameters ParametersOf(const PQconninfoOption* info, size_t host) {
  PostgresParameters parameters;
  // Ours first: what the connection says itself comes later and wins. Without
  // the first four a machine that vanished would be waited for for hours.
  // Whoever stands between could read and change all; a unix socket has no
  // TLS, and needs none.
  parameters.Add("keepalives_idle", "10");
  parameters.Add("keepalives_interval", "5");
  parameters.Add("keepalives_count", "3");
  parameters.Add("tcp_user_timeout", "15000");
  parameters.Add("sslmode", "verify-full");
  parameters.Add("client_encoding", "UTF8");
  parameters.Add("fallback_application_name", "bestow-server");
  for (; info->keyword != nullptr; ++info) {
    if (info->val == nullptr) continue;
    if (!IsHostList(info->keyword)) {
      parameters.Add(info->keyword, info->val);
      continue;
    }
    const std::vector<std::string> list = absl::StrSplit(info->val, ',');
    // One port may be that of all hosts.
    const size_t at = list.size() == 1 ? 0 : host;
    parameters.Add(info->keyword, at < list.size() ? list[at] : "");
  }
  return parameters;
}

}  // namespace

absl::Status CheckPostgresConnection(const std::string& connection) {
  return ParseConnection(connection).status();
}

PostgresParameters::Arrays PostgresParameters::arrays() const {
  Arrays arrays;
  for (const auto& [keyword, value] : parameters_) {
    arrays.keywords.push_back(keyword.c_str());
    arrays.values.push_back(value.c_str());
  }
  if (password_ != nullptr) {
    arrays.keywords.push_back("password");
    arrays.values.push_back(password_->text().data());
  }
  arrays.keywords.push_back(nullptr);
  arrays.values.push_back(nullptr);
  return arrays;
}

absl::StatusOr<std::vector<PostgresParameters>> ReadPostgresParameters(
    const PostgresOptions& options) {
  absl::StatusOr<ConnectionInfo> info = ParseConnection(options.connection);
  if (!info.ok()) return info.status();
  std::shared_ptr<const Secret> password;
  if (!options.password_file.empty()) {
    absl::StatusOr<Secret> read = ReadPassword(options.password_file);
    if (!read.ok()) return read.status();
    password = std::make_shared<const Secret>(*std::move(read));
  }
  std::vector<PostgresParameters> hosts;
  const size_t count = CountHosts(info->get());
  for (size_t host = 0; host < count; ++host) {
    hosts.push_back(ParametersOf(info->get(), host));
    hosts.back().SetPassword(password);
  }
  return hosts;
}

}  // namespace bestow::server
