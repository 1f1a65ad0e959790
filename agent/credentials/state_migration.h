// From format 1 of the state folder to format 2 (state_folder.h).
#ifndef AGENT_CREDENTIALS_STATE_MIGRATION_H_
#define AGENT_CREDENTIALS_STATE_MIGRATION_H_

#include <string>

#include "absl/status/status.h"

namespace bestow::agent {

// Whether the folder still is the one identity's, as in format 1.
bool IsUnmigrated(const std::string& folder);

// Moves what format 1 had into identities/default, or what is left of it: each
// step may have been the last of an earlier call. Nothing to do is no error.
// The caller holds the lock, and has written format 2, so that no older agent
// takes up the half of it.
absl::Status MoveIntoDefaultIdentity(const std::string& folder);

// Makes STATE/current and STATE/server-keys lead to the default identity's,
// unless something else is in their places.
absl::Status LinkDefaultIdentity(const std::string& folder);

}  // namespace bestow::agent

#endif  // AGENT_CREDENTIALS_STATE_MIGRATION_H_
