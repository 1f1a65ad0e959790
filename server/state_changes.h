// What a reload changes of what a server serves, for the audit log.
#ifndef SERVER_STATE_CHANGES_H_
#define SERVER_STATE_CHANGES_H_

#include <string>

#include "server/admin/state_folder.h"

namespace bestow::server {

// "changed: config (sha256 5f3c..., before 91e7...), label plant added, CA
// cas/plant added, TLS certificate", or "nothing changed". A CA's change is one
// of its certificates, those of its former and next keys too, or of the date of
// its next switch.
std::string ChangesOf(const ServerState& before, const ServerState& after);

}  // namespace bestow::server

#endif  // SERVER_STATE_CHANGES_H_
