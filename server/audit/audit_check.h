// Whether the audit log is as it was written.
#ifndef SERVER_AUDIT_AUDIT_CHECK_H_
#define SERVER_AUDIT_AUDIT_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "server/store/audit_store.h"

namespace bestow::server {

struct AuditBreak {
  int64_t sequence = 0;  // of the first entry that is not as it was written
  std::string why;
};

struct AuditCheck {
  int64_t entries = 0;  // that hang together, from the first one
  Bytes hash;           // of the last of them; zeros: there is none
  std::optional<AuditBreak> broken;
};

// Computes the chain again from its beginning (audit_chain.h). Up to the entry
// that is the last when it begins. Statuses are the store's.
// NOT found: that entries at the end were taken away, or that the whole log was
// written anew; for that compare `entries` and `hash` with what was noted
// before, as the export or a backup has it.
absl::StatusOr<AuditCheck> CheckAudit(AuditStore& store);

}  // namespace bestow::server

#endif  // SERVER_AUDIT_AUDIT_CHECK_H_
