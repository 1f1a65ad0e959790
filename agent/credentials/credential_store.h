// The agent's state folder. A power cut at any moment leaves the old or the
// new credential, whole.
//
//   format            which layout this is; a newer one is refused
//   lock              held by the one agent that uses the folder
//   generations/N/    key.pem cert.pem chain.pem meta.toml, never changed
//   current           symlink to the generation in use, moved by one rename
//   pending/          key.pem and csr.pem of an enrollment under way
//   cacerts.pem       the CA certificates that the server gave last
//   agenda.toml       waits and plans (agent/schedule)
//   status.toml       what the daemon says of itself (agent/status)
#ifndef AGENT_CREDENTIALS_CREDENTIAL_STORE_H_
#define AGENT_CREDENTIALS_CREDENTIAL_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/credentials/credential.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"
#include "common/tpm/tpm.h"

namespace bestow::agent {

// Reads a state folder that another process may be writing.
class CredentialReader {
 public:
  // kNotFound: no folder, or nothing in it yet; kFailedPrecondition: a newer
  // format.
  static absl::StatusOr<CredentialReader> Open(std::string folder);

  // nullopt before the first enrollment. kDataLoss: there, but damaged.
  absl::StatusOr<std::optional<Credential>> Current() const;
  // The key of an enrollment under way; nullopt when there is none.
  absl::StatusOr<std::optional<TpmKey>> PendingKey() const;
  // What SaveCaCerts kept under this `source`; empty when nothing was.
  absl::StatusOr<std::vector<Certificate>> CaCerts(
      std::string_view source) const;
  const std::string& folder() const { return folder_; }

 protected:
  explicit CredentialReader(std::string folder) : folder_(std::move(folder)) {}
  std::string Path(std::string_view name) const;

  std::string folder_;
};

// The one writer of a state folder.
class CredentialStore : public CredentialReader {
 public:
  // Makes the folder (0700) when it is not there, takes the lock, and clears
  // away what a cut-off write left. kAlreadyExists: another agent holds the
  // lock; kFailedPrecondition: a newer format; else why the folder can't be
  // used.
  static absl::StatusOr<std::unique_ptr<CredentialStore>> Open(
      std::string folder);
  ~CredentialStore();
  CredentialStore(const CredentialStore&) = delete;
  CredentialStore& operator=(const CredentialStore&) = delete;

  // Before anything of it is sent: the server binds a one-time secret to the
  // first key that it served, so a restart has to go on with this key.
  absl::Status SavePendingKey(const TpmKey& key);
  absl::Status SavePendingCsr(ByteView csr_der);
  absl::Status DropPending();

  // Writes a new generation and switches to it, then drops the pending key
  // and all generations but this and the one before. An error means that the
  // old credential is still the current one. kInvalidArgument: Current() would
  // not read it back.
  absl::Status Save(const Credential& credential);

  // `source`: one line that says what the trust in them rests on. Under
  // another configuration of trust they count for nothing. kInvalidArgument:
  // over 64, or over 256 KiB of PEM, which CaCerts() would not read.
  absl::Status SaveCaCerts(std::string_view source,
                           const std::vector<Certificate>& certificates);

 private:
  CredentialStore(std::string folder, int lock_fd)
      : CredentialReader(std::move(folder)), lock_fd_(lock_fd) {}

  absl::Status CheckFormat();
  // Half-made generations, temporaries, generations that are neither the
  // current nor the one before. What can't be removed is left for next time;
  // so are all generations when it can't be told which one is current.
  void ClearLeftovers();
  // 0: none; nullopt: it can't be told.
  std::optional<uint64_t> CurrentGeneration() const;
  absl::Status SwitchTo(uint64_t generation);

  const int lock_fd_;
};

}  // namespace bestow::agent

#endif  // AGENT_CREDENTIALS_CREDENTIAL_STORE_H_
