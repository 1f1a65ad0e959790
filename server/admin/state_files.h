// Files of the state folder, for those who make it and add to it.
#ifndef SERVER_ADMIN_STATE_FILES_H_
#define SERVER_ADMIN_STATE_FILES_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace bestow::server {

inline constexpr mode_t kFolderMode = 0700;
inline constexpr mode_t kSecretMode = 0600;
inline constexpr mode_t kPublicMode = 0644;

// A link counts, wherever it leads.
bool PathExists(const std::string& path);

// With all that is below it; nothing there is OK. kInternal, naming the path.
absl::Status RemovePath(const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_STATE_FILES_H_
