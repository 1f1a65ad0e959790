#include "server/admin/init.h"

#include <errno.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/admin/ca_folder.h"
#include "server/admin/ca_maker.h"
#include "server/admin/new_ca.h"
#include "server/admin/state_files.h"
#include "server/admin/state_folder.h"
#include "server/auth/sealed_secret.h"
#include "server/ca/ca_certificate.h"
#include "server/ca/certificate_authority.h"
#include "server/config/config.h"
#include "server/store/open_store.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxKeyFileBytes = size_t{128} << 10;

absl::Status Move(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("can't move ", from, " to ", to));
}

// The folder is ours to fill: empty of what we make, or with the remains of an
// init that broke off, which are removed.
absl::Status PrepareFolder(const StatePaths& paths) {
  absl::Status status = MakeDirectory(paths.folder, kFolderMode);
  if (!status.ok()) return status;
  if (PathExists(paths.config)) {
    return absl::AlreadyExistsError(
        absl::StrCat(paths.folder,
                     " already holds a state: run it with `bestow-server run "
                     "--state_dir=",
                     paths.folder, "`, or give another folder"));
  }
  const bool broke_off = PathExists(paths.staging);
  for (const std::string& path :
       {paths.ca_folder, paths.tls_folder, paths.database, paths.seal_key}) {
    if (!PathExists(path)) continue;
    if (!broke_off) {
      return absl::AlreadyExistsError(
          absl::StrCat(path,
                       " is there already, and not from an init that "
                       "broke off: give another folder"));
    }
    status = RemovePath(path);
    if (!status.ok()) return status;
  }
  status = RemovePath(paths.staging);
  if (!status.ok()) return status;
  if (chmod(paths.folder.c_str(), kFolderMode) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("can't set the mode of ", paths.folder));
  }
  return MakeDirectory(paths.staging, kFolderMode);
}

struct Credentials {
  std::shared_ptr<const CertificateAuthority> authority;
  CaFiles ca;
  std::shared_ptr<SoftwareSigner> tls_key;
  absl::StatusOr<Certificate> tls = absl::UnknownError("not made");
};

absl::Status MakeNewCa(const InitOptions& options, absl::Time now,
                       Credentials& made) {
  absl::StatusOr<NewCa> ca = MakeCa(options.ca_name, options.ca_key_type, now,
                                    options.ca_key_storage, options.ca_keys);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<std::shared_ptr<const CertificateAuthority>> authority =
      CertificateAuthority::Create(ca->certificate, ca->key);
  if (!authority.ok()) return authority.status();
  made.authority = *std::move(authority);
  made.ca.key_pem = std::move(ca->key_pem);
  made.ca.chain = {ca->certificate};
  return absl::OkStatus();
}

absl::Status TakeCa(const InitOptions& options, absl::Time now,
                    Credentials& made) {
  absl::StatusOr<CaBundle> ca = LoadCa(options.ca_folder, options.ca_keys);
  if (!ca.ok()) return ca.status();
  if (!ca->rollover.empty() || !ca->former.empty() || ca->next.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.ca_folder,
                     " has had a rollover, or has one ahead: it belongs to a "
                     "state folder, which a backup brings back"));
  }
  absl::Status status = CheckIssues(ca->chain, ca->authority->signer(), now);
  if (!status.ok()) return status;
  absl::StatusOr<std::string> pem =
      ReadFile(CaPaths(options.ca_folder).key, kMaxKeyFileBytes);
  if (!pem.ok()) return pem.status();
  made.authority = ca->authority;
  made.ca.key_pem = Secret(std::string_view(*pem));
  Cleanse(pem->data(), pem->size());
  made.ca.chain = ca->chain;
  return absl::OkStatus();
}

absl::StatusOr<Credentials> MakeCredentials(const InitOptions& options,
                                            absl::Time now) {
  Credentials made;
  absl::Status status = options.ca_folder.empty()
                            ? MakeNewCa(options, now, made)
                            : TakeCa(options, now, made);
  if (!status.ok()) return status;
  // P-256 whatever the CA's: what every client takes without another round
  // trip.
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> tls_key =
      SoftwareSigner::Generate();
  if (!tls_key.ok()) return tls_key.status();
  made.tls_key = *std::move(tls_key);
  absl::StatusOr<SubscriberContents> contents =
      TlsServerContents(options.hostnames, TlsConfig().validity);
  if (!contents.ok()) return contents.status();
  absl::Notification done;
  made.authority->Issue(*contents, made.tls_key->public_key_spki(), now,
                        [&](absl::StatusOr<Certificate> issued) {
                          made.tls = std::move(issued);
                          done.Notify();
                        });
  done.WaitForNotification();
  if (!made.tls.ok()) return made.tls.status();
  return made;
}

absl::Status WriteAll(const InitOptions& options, const Credentials& made,
                      const StatePaths& to) {
  absl::Status status = MakeDirectory(to.ca_folder, kFolderMode);
  if (status.ok()) status = WriteCaFiles(made.ca, to.ca_folder);
  if (status.ok()) status = MakeDirectory(to.tls_folder, kFolderMode);
  if (status.ok()) status = WriteKey(to.tls_key, *made.tls_key);
  if (status.ok()) {
    // The leaf first; the root too, for agents that know its fingerprint only.
    std::string pem = SerializeCertificatePem(made.tls->der);
    for (const Certificate& ca : made.ca.chain) {
      absl::StrAppend(&pem, SerializeCertificatePem(ca.der));
    }
    status = CreateFileDurably(to.tls_certificate, AsBytes(pem), kPublicMode);
  }
  if (status.ok()) status = CreateStore({.path = to.database});
  // It holds the hashes of passwords; SQLite's side files take its mode.
  if (status.ok() && chmod(to.database.c_str(), kSecretMode) != 0) {
    status = absl::ErrnoToStatus(
        errno, absl::StrCat("can't set the mode of ", to.database));
  }
  if (status.ok()) status = SecretSealer::CreateKeyFile(to.seal_key);
  if (status.ok()) {
    CaKeysConfig ca_keys;
    ca_keys.passphrase_file = options.ca_keys.passphrase_file;
    ca_keys.tpm = options.ca_keys.tpm;
    status = CreateFileDurably(
        to.config,
        AsBytes(ConfigFileText(options.listen, options.hostnames, ca_keys)),
        kSecretMode);
  }
  if (status.ok()) status = SyncDirectory(to.folder);
  return status;
}

}  // namespace

absl::StatusOr<std::string> InitState(const InitOptions& options,
                                      absl::Time now) {
  // First what can fail for its arguments, before anything is on the disk.
  absl::StatusOr<Credentials> made = MakeCredentials(options, now);
  if (!made.ok()) return made.status();
  const StatePaths paths(options.folder);
  absl::Status status = PrepareFolder(paths);
  if (!status.ok()) return status;
  const StatePaths staged(paths.staging);
  status = WriteAll(options, *made, staged);
  if (status.ok()) status = Move(staged.ca_folder, paths.ca_folder);
  if (status.ok()) status = Move(staged.tls_folder, paths.tls_folder);
  if (status.ok()) status = Move(staged.database, paths.database);
  if (status.ok()) status = Move(staged.seal_key, paths.seal_key);
  if (status.ok()) status = SyncDirectory(paths.folder);
  if (status.ok()) status = Move(staged.config, paths.config);
  if (status.ok()) status = SyncDirectory(paths.folder);
  if (!status.ok()) return status;
  status = RemovePath(paths.staging);
  if (!status.ok()) return status;
  return HexEncode(Sha256(made->ca.chain.back().der));
}

}  // namespace bestow::server
