// A device credential: a key in the TPM, its certificate, and when it came.
#ifndef AGENT_CREDENTIALS_CREDENTIAL_H_
#define AGENT_CREDENTIALS_CREDENTIAL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pki/certificate.h"
#include "common/tpm/tpm.h"

namespace bestow::agent {

struct Credential {
  TpmKey key;  // its parent's name is kept in meta.toml
  Certificate certificate;
  std::vector<Certificate> chain;  // from its issuer up, without the root
  // The server backdates not_before, so the lifetime counts from here.
  absl::Time obtained_at;
  // In [-1, 1), drawn once: where in the jitter's range its renewal lies.
  double renewal_draw = 0;

  bool operator==(const Credential&) const = default;
};

// Files of a folder: key.pem (0600), cert.pem, chain.pem, meta.toml. Each is
// written and made durable; the folder must be there. kInvalidArgument: what
// ReadCredentialFiles() would not read, a chain of over 16 or a file of over
// 256 KiB.
absl::Status WriteCredentialFiles(const std::string& folder,
                                  const Credential& credential);

// The key without its password, if it wants one. kDataLoss when a file is
// missing or malformed, or the certificate is not for the key; the message
// names the file.
absl::StatusOr<Credential> ReadCredentialFiles(const std::string& folder);

}  // namespace bestow::agent

#endif  // AGENT_CREDENTIALS_CREDENTIAL_H_
