// What the running server does for its own CAs and certificate.
#ifndef SERVER_UPKEEP_H_
#define SERVER_UPKEEP_H_

#include "server/admin/state_folder.h"
#include "server/housekeeping/housekeeper.h"
#include "server/live_state.h"
#include "server/store/store.h"

namespace bestow::server {

// Adds the housekeeper's tasks: switches of rollovers, renewals of the TLS
// certificate. All must outlive the housekeeper's thread.
void AddUpkeep(const StatePaths& paths, LiveState& live, Store& store,
               Housekeeper& housekeeper);

// After a reload, whose config or folder may have brought new dates.
void WakeUpkeep(Housekeeper& housekeeper);

}  // namespace bestow::server

#endif  // SERVER_UPKEEP_H_
