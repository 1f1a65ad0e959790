// Server-generated keys of an identity, in its folder:
//
//   server-keys/lock            held while a key is fetched
//   server-keys/NAME            link to one of:
//   server-keys/NAME.N/         key.sealed cert.pem chain.pem, never changed
//   server-keys/NAME.request    the key of a request under way, sealed
//
// A power cut at any moment leaves the old or the new key, whole.
#ifndef AGENT_SERVER_KEY_SERVER_KEY_STORE_H_
#define AGENT_SERVER_KEY_SERVER_KEY_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/server_key/sealed_key.h"
#include "common/pki/certificate.h"

namespace bestow::agent {

struct ServerKey {
  SealedKey key;
  Certificate certificate;
  std::vector<Certificate> chain;  // from its issuer up, without the root
};

// Letters, digits, - and _, beginning with a letter or digit, up to 64:
// kInvalidArgument otherwise.
absl::Status CheckServerKeyName(std::string_view name);

// kNotFound: there is none of this name. kDataLoss: it is damaged; the message
// names the file. NOT checked: that the certificate is for the key, which only
// the TPM can open. For any process that may read the folder.
absl::StatusOr<ServerKey> ReadServerKey(const std::string& folder,
                                        std::string_view name);

// The one writer of server-keys/. Names are as CheckServerKeyName says.
class ServerKeyStore {
 public:
  // The identity's folder must be there; makes server-keys/ (0700) and takes
  // the lock. kAlreadyExists: another process holds it.
  static absl::StatusOr<std::unique_ptr<ServerKeyStore>> Open(
      std::string folder);
  ~ServerKeyStore();
  ServerKeyStore(const ServerKeyStore&) = delete;
  ServerKeyStore& operator=(const ServerKeyStore&) = delete;

  // Before a request is sent: a server that wants an operator's word first, or
  // whose reply was lost, knows the request by its key.
  absl::Status SaveRequestKey(std::string_view name, const SealedKey& key);
  // nullopt when there is none, or it is damaged. An error: it can't be read
  // now, and must not be replaced.
  absl::StatusOr<std::optional<SealedKey>> RequestKey(
      std::string_view name) const;
  void DropRequestKey(std::string_view name);

  // Replaces what is there under `name`, and removes what it was and the
  // request key. An error means that nothing was replaced. kInvalidArgument:
  // ReadServerKey() would not read it back (a chain of over 16, or a file of
  // over 256 KiB).
  absl::Status Save(std::string_view name, const ServerKey& key);

 private:
  ServerKeyStore(std::string folder, int lock_fd)
      : folder_(std::move(folder)), lock_fd_(lock_fd) {}
  std::string Path(std::string_view name) const;
  // What cut-off writes left, and generations that no link names. What can't
  // be removed, or whose link can't be read, is left for next time.
  void ClearLeftovers();

  const std::string folder_;
  const int lock_fd_;
};

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_SERVER_KEY_STORE_H_
