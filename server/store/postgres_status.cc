#include "server/store/postgres_status.h"

#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace bestow::server {
namespace {

struct Rule {
  std::string_view prefix;  // of the SQLSTATE; the first that fits counts
  absl::StatusCode code;
  bool ends_connection;
  std::string_view advice;
};

constexpr Rule kRules[] = {
    {"23505", absl::StatusCode::kAlreadyExists, false, ""},
    {"08", absl::StatusCode::kUnavailable, true, ""},
    {"57P", absl::StatusCode::kUnavailable, true,
     ": the database stops or starts; the server goes on by itself when it is "
     "back"},
    {"57014", absl::StatusCode::kUnavailable, false,
     ": the database was too slow; look at its load and at who holds locks"},
    {"55P03", absl::StatusCode::kUnavailable, false, ""},
    {"40", absl::StatusCode::kUnavailable, false, ""},
    {"25P03", absl::StatusCode::kUnavailable, true, ""},
    {"53100", absl::StatusCode::kUnavailable, false,
     ": nothing was written; make room on the database's disk, the server then "
     "goes on by itself"},
    {"53300", absl::StatusCode::kUnavailable, true,
     ": raise max_connections of the database"},
    {"53", absl::StatusCode::kUnavailable, false, ""},
    {"58", absl::StatusCode::kUnavailable, false,
     ": look at the database's disk and log"},
    {"XX00", absl::StatusCode::kFailedPrecondition, false,
     ": stop the servers, keep the database for inspection and restore the "
     "last backup (bestow-server restore)"},
    {"25006", absl::StatusCode::kFailedPrecondition, true,
     ": this is a standby; add target_session_attrs=read-write to the "
     "connection"},
    {"28", absl::StatusCode::kFailedPrecondition, true,
     ": see [store] of the config and the database's pg_hba.conf"},
    {"3D000", absl::StatusCode::kFailedPrecondition, true,
     ": make it (createdb --encoding=UTF8)"},
    {"42501", absl::StatusCode::kFailedPrecondition, false,
     ": the user of the connection must own the database"},
    {"22021", absl::StatusCode::kInvalidArgument, false, ""},
};

}  // namespace

PostgresFailure JudgePostgresError(const char* sqlstate, const char* message) {
  const std::string_view state = sqlstate == nullptr ? "" : sqlstate;
  const std::string text = PostgresMessage(message);
  for (const Rule& rule : kRules) {
    if (!absl::StartsWith(state, rule.prefix)) continue;
    return {
        absl::Status(rule.code, absl::StrCat("database: ", text, rule.advice)),
        rule.ends_connection};
  }
  return {
      absl::InternalError(absl::StrCat("database: ", text, " (", state, ")")),
      false};
}

absl::Status ConnectFailure(const char* message) {
  const std::string text = PostgresMessage(message);
  // libpq gives no SQLSTATE here. What it says is in the server's language;
  // these are what a server says before it knows of one.
  for (const auto& [part, advice] :
       {std::pair<std::string_view, std::string_view>{
            "authentication failed",
            "see password_file in [store] and the database's pg_hba.conf"},
        {"no pg_hba.conf entry",
         "let this user in, in the database's pg_hba.conf"},
        {"no password supplied", "name a password_file in [store]"},
        {"root certificate file",
         "name the CA of the database as sslrootcert=FILE in the connection"},
        {"FATAL:  database", "make it (createdb --encoding=UTF8 --owner=USER)"},
        {"FATAL:  role", "make it (createuser)"}}) {
    if (absl::StrContains(text, part)) {
      return absl::FailedPreconditionError(
          absl::StrCat("can't open the database: ", text, ": ", advice));
    }
  }
  return absl::UnavailableError(
      absl::StrCat("can't reach the database: ", text,
                   ": see that it runs and that [store] names its host"));
}

std::string PostgresMessage(const char* message) {
  std::string text(
      absl::StripAsciiWhitespace(message == nullptr ? "" : message));
  return absl::StrReplaceAll(text, {{"\n", " "}, {"\t", " "}, {"\r", " "}});
}

}  // namespace bestow::server
