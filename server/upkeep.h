// What the running server does for its own CAs and certificate.
#ifndef SERVER_UPKEEP_H_
#define SERVER_UPKEEP_H_

#include "common/base/clock.h"
#include "server/admin/state_folder.h"
#include "server/housekeeping/housekeeper.h"
#include "server/live_state.h"
#include "server/server.h"

namespace bestow::server {

// Before server.Run(): adds the housekeeper's tasks (switches of rollovers,
// renewals of the TLS certificate), and what keeps the CAs and the certificate
// that upstreams have for us. All must outlive Run().
void AddUpkeep(const StatePaths& paths, LiveState& live, const Clock& clock,
               Server& server);

// After a reload, whose config or folder may have brought new dates.
void WakeUpkeep(Housekeeper& housekeeper);

}  // namespace bestow::server

#endif  // SERVER_UPKEEP_H_
