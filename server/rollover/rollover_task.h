// The switch of a rollover at its date, in the running server.
#ifndef SERVER_ROLLOVER_ROLLOVER_TASK_H_
#define SERVER_ROLLOVER_ROLLOVER_TASK_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/admin/state_folder.h"
#include "server/ca/ca_bundle.h"
#include "server/config/config.h"
#include "server/store/store.h"

namespace bestow::server {

struct SwitchOrder {
  std::string name;                 // of the CA, in the config
  std::string folder;               // where it lies
  std::vector<std::string> labels;  // of the services that use it
  std::string actor;                // for the audit log
  // LoadCa() of the folder.
  std::function<absl::StatusOr<CaBundle>()> load;
  // Makes it the CA that issues. Null: no server runs.
  std::function<absl::Status(CaBundle)> serve;
};

// Switches to the next key: on the disk, then by `serve`; then asks the fleet
// to renew if the plan says so, and tidies up. What was done before is not done
// again, or does no harm when it is: it is called again after a failure or a
// crash. kFailedPrecondition: there is no next key that can issue at `now`, or
// the folder can't be loaded; the CA is as it was.
absl::Status SwitchCa(const SwitchOrder& order, absl::Time now, Store& store);

// The labels of the services that use that CA.
std::vector<std::string> LabelsOf(const Config& config, std::string_view ca);

// The housekeeper's. Not thread-safe.
class RolloverTask {
 public:
  struct Options {
    std::string state_folder;
    // What is served now.
    std::function<std::shared_ptr<const ServerState>()> state;
    std::function<absl::StatusOr<CaBundle>(const std::string& name)> load;
    // Takes the place of the CA that the config calls `name`.
    std::function<absl::Status(const std::string& name, CaBundle ca)> serve;
    Store* store = nullptr;
  };
  explicit RolloverTask(Options options) : options_(std::move(options)) {}

  // Does what is due; returns when the next switch is, or the next try.
  absl::Time Run(absl::Time now);

 private:
  absl::StatusOr<absl::Time> Step(const std::string& name,
                                  const ServerState& state, absl::Time now);

  const Options options_;
};

}  // namespace bestow::server

#endif  // SERVER_ROLLOVER_ROLLOVER_TASK_H_
