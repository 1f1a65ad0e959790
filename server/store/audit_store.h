// The audit log: append-only, each entry chained to the one before by a hash.
#ifndef SERVER_STORE_AUDIT_STORE_H_
#define SERVER_STORE_AUDIT_STORE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/audit_entry.h"

namespace bestow::server {

// Thread-safe. What is decided by a writing call of the store is in the log by
// that call's own `audit`; this is for what changes nothing else.
class AuditStore {
 public:
  virtual ~AuditStore() = default;

  // Writes it with the next commit, and returns at once. When the queue is
  // full, or the database fails, it is lost; the next entry that is written is
  // then preceded by one which says how many were.
  virtual void Append(AuditEntry entry) = 0;
  // The same, and waits for the disk.
  virtual absl::Status AppendAndWait(AuditEntry entry) = 0;

  // In order, those with a higher sequence number. kInvalidArgument: a limit
  // over kMaxPage (listing.h). NOT checked: the hashes.
  virtual absl::StatusOr<std::vector<AuditRecord>> ReadAudit(
      int64_t after_sequence, size_t limit) = 0;
  // The newest. kNotFound: the log is empty.
  virtual absl::StatusOr<AuditRecord> LastAudit() = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_AUDIT_STORE_H_
