// The store of a state folder, wherever its config says that it is.
#ifndef SERVER_ADMIN_STATE_STORE_H_
#define SERVER_ADMIN_STATE_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/admin/state_folder.h"
#include "server/config/config.h"
#include "server/store/open_store.h"

namespace bestow::server {

// kFailedPrecondition: a credential, and no $CREDENTIALS_DIRECTORY.
absl::StatusOr<StoreOptions> StoreOptionsOf(const StatePaths& paths,
                                            const Config& config);

// As StoreOptionsOf() and OpenStore(). An older schema is the server's to bring
// up: whoever runs may not have been replaced yet.
absl::StatusOr<std::unique_ptr<Store>> OpenStateStore(
    const StatePaths& paths, const Config& config,
    StoreOptions::Older older = StoreOptions::Older::kRefuse);
// For commands that need nothing else of the folder: as LoadConfig() too.
absl::StatusOr<std::unique_ptr<Store>> OpenStateStore(
    const StatePaths& paths,
    StoreOptions::Older older = StoreOptions::Older::kRefuse);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_STATE_STORE_H_
