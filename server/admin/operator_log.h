// The audit log, for commands that change the files of a state folder
// themselves, whether a server runs there or not.
#ifndef SERVER_ADMIN_OPERATOR_LOG_H_
#define SERVER_ADMIN_OPERATOR_LOG_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "server/store/store.h"

namespace bestow::server {

class OperatorLog {
 public:
  // Opened before anything is done: what can't be audited is not done.
  // `state_dir` "": what is done concerns no state folder, and nothing is
  // written. `clock` must outlive it. kFailedPrecondition: no state folder, or
  // its config or database has a problem.
  static absl::StatusOr<OperatorLog> Open(const std::string& state_dir,
                                          const Clock& clock);

  // Who runs this process did `action` to the CA `subject`: "cas/plant".
  // `serial`: of the certificate that was made, or none. Waits for the disk. A
  // failure says that it was done without an entry.
  absl::Status Note(std::string_view action, std::string_view subject,
                    std::string_view detail, ByteView serial = {});

 private:
  OperatorLog(std::unique_ptr<Store> store, const Clock& clock)
      : store_(std::move(store)), clock_(&clock) {}

  std::unique_ptr<Store> store_;  // null: writes nothing
  const Clock* clock_;
};

}  // namespace bestow::server

#endif  // SERVER_ADMIN_OPERATOR_LOG_H_
