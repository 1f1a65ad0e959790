// ca rollover, switch, retire: a CA's key changes.
#ifndef SERVER_ADMIN_ROLLOVER_OPERATIONS_H_
#define SERVER_ADMIN_ROLLOVER_OPERATIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "server/admin/json.h"
#include "server/config/config.h"
#include "server/store/store.h"

namespace bestow::server {

// What they work with, for the time of one call.
struct RolloverContext {
  Store& store;
  const Config& config;
  const Clock& clock;
  std::string state_dir;
  std::string actor;  // for the audit log: "operator root (uid 0)"
  // Has the running server load its folder; null: none runs, or it can't be
  // asked from here.
  std::function<absl::StatusOr<std::vector<std::string>>()> reload;
};

// `arguments`: the flags of the command that were given, and "name"; each
// member is checked. The answer has a "message" for people. kInvalidArgument: a
// mistake of the operator's; kFailedPrecondition: a state that needs attention.
// They wait for the disk and the CA's key.
absl::StatusOr<Json> CaRollover(const RolloverContext& context,
                                const Json& arguments);
absl::StatusOr<Json> CaSwitch(const RolloverContext& context,
                              const Json& arguments);
absl::StatusOr<Json> CaRetire(const RolloverContext& context,
                              const Json& arguments);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_ROLLOVER_OPERATIONS_H_
