// CAs as folders: made, asked for, imported. A folder is there as a whole or
// not at all.
#ifndef SERVER_ADMIN_CA_MAKER_H_
#define SERVER_ADMIN_CA_MAKER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/ca_certificate.h"
#include "server/ca/ca_key.h"

namespace bestow::server {

// Has `write` fill a folder beside `folder`, and moves it to its place. The
// folder above is made when it is not there. kAlreadyExists: `folder` is there.
absl::Status MakeCaFolder(
    const std::string& folder,
    absl::FunctionRef<absl::Status(const std::string& staging)> write);

// What a folder holds of a CA that issues.
struct CaFiles {
  Secret key_pem;
  std::vector<Certificate> chain;  // the issuing CA first, up to the root
};
absl::Status WriteCaFiles(const CaFiles& files, const std::string& folder);

struct CaOrder {
  CaContents contents;
  KeyType key_type = KeyType::kEcP256;
  KeyStorage storage = KeyStorage::kFile;
  CaKeyOptions keys;
};

// A root, or below `issuer` (not null) an issuing CA, in `folder`. Errors as
// MakeCaKey(), CreateRootCa(), CreateCaBelow(), MakeCaFolder().
absl::StatusOr<std::vector<Certificate>> CreateCa(const std::string& folder,
                                                  const CaOrder& order,
                                                  const CaBundle* issuer,
                                                  absl::Time now);

// A key, and request.pem for whoever signs: `folder` is a CA when ImportCa()
// has brought its certificate.
absl::Status RequestCa(const std::string& folder, const CaOrder& order);

// The certificate and chain of the key in `folder`, in any order.
// kAlreadyExists: it has one, and `replace` is not set; with `replace`, of the
// same name. kInvalidArgument, kFailedPrecondition: as OrderChain(),
// MakeCaBundle(), CheckIssues() refuse.
absl::StatusOr<std::vector<Certificate>> ImportCa(
    const std::string& folder, std::vector<Certificate> certificates,
    bool replace, const CaKeyOptions& keys, absl::Time now);

// A key that was made elsewhere.
struct ForeignKey {
  std::shared_ptr<Signer> signer;
  Secret pem;                             // of a key in the TPM
  std::shared_ptr<SoftwareSigner> plain;  // of one in a file
  std::vector<Certificate> certificates;  // that came with it
};
// A PEM file as OpenCaKey() reads.
absl::StatusOr<ForeignKey> ReadKeyFile(const std::string& path,
                                       const CaKeyOptions& keys);
// kFailedPrecondition, naming the file: as ParsePkcs12Der() refuses.
absl::StatusOr<ForeignKey> ReadPkcs12File(const std::string& path,
                                          const Secret& passphrase);
// In `folder`, under the passphrase of `keys` where there is one. Errors as
// ImportCa()'s.
absl::StatusOr<std::vector<Certificate>> ImportCaKey(const std::string& folder,
                                                     ForeignKey key,
                                                     const CaKeyOptions& keys,
                                                     absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CA_MAKER_H_
