// A new CA: made in memory, then written as a folder.
#ifndef SERVER_ADMIN_NEW_CA_H_
#define SERVER_ADMIN_NEW_CA_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/admin/state_folder.h"
#include "server/ca/ca_key.h"

namespace bestow::server {

struct NewCa {
  std::shared_ptr<Signer> key;
  Secret key_pem;           // as it is written
  Certificate certificate;  // a self-signed root, good for twenty years
};

// kInvalidArgument: `common_name` can't stand in a certificate; else as
// MakeCaKey() fails.
absl::StatusOr<NewCa> MakeCa(const std::string& common_name, KeyType key_type,
                             absl::Time now,
                             KeyStorage storage = KeyStorage::kFile,
                             const CaKeyOptions& keys = {});

// Unencrypted PKCS#8 PEM, durable, for its owner alone.
absl::Status WriteKey(const std::string& path, const SoftwareSigner& key);

// ca.key.pem and ca.pem in `folder`, which is made; durable but for the folder
// itself.
absl::Status WriteCa(const NewCa& ca, const std::string& folder);

// Makes cas/NAME in a state folder: written elsewhere, then moved to its place
// as a whole. kAlreadyExists: it is there. kInvalidArgument: the names.
// kFailedPrecondition: `paths` is no state folder.
absl::StatusOr<Certificate> AddCa(const StatePaths& paths,
                                  const std::string& name,
                                  const std::string& common_name,
                                  KeyType key_type, absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_NEW_CA_H_
