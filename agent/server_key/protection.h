// How a server-generated private key is to be kept on its way (RFC 7030
// 4.4.1): in TLS alone, or encrypted for this device as well.
#ifndef AGENT_SERVER_KEY_PROTECTION_H_
#define AGENT_SERVER_KEY_PROTECTION_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/credentials/credential.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/pki/pkcs10.h"

namespace bestow::agent {

struct KeyProtection {
  enum class Kind {
    kTls,           // plain PKCS#8 within TLS
    kPreSharedKey,  // EnvelopedData for a key that both sides know
    kOwnKey,        // EnvelopedData for the current credential's RSA key
  };
  Kind kind = Kind::kTls;
  // Which key the request names: the pre-shared one's identifier, or the
  // current certificate's subject key identifier.
  Bytes identifier;
  Secret pre_shared_key;

  // For a log: "a pre-shared key".
  std::string_view Describe() const;
};

// What the operator configured: both or neither.
struct PreSharedKeyOptions {
  Bytes identifier;
  std::string file;  // one line: the key in hex, 16, 24 or 32 octets
};

// `choice`: "tls", "psk", "tpm", or "auto", which is the strongest that there
// is: a pre-shared key, else the current credential's key where it is RSA and
// its certificate lets it (keyUsage, 4.4.1.2), else TLS alone. EC keys of a
// TPM sign and do nothing else. kInvalidArgument: another word;
// kFailedPrecondition: what was chosen is not there, and why; else what
// reading the file failed with.
absl::StatusOr<KeyProtection> ChooseProtection(
    std::string_view choice, const PreSharedKeyOptions& pre_shared_key,
    const std::optional<Credential>& current);

// DecryptKeyIdentifier or AsymmetricDecryptKeyIdentifier with
// SMIMECapabilities; nothing for TLS alone.
absl::Status AskForProtection(const KeyProtection& protection,
                              Pkcs10Template* request);

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_PROTECTION_H_
