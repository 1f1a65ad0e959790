#include "server/audit/audit_trail.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace bestow::server {

AuditTrail::AuditTrail(AuditStore& store, const Clock& clock,
                       const Options& options)
    : store_(store),
      clock_(clock),
      options_(options),
      one_(options.one),
      unknown_(options.unknown) {}

AuditTrail::~AuditTrail() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (counted_ > 0) WriteCount();
}

bool AuditTrail::MayWrite(const AuditEntry& entry) {
  const bool is_known = !entry.actor.empty();
  const std::string key = is_known ? absl::StrCat("actor ", entry.actor)
                                   : absl::StrCat("source ", entry.source);
  if (one_.Wait(key, entry.at) > absl::ZeroDuration()) return false;
  if (!is_known) {
    if (unknown_.Wait("", entry.at) > absl::ZeroDuration()) return false;
    unknown_.CountWrong("", entry.at);
  }
  one_.CountWrong(key, entry.at);
  return true;
}

void AuditTrail::AppendRefusal(AuditEntry entry) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (MayWrite(entry)) {
    store_.Append(std::move(entry));
    return;
  }
  const absl::Time now = entry.at;
  if (counted_++ == 0) first_counted_at_ = now;
  last_counted_ = std::move(entry);
  if (now - first_counted_at_ >= options_.count_interval) WriteCount();
}

void AuditTrail::WriteCount() {
  const AuditEntry& last = last_counted_;
  AuditEntry count;
  count.at = last.at;
  count.actor = "server";
  count.source = "local";
  count.action = "refusals";
  count.outcome = "counted";
  count.detail = absl::StrCat(
      counted_, " refusals more than are written one by one, since ",
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", first_counted_at_,
                       absl::UTCTimeZone()),
      "; the last one: ", last.action, " by ",
      last.actor.empty() ? "nobody known" : last.actor, " from ", last.source,
      ": ", last.detail);
  counted_ = 0;
  store_.Append(std::move(count));
}

absl::Time AuditTrail::Flush(absl::Time now) {
  std::lock_guard<std::mutex> lock(mutex_);
  // A clock that was set back must not hold it up.
  if (counted_ > 0 && (now - first_counted_at_ >= options_.count_interval ||
                       now < first_counted_at_)) {
    WriteCount();
  }
  return now + options_.count_interval;
}

std::string AuditSource(std::string_view remote_address) {
  std::string_view host = remote_address.substr(0, remote_address.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return std::string(host);
}

}  // namespace bestow::server
