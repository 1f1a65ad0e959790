#include "server/admin/operation_command.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/admin/admin_session.h"
#include "server/admin/present.h"

namespace bestow::server {
namespace {

void PrintNotes(const Console& console, const Json& answer) {
  const auto notes = answer.find("notes");
  if (notes == answer.end() || !notes->is_array()) return;
  for (const Json& note : *notes) {
    console.err << "bestow-server: note: " << CellText("note", note) << "\n";
  }
}

// A JSON array of all pages' items, one a line.
class JsonRows {
 public:
  explicit JsonRows(std::ostream& out) : out_(out) { out_ << "["; }
  void Print(const Json& items) {
    for (const Json& item : items) {
      out_ << (any_ ? ",\n  " : "\n  ") << JsonLine(item);
      any_ = true;
    }
  }
  void End() { out_ << (any_ ? "\n]\n" : "]\n"); }

 private:
  std::ostream& out_;
  bool any_ = false;
};

// Follows "next" from page to page; `first` is called with an answer that is no
// list, and ends it.
absl::Status Follow(const Console& console, AdminSession& session,
                    AdminCall call,
                    const std::function<void(const Json&)>& page,
                    const std::function<void(const Json&)>& single) {
  while (true) {
    absl::StatusOr<Json> answer = session.Run(call);
    if (!answer.ok()) return answer.status();
    if (!answer->is_object()) return absl::InternalError("no object came back");
    PrintNotes(console, *answer);
    const auto items = answer->find("items");
    if (items == answer->end() || !items->is_array()) {
      single(*answer);
      return absl::OkStatus();
    }
    page(*items);
    const std::optional<int64_t> next = NumberOf(*answer, "next");
    if (!next.has_value()) return absl::OkStatus();
    call.arguments["after"] = *next;
  }
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kFailedPrecondition:
      return kExitState;
    default:
      return kExitFailed;
  }
}

Json ArgumentsOf(const Command& command, const CommandLine& line) {
  Json arguments = Json::object();
  for (const auto& [name, flag] : line.flags()) {
    if (name == "state_dir" || name == "json") continue;
    if (flag.is_bool) {
      if (flag.given) arguments[name] = flag.value == "true";
    } else if (!flag.value.empty()) {
      arguments[name] = flag.value;
    }
  }
  std::string_view argument = command.argument;
  absl::ConsumePrefix(&argument, "[");
  absl::ConsumeSuffix(&argument, "]");
  if (!argument.empty() && !line.argument().empty()) {
    arguments[absl::AsciiStrToLower(argument)] = line.argument();
  }
  return arguments;
}

void PrintAnswer(const Console& console, const CommandLine& line,
                 const Json& answer) {
  if (line.IsOn("json")) {
    console.out << JsonPage(answer);
    return;
  }
  const std::string message = TextOf(answer, "message");
  if (!message.empty()) {
    console.out << message << "\n";
  } else {
    PrintObject(answer, console.out);
  }
}

int RunOperationCommand(const Console& console, const Command& command,
                        const CommandLine& line) {
  absl::StatusOr<std::unique_ptr<AdminSession>> session =
      AdminSession::Open(line.state_dir(), console.clock);
  if (!session.ok()) {
    return Report(console, ExitCodeOf(session.status()), session.status());
  }
  AdminCall call;
  call.operation = std::string(command.name);
  call.arguments = ArgumentsOf(command, line);
  std::optional<JsonRows> json;
  Table table(command.columns);
  bool listed = false, any = false;
  absl::Status status = Follow(
      console, **session, std::move(call),
      [&](const Json& items) {
        listed = true;
        any = any || !items.empty();
        if (line.IsOn("json")) {
          if (!json.has_value()) json.emplace(console.out);
          json->Print(items);
        } else if (!items.empty()) {
          table.Print(items, console.out);
        }
      },
      [&](const Json& answer) { PrintAnswer(console, line, answer); });
  if (json.has_value()) json->End();
  if (!status.ok()) return Report(console, ExitCodeOf(status), status);
  if (listed && !any && !line.IsOn("json")) {
    console.out << command.nothing << "\n";
  }
  return kExitOk;
}

absl::StatusOr<Json> RunOperation(const Console& console,
                                  const CommandLine& line,
                                  const AdminCall& call) {
  absl::StatusOr<std::unique_ptr<AdminSession>> session =
      AdminSession::Open(line.state_dir(), console.clock);
  if (!session.ok()) return session.status();
  absl::StatusOr<Json> answer = (*session)->Run(call);
  if (answer.ok()) PrintNotes(console, *answer);
  return answer;
}

absl::Status ForEachPage(const Console& console, const CommandLine& line,
                         AdminCall call,
                         const std::function<void(const Json& items)>& visit) {
  absl::StatusOr<std::unique_ptr<AdminSession>> session =
      AdminSession::Open(line.state_dir(), console.clock);
  if (!session.ok()) return session.status();
  return Follow(console, **session, std::move(call), visit, [](const Json&) {});
}

}  // namespace bestow::server
