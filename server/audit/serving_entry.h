// What a server serves from now on, for the audit log: a change of a CA, of the
// server's TLS certificate or of the config shows as another entry.
#ifndef SERVER_AUDIT_SERVING_ENTRY_H_
#define SERVER_AUDIT_SERVING_ENTRY_H_

#include <string_view>

#include "absl/time/time.h"
#include "server/est/snapshot.h"
#include "server/store/audit_entry.h"

namespace bestow::server {

// Who does what nobody told the server to.
inline constexpr char kServerActor[] = "server";

// `action`: "start", "reload". `actor`: whose doing it is. The detail begins
// with `changes`, where there are any, and names each CA's folder and the
// server's certificate by the beginnings of their SHA-256 fingerprints.
AuditEntry ServingEntry(std::string_view action, absl::Time now,
                        const Snapshot::Materials& materials,
                        std::string_view actor = kServerActor,
                        std::string_view changes = "");

}  // namespace bestow::server

#endif  // SERVER_AUDIT_SERVING_ENTRY_H_
