#include "server/est/exchange.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/est/reply.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

void AppendField(std::string* line, std::string_view key,
                 std::string_view value) {
  if (value.empty()) return;
  // One way to read it back: what is a backslash here is none of an escape.
  const std::string text =
      OneLine(absl::StrReplaceAll(value, {{"\\", "\\\\"}}));
  if (text.find_first_of(" \"=") == std::string::npos) {
    absl::StrAppend(line, " ", key, "=", text);
  } else {
    absl::StrAppend(line, " ", key, "=\"",
                    absl::StrReplaceAll(text, {{"\"", "\\\""}}), "\"");
  }
}

}  // namespace

void LogFields::AddNote(std::string_view more) {
  absl::StrAppend(&note, note.empty() ? "" : ", ", more);
}

Exchange::Exchange(HttpRequest request, ClientInfo client,
                   std::shared_ptr<const Snapshot> snapshot, Post post,
                   Reply reply, LogLine log_line, AuditTrail& audit)
    : request_(std::move(request)),
      client_(std::move(client)),
      snapshot_(std::move(snapshot)),
      service_(snapshot_->Find("")),
      post_(std::move(post)),
      reply_(std::move(reply)),
      log_line_(std::move(log_line)),
      audit_(audit),
      loop_thread_(std::this_thread::get_id()) {}

void Exchange::Resume(std::function<void()> step) {
  if (std::this_thread::get_id() == loop_thread_) return step();
  post_(std::move(step));
}

void Exchange::Finish(HttpResponse response) {
  if (reply_ == nullptr) return;
  WriteLogLine(response.status, "", "");
  Send(std::move(response));
}

void Exchange::Fail(const absl::Status& refusal,
                    std::string_view allowed_methods) {
  if (reply_ == nullptr) return;
  HttpResponse response = ErrorReply(refusal, challenges_, allowed_methods);
  WriteLogLine(response.status, RowOf(ProblemOf(refusal)).name,
               refusal.message());
  if (is_decision_) AppendRefusal(refusal);
  Send(std::move(response));
}

void Exchange::AppendRefusal(const absl::Status& refusal) {
  const Problem problem = ProblemOf(refusal);
  if (problem == Problem::kNoCredentials) return;
  const bool is_failure =
      problem == Problem::kBusy || problem == Problem::kInternal ||
      problem == Problem::kUpstreamDown || problem == Problem::kUpstreamBusy ||
      problem == Problem::kUpstreamReply;
  audit_.AppendRefusal(MakeAuditEntry(
      is_failure ? "failed" : "refused",
      absl::StrCat(RowOf(problem).name, ": ", refusal.message())));
}

AuditEntry Exchange::MakeAuditEntry(std::string_view outcome,
                                    std::string_view detail) const {
  AuditEntry entry;
  entry.at = audit_.Now();
  entry.actor = log_.identity;
  entry.source = AuditSource(client_.remote_address);
  entry.action = log_.operation;
  entry.outcome = std::string(outcome);
  entry.label = log_.label;
  entry.subject = log_.enrollee.empty() ? log_.identity : log_.enrollee;
  const auto add = [&](std::string_view before, std::string_view text) {
    if (text.empty()) return;
    absl::StrAppend(&entry.detail, entry.detail.empty() ? "" : "; ", before,
                    text);
  };
  add("", detail);
  add("by ", log_.auth);
  add("asked for ", log_.asked);
  add("not given: ", log_.wish);
  add("", log_.note);
  return entry;
}

void Exchange::Send(HttpResponse response) {
  response.close = response.close || ends_connection_;
  Reply reply = std::move(reply_);
  reply_ = nullptr;
  reply(std::move(response));
}

void Exchange::WriteLogLine(int http_status, std::string_view problem,
                            std::string_view reason) {
  std::string line = "request";
  AppendField(&line, "remote", client_.remote_address);
  AppendField(&line, "op", log_.operation);
  AppendField(&line, "label", log_.label);
  AppendField(&line, "identity", log_.identity);
  AppendField(&line, "auth", log_.auth);
  absl::StrAppend(&line, " status=", http_status);
  AppendField(&line, "problem", problem);
  AppendField(&line, "reason", reason);
  AppendField(&line, "serial", log_.serial);
  AppendField(&line, "wish", log_.wish);
  AppendField(&line, "note", log_.note);
  log_line_(line);
}

}  // namespace bestow::server
