// The agent's state folder, format 2: one folder for each identity.
//
//   format               which layout this is; a newer one is refused
//   lock                 held by the one agent that uses the folder
//   identities/NAME/     an identity's (credential_store.h)
//   current              link to identities/default/current,
//   server-keys          ... to identities/default/server-keys: what whoever
//                        uses the one identity of [identity] points at
//   agent.sock           the control socket, while a daemon runs
//
// In format 1 the folder itself was that of the one identity. It is migrated
// when it is opened, by renames: a power cut at any moment leaves what the next
// Open() finishes, and at any moment current/ and server-keys/ lead to what
// they led to (on file systems that can exchange two names; else there is a
// moment in which they lead nowhere).
#ifndef AGENT_CREDENTIALS_STATE_FOLDER_H_
#define AGENT_CREDENTIALS_STATE_FOLDER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bestow::agent {

// The one that may change the folder as a whole. Each identity's folder has an
// owner of its own: the CredentialStore.
class StateFolder {
 public:
  // Makes the folder (0700) when it is not there, takes the lock, and brings an
  // older format up to this one. kAlreadyExists: another agent holds the lock;
  // kFailedPrecondition: a newer format; else why the folder can't be used.
  static absl::StatusOr<std::unique_ptr<StateFolder>> Open(std::string folder);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  // The folder of an identity, which is made when it is not there. `name` is
  // as CheckIdentityName() wants it.
  absl::StatusOr<std::string> IdentityFolder(std::string_view name);
  // The names of all that have a folder, in alphabetical order.
  std::vector<std::string> Identities() const;

  const std::string& folder() const { return folder_; }

 private:
  StateFolder(std::string folder, int lock_fd)
      : folder_(std::move(folder)), lock_fd_(lock_fd) {}
  absl::Status Prepare();

  const std::string folder_;
  const int lock_fd_;
};

// For any process that may read the folder, whatever it is: where the identity
// `name` lives, or will. Takes no lock, makes nothing. kNotFound: no agent ran
// here yet; kFailedPrecondition: a newer format.
absl::StatusOr<std::string> FindIdentityFolder(const std::string& folder,
                                               std::string_view name);

// Whether an agent holds the folder's lock.
bool AgentRuns(const std::string& folder);

}  // namespace bestow::agent

#endif  // AGENT_CREDENTIALS_STATE_FOLDER_H_
