// Refusals on their way to the audit log, at a rate that fills no disk.
#ifndef SERVER_AUDIT_AUDIT_TRAIL_H_
#define SERVER_AUDIT_AUDIT_TRAIL_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "server/auth/try_limiter.h"
#include "server/store/audit_store.h"

namespace bestow::server {

// What is issued, or changed by an operator, is in the log by the transaction
// that does it. What changes nothing goes through here. Each asker's refusals
// are written one by one until there are many; from then on they are counted,
// and an entry a minute says how many. Askers who are not known have, together,
// such a limit too. Thread-safe.
class AuditTrail {
 public:
  // In ten years of a flood, about 2 GB.
  struct Options {
    TryLimiter::Options one = {20, absl::Minutes(1)};
    TryLimiter::Options unknown = {100, absl::Seconds(30)};
    absl::Duration count_interval = absl::Minutes(1);
  };

  // Both must outlive it.
  AuditTrail(AuditStore& store, const Clock& clock)
      : AuditTrail(store, clock, Options()) {}
  AuditTrail(AuditStore& store, const Clock& clock, const Options& options);
  // Writes what was counted.
  ~AuditTrail();
  AuditTrail(const AuditTrail&) = delete;
  AuditTrail& operator=(const AuditTrail&) = delete;

  absl::Time Now() const { return clock_.Now(); }

  // `entry.actor` "": nobody known, who is limited by `entry.source`.
  void AppendRefusal(AuditEntry entry);
  // What the server itself did. Not limited.
  void Append(AuditEntry entry) { store_.Append(std::move(entry)); }

  // Writes what was counted, if it is time to; returns when it will be, at the
  // latest (for a Housekeeper).
  absl::Time Flush(absl::Time now);

 private:
  // With the lock.
  bool MayWrite(const AuditEntry& entry);
  void WriteCount();

  AuditStore& store_;
  const Clock& clock_;
  const Options options_;

  std::mutex mutex_;
  TryLimiter one_;
  TryLimiter unknown_;
  int64_t counted_ = 0;
  absl::Time first_counted_at_;
  AuditEntry last_counted_;
};

// The address alone: of "192.0.2.7:50312" and "[2001:db8::1]:443".
std::string AuditSource(std::string_view remote_address);

}  // namespace bestow::server

#endif  // SERVER_AUDIT_AUDIT_TRAIL_H_
