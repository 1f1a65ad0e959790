#include "server/audit/audit_check.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/store/audit_chain.h"
#include "server/store/listing.h"

namespace bestow::server {

absl::StatusOr<AuditCheck> CheckAudit(AuditStore& store) {
  AuditCheck check;
  check.hash = FirstAuditHash();
  absl::StatusOr<AuditRecord> last = store.LastAudit();
  if (absl::IsNotFound(last.status())) return check;
  if (!last.ok()) return last.status();
  while (check.entries < last->sequence) {
    absl::StatusOr<std::vector<AuditRecord>> page =
        store.ReadAudit(check.entries, kMaxPage);
    if (!page.ok()) return page.status();
    if (page->empty()) {
      check.broken = AuditBreak{check.entries + 1, "it is missing"};
      return check;
    }
    for (const AuditRecord& record : *page) {
      const int64_t expected = check.entries + 1;
      if (record.sequence != expected) {
        check.broken = AuditBreak{
            expected, absl::StrCat("it is missing; the next one that is there "
                                   "is ",
                                   record.sequence)};
        return check;
      }
      if (AuditHash(check.hash, record) != record.hash) {
        check.broken = AuditBreak{
            expected,
            "its hash is not that of its content behind the entry before it"};
        return check;
      }
      check.entries = record.sequence;
      check.hash = record.hash;
    }
  }
  return check;
}

}  // namespace bestow::server
