// Small values that all servers of one database share.
#ifndef SERVER_STORE_SETTINGS_STORE_H_
#define SERVER_STORE_SETTINGS_STORE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "server/store/audit_entry.h"

namespace bestow::server {

// Thread-safe. Names are ours (setting_names.h). Not for secrets, unless they
// are sealed (auth/sealed_secret.h).
class SettingsStore {
 public:
  virtual ~SettingsStore() = default;

  // kNotFound.
  virtual absl::StatusOr<Bytes> FindSetting(const std::string& name) = 0;
  // The value that is there, or `value`, which is there then: of several
  // servers that ask at once all get the same. Waits for the disk.
  virtual absl::StatusOr<Bytes> FindOrAddSetting(const std::string& name,
                                                 ByteView value) = 0;
  // Waits for the disk.
  virtual absl::Status SetSetting(const std::string& name, ByteView value,
                                  const AuditEntry& audit) = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_SETTINGS_STORE_H_
