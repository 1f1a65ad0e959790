#include "server/admin/certificate_commands.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "server/admin/operation_command.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxAnchorFile = 64 * 1024;

constexpr char kCertificatesList[] =
    R"(bestow-server certificates list --state_dir=DIR [--identity=NAME]
    [--label=LABEL] [--state=valid|expired|revoked|any] [--expiring=30d]
    [--serial=HEX] [--json]

Lists the issued certificates, oldest first: all, or those that meet every flag.
Works while the server runs.

  --identity   whose
  --label      issued by this label; "." is the service without one
  --state      valid: neither expired nor revoked
  --expiring   valid, and at an end within this time: 30d, 12h
  --serial     the serial number begins with these octets
  --json       as a JSON array, with more of each: dates, key, operation, reason
)";

constexpr char kCertificatesShow[] =
    R"(bestow-server certificates show --state_dir=DIR SERIAL [--json]

Shows the certificate whose serial number begins with SERIAL, in hexadecimal,
and the certificate itself in PEM. Works while the server runs.

  --json       as a JSON object
)";

constexpr char kCertificatesExport[] =
    R"(bestow-server certificates export --state_dir=DIR [--format=pem|csv|json]
    [--identity=NAME] [--label=LABEL] [--state=valid|expired|revoked|any]
    [--expiring=30d] [--serial=HEX]

Writes the issued certificates to stdout, oldest first: all, or those that meet
every flag. Works while the server runs.

  --format     pem (default): the certificates, each below a line that names it;
               csv: a line of RFC 4180 for each, with a heading, without the
               certificates; json: an array of objects, with the certificates
  --identity   whose
  --label      issued by this label; "." is the service without one
  --state      valid: neither expired nor revoked
  --expiring   valid, and at an end within this time: 30d, 12h
  --serial     the serial number begins with these octets
)";

constexpr char kStatistics[] =
    R"(bestow-server statistics --state_dir=DIR [--json]

Counts the certificates of each label: valid, expired and revoked ones, those
that end within 1, 7, 30 and 90 days, and those issued on each of the last 30
days; the identities, waiting requests and usable one-time secrets. Works while
the server runs.

  --json       as a JSON object
)";

constexpr char kAnchorsList[] =
    R"(bestow-server anchors list --state_dir=DIR [--label=LABEL] [--json]

Lists the manufacturers' CAs in the database, whose devices' certificates are
good for a first enrollment, beside those of auth.idevid_anchors in the config.
Works while the server runs.

  --label      those of this label; "." is the service without one
  --json       as a JSON array
)";

constexpr char kAnchorsAdd[] =
    R"(bestow-server anchors add --state_dir=DIR NAME --file=FILE [--label=LABEL]
    [--json]

Trusts a manufacturer's CA for first enrollments (RFC 7030 3.3.2) at a label,
from now on, on every server of this database. NAME is what `anchors list` calls
it. Compare its fingerprint with what the manufacturer publishes. Works while
the server runs.

  --file       the CA's certificate in PEM
  --label      the label; "." (default) is the service without one
  --json       print what was done as JSON
)";

constexpr char kAnchorsRemove[] =
    R"(bestow-server anchors remove --state_dir=DIR ID [--json]

Trusts the CA with the number ID of `anchors list` no longer. What was issued
stays valid. Works while the server runs.

  --json       print what was done as JSON
)";

constexpr char kReload[] = R"(bestow-server reload --state_dir=DIR [--json]

Has the running server load its config, CAs and certificates again, as SIGHUP
does, and says what came of it. When something in them is wrong, the exit code
is 3 and the server goes on with what it had.

  --json       print what was done as JSON
)";

int Failed(const Console& console, const absl::Status& status) {
  return Report(console, ExitCodeOf(status), status);
}

