// One CA's folder: where things lie, and reading them.
#ifndef SERVER_ADMIN_CA_FOLDER_H_
#define SERVER_ADMIN_CA_FOLDER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/ca_key.h"

namespace bestow::server {

// Those that change together are read by SwapPath() (file_swap.h).
struct CaPaths {
  explicit CaPaths(const std::string& folder);
  std::string folder;
  std::string key;            // ca.key.pem
  std::string certificate;    // ca.pem: the issuing CA first, up to the root
  std::string rollover;       // rollover.pem, after a root's rollover
  std::string former_folder;  // former/N/: as this one, of earlier keys
  // next/: as this one, of the next key. Without ca.pem it waits for one, and
  // is not shown to clients.
  std::string next_folder;
  std::string switch_at;  // next/switch_at: RFC 3339, one line
};

// Where the CA lies that the config calls `name` ("ca", "cas/NAME", or a path).
std::string FolderOfCa(const std::string& state_folder,
                       const std::string& name);

// `folder`: with ca.pem, ca.key.pem and perhaps rollover.pem, former/ and
// next/. What a switch that broke off has left counts for nothing: a next or
// former key that is the CA's own. kFailedPrecondition, naming the file, as
// OpenCaKey(), MakeCaBundle(), AddFormer() and SetNext() refuse.
absl::StatusOr<CaBundle> LoadCa(const std::string& folder,
                                const CaKeyOptions& keys = {});

// The numbers of former/N/, the highest (latest) first; none when there is no
// such folder. kFailedPrecondition: it can't be read, or holds too many.
absl::StatusOr<std::vector<int>> ListFormer(const CaPaths& paths);

// kFailedPrecondition, naming the file.
absl::StatusOr<std::shared_ptr<Signer>> LoadKeyPem(const std::string& path);
absl::StatusOr<std::vector<Certificate>> LoadCertificatesPem(
    const std::string& path, size_t max_count);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CA_FOLDER_H_
