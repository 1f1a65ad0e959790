#include "server/admin/new_ca.h"

#include <errno.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "server/admin/ca_folder.h"
#include "server/admin/state_files.h"
#include "server/ca/certificate_authority.h"
#include "server/config/known_names.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kValidity = absl::Hours(20 * 365 * 24);

}  // namespace

absl::StatusOr<NewCa> MakeCa(const std::string& common_name, KeyType key_type,
                             absl::Time now, KeyStorage storage,
                             const CaKeyOptions& keys) {
  absl::StatusOr<NewCaKey> key = MakeCaKey(key_type, storage, keys);
  if (!key.ok()) return key.status();
  absl::StatusOr<Certificate> certificate =
      CreateRootCertificate(common_name, *key->signer, now, kValidity);
  if (!certificate.ok()) return certificate.status();
  return NewCa{std::move(key->signer), std::move(key->pem),
               *std::move(certificate)};
}

absl::Status WriteKey(const std::string& path, const SoftwareSigner& key) {
  absl::StatusOr<Secret> pem = key.ToPkcs8Pem();
  if (!pem.ok()) return pem.status();
  return CreateFileDurably(path, pem->bytes(), kSecretMode);
}

absl::Status WriteCa(const NewCa& ca, const std::string& folder) {
  const CaPaths paths(folder);
  absl::Status status = MakeDirectory(folder, kFolderMode);
  if (status.ok()) {
    status = CreateFileDurably(paths.key, ca.key_pem.bytes(), kSecretMode);
  }
  if (status.ok()) {
    status = CreateFileDurably(
        paths.certificate, AsBytes(SerializeCertificatePem(ca.certificate.der)),
        kPublicMode);
  }
  return status;
}

absl::StatusOr<Certificate> AddCa(const StatePaths& paths,
                                  const std::string& name,
                                  const std::string& common_name,
                                  KeyType key_type, absl::Time now) {
  if (!IsCaName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", name,
        "\" can't be a CA's folder: 1 to 64 of A-Z a-z 0-9 . _ -, the first a "
        "letter or digit"));
  }
  if (!PathExists(paths.config)) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.folder,
                     " is not a state folder: make one with "
                     "`bestow-server init --state_dir=",
                     paths.folder, "`"));
  }
  absl::StatusOr<NewCa> ca = MakeCa(common_name, key_type, now);
  if (!ca.ok()) return ca.status();

  const std::string folder = absl::StrCat(paths.cas_folder, "/", name);
  if (PathExists(folder)) {
    return absl::AlreadyExistsError(absl::StrCat(folder, " is there already"));
  }
  // No CA's name begins with a dot.
  const std::string staging = absl::StrCat(paths.cas_folder, "/.new-", name);
  absl::Status status = MakeDirectory(paths.cas_folder, kFolderMode);
  if (status.ok()) status = RemovePath(staging);  // of one that broke off
  if (status.ok()) status = WriteCa(*ca, staging);
  if (status.ok()) status = SyncDirectory(staging);
  // Onto a folder with something in it, rename() fails.
  if (status.ok() && rename(staging.c_str(), folder.c_str()) != 0) {
    status = absl::ErrnoToStatus(
        errno, absl::StrCat("can't move ", staging, " to ", folder));
  }
  if (status.ok()) status = SyncDirectory(paths.cas_folder);
  if (status.ok()) status = SyncDirectory(paths.folder);
  if (!status.ok()) return status;
  return std::move(ca->certificate);
}

}  // namespace bestow::server
