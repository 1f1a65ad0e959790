// A CA's key at rest: a file, a file under a passphrase, or this machine's TPM.
#ifndef SERVER_CA_CA_KEY_H_
#define SERVER_CA_CA_KEY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"

namespace bestow::server {

struct CaKeyOptions {
  // Where the passphrase is that keys in files are under; "": new ones are
  // under none.
  std::string passphrase_file;
  std::string tpm = "device:/dev/tpmrm0";  // a TCTI string
};

enum class KeyStorage { kFile, kTpm };

// "file", "tpm". kInvalidArgument names both.
absl::StatusOr<KeyStorage> KeyStorageByName(std::string_view name);

// The one line of a file that nobody but its owner and group can read, and
// nobody but its owner change. kFailedPrecondition, naming the file and what to
// do: it is not there, open to others, empty, of several lines, too long.
absl::StatusOr<Secret> ReadPassphrase(const std::string& path);

// The key of a PEM file: "PRIVATE KEY", "ENCRYPTED PRIVATE KEY" (with
// options.passphrase_file), "TSS2 PRIVATE KEY" (with options.tpm, which is
// asked for a signature: a key that it has lost should not be found out by the
// first device). Blocks: a second for a passphrase, up to some for a TPM.
// A TPM's Signer is asynchronous; it may be let go of on any thread, signatures
// under way are finished.
// kFailedPrecondition, naming the file and what to do: no such file, no key of
// a KeyType, a wrong passphrase or none said, no TPM there, a TPM that did not
// make the key or was cleared since.
absl::StatusOr<std::shared_ptr<Signer>> OpenCaKey(const std::string& path,
                                                  const CaKeyOptions& options);

struct NewCaKey {
  std::shared_ptr<Signer> signer;
  Secret pem;  // what OpenCaKey() reads, for a file of its owner's alone
};

// Blocks as OpenCaKey() does; an RSA key in a TPM takes up to tens of seconds.
absl::StatusOr<NewCaKey> MakeCaKey(KeyType type, KeyStorage storage,
                                   const CaKeyOptions& options);
// A key that came from elsewhere: under the passphrase where there is one.
absl::StatusOr<NewCaKey> WrapCaKey(std::shared_ptr<SoftwareSigner> key,
                                   const CaKeyOptions& options);

// How the key at `path` is kept, without opening it. kFailedPrecondition: no
// key is there.
absl::StatusOr<KeyStorage> CaKeyStorage(const std::string& path);

}  // namespace bestow::server

#endif  // SERVER_CA_CA_KEY_H_