// RFC 4180 2: a field with a quote, comma or line break stands in quotes.
// Spreadsheets take a text that begins so for a formula.
std::string CsvField(const Json& value) {
  std::string text = value.is_string() ? value.get<std::string>()
                     : value.is_null() ? ""
                                       : JsonLine(value);
  if (!text.empty() &&
      std::string_view("=+-@").find(text[0]) != std::string_view::npos) {
    text.insert(0, "'");
  }
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

void PrintCsv(const Json& items, bool with_heading, std::ostream& out) {
  static constexpr const char* kFields[] = {
      "serial",        "identity",   "label",     "state",     "subject",
      "not_before",    "not_after",  "issued_at", "operation", "key_sha256",
      "issuer_key_id", "revoked_at", "reason"};
  if (with_heading) out << absl::StrJoin(kFields, ",") << "\r\n";
  for (const Json& item : items) {
    std::vector<std::string> fields;
    for (const char* name : kFields) {
      const auto found = item.find(name);
      fields.push_back(found == item.end() ? "" : CsvField(*found));
    }
    out << absl::StrJoin(fields, ",") << "\r\n";
  }
}

int ExportCertificates(const Console& console, const CommandLine& line) {
  const std::string& format = line.Text("format");
  if (format != "pem" && format != "csv" && format != "json") {
    return Failed(console,
                  absl::InvalidArgumentError(absl::StrCat(
                      "--format=", format, " is none of pem, csv, json")));
  }
  Command command;
  AdminCall call;
  call.operation = "certificates export";
  call.arguments = ArgumentsOf(command, line);
  call.arguments.erase("format");
  bool any = false;
  absl::Status status =
      ForEachPage(console, line, std::move(call), [&](const Json& items) {
        if (format == "csv") {
          PrintCsv(items, !any, console.out);
        } else {
          for (const Json& item : items) {
            if (format == "json") {
              console.out << (any ? ",\n  " : "[\n  ") << JsonLine(item);
            } else {
              console.out << TextOf(item, "serial") << " "
                          << TextOf(item, "subject") << "\n"
                          << TextOf(item, "pem");
            }
            any = true;
          }
        }
        any = any || format == "csv";
      });
  if (!status.ok()) return Failed(console, status);
  if (format == "json") console.out << (any ? "\n]\n" : "[]\n");
  return kExitOk;
}

int AddAnchor(const Console& console, const CommandLine& line) {
  const std::string& file = line.Text("file");
  if (file.empty()) {
    return Failed(console,
                  absl::InvalidArgumentError("--file=FILE is missing"));
  }
  absl::StatusOr<std::string> pem = ReadFile(file, kMaxAnchorFile);
  if (!pem.ok()) return Failed(console, pem.status());
  Command command;
  command.argument = "NAME";
  AdminCall call;
  call.operation = "anchors add";
  call.arguments = ArgumentsOf(command, line);
  call.arguments.erase("file");
  call.arguments["pem"] = *std::move(pem);
  absl::StatusOr<Json> answer = RunOperation(console, line, call);
  if (!answer.ok()) return Failed(console, answer.status());
  PrintAnswer(console, line, *answer);
  return kExitOk;
}

}  // namespace

absl::Span<const Command> CertificateCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"certificates list",
       "list the issued certificates",
       kCertificatesList,
       {"state_dir", "identity", "label", "state", "expiring", "serial",
        "json"},
       "",
       nullptr,
       "serial! identity label state! not_after=expires!",
       "No such certificate has been issued."},
      {"certificates show",
       "show a certificate",
       kCertificatesShow,
       {"state_dir", "json"},
       "SERIAL"},
      {"certificates export",
       "write certificates as PEM, CSV or JSON",
       kCertificatesExport,
       {"state_dir", "format", "identity", "label", "state", "expiring",
        "serial"},
       "",
       ExportCertificates},
      {"statistics",
       "count: valid, expiring when, issued when",
       kStatistics,
       {"state_dir", "json"},
       ""},
      {"anchors list",
       "list the manufacturers' CAs that are trusted",
       kAnchorsList,
       {"state_dir", "label", "json"},
       "",
       nullptr,
       "id! label name subject not_after=expires! sha256",
       "The database has no trust anchor."},
      {"anchors add",
       "trust a manufacturer's CA at a label",
       kAnchorsAdd,
       {"state_dir", "file", "label", "json"},
       "NAME",
       AddAnchor},
      {"anchors remove",
       "trust it no longer",
       kAnchorsRemove,
       {"state_dir", "json"},
       "ID"},
      {"reload",
       "have the running server load its config again",
       kReload,
       {"state_dir", "json"},
       ""},
  };
  return *kCommands;
}

}  // namespace bestow::server
