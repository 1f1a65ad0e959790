#include "server/admin/operator_log.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/admin_socket.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"

namespace bestow::server {

absl::StatusOr<OperatorLog> OperatorLog::Open(const std::string& state_dir,
                                              const Clock& clock) {
  if (state_dir.empty()) return OperatorLog(nullptr, clock);
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStateStore(StatePaths(state_dir));
  if (!store.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the audit log: ", store.status().message()));
  }
  return OperatorLog(*std::move(store), clock);
}

absl::Status OperatorLog::Note(std::string_view action,
                               std::string_view subject,
                               std::string_view detail, ByteView serial) {
  if (store_ == nullptr) return absl::OkStatus();
  AuditEntry entry;
  entry.at = clock_->Now();
  entry.actor = OperatorName(getuid());
  entry.source = "local";
  entry.action = std::string(action);
  entry.outcome = "done";
  entry.subject = std::string(subject);
  entry.detail = std::string(detail);
  entry.serial = ToBytes(serial);
  absl::Status status = store_->AppendAndWait(std::move(entry));
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(action, " of ", subject,
                                   " is done, but it is not in the audit log: ",
                                   status.message()));
}

}  // namespace bestow::server
