// What the server keeps: identities and their secrets, issued certificates and
// their revocations, requests that wait for the operator, orders to renew
// early, the audit log.
#ifndef SERVER_STORE_STORE_H_
#define SERVER_STORE_STORE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/store/audit_store.h"
#include "server/store/enrollment_store.h"
#include "server/store/nonce_store.h"
#include "server/store/operator_store.h"
#include "server/store/revocation_store.h"
#include "server/store/settings_store.h"

namespace bestow::server {

// Thread-safe. Made by open_store.h.
class Store : public EnrollmentStore,
              public OperatorStore,
              public RevocationStore,
              public AuditStore,
              public SettingsStore,
              public NonceStore {
 public:
  // Several servers may use the database at once.
  virtual bool is_shared() const = 0;
  // Writes everything, as it was at one moment, to a new SQLite database at
  // `path`, whichever the engine. Others go on writing meanwhile.
  // kAlreadyExists: there is a file.
  virtual absl::Status BackupTo(const std::string& path) = 0;
  // Transactions committed so far, by this store.
  virtual int64_t commit_count() const = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_STORE_H_
