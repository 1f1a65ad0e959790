// The folder of one identity (state_folder.h has them all). A power cut at any
// moment leaves the old or the new credential, whole.
//
//   generations/N/    key.pem cert.pem chain.pem meta.toml, never changed
//   current           symlink to the generation in use, moved by one rename
//   pending/          key.pem and csr.pem of an enrollment under way
//   cacerts.pem       the CA certificates that the server gave last
//   agenda.toml       waits and plans (agent/schedule)
//   status.toml       what the daemon says of itself (agent/status)
//   server-keys/      keys that the server made (agent/server_key)
#ifndef AGENT_CREDENTIALS_CREDENTIAL_STORE_H_
#define AGENT_CREDENTIALS_CREDENTIAL_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/credentials/credential.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"
#include "common/tpm/tpm.h"

namespace bestow::agent {

// Reads an identity's folder, which another process may be writing. A folder
// that is not there is as an empty one.
class CredentialReader {
 public:
  explicit CredentialReader(std::string folder) : folder_(std::move(folder)) {}

  // nullopt before the first enrollment. kDataLoss: there, but damaged.
  absl::StatusOr<std::optional<Credential>> Current() const;
  // The key of an enrollment under way; nullopt when there is none.
  absl::StatusOr<std::optional<TpmKey>> PendingKey() const;
  // What SaveCaCerts kept under this `source`; empty when nothing was.
  absl::StatusOr<std::vector<Certificate>> CaCerts(
      std::string_view source) const;
  const std::string& folder() const { return folder_; }

 protected:
  std::string Path(std::string_view name) const;

  std::string folder_;
};

// The one writer of an identity's folder: whoever opens it has the StateFolder.
class CredentialStore : public CredentialReader {
 public:
  // Makes the folder (0700) when it is not there, and clears away what a
  // cut-off write left. An error says why it can't be used.
  static absl::StatusOr<std::unique_ptr<CredentialStore>> Open(
      std::string folder);
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
  using CredentialReader::CredentialReader;

  // Half-made generations, temporaries, generations that are neither the
  // current nor the one before. What can't be removed is left for next time;
  // so are all generations when it can't be told which one is current.
  void ClearLeftovers();
  // 0: none; nullopt: it can't be told.
  std::optional<uint64_t> CurrentGeneration() const;
  absl::Status SwitchTo(uint64_t generation);
};

}  // namespace bestow::agent

#endif  // AGENT_CREDENTIALS_CREDENTIAL_STORE_H_
