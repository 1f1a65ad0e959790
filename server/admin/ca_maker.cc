#include "server/admin/ca_maker.h"

#include <errno.h>

#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/pki/pem.h"
#include "common/pki/pkcs12.h"
#include "server/admin/ca_folder.h"
#include "server/admin/file_swap.h"
#include "server/admin/state_files.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxPkcs12Bytes = size_t{256} << 10;
constexpr size_t kMaxKeyFileBytes = size_t{128} << 10;

std::string PemOf(const std::vector<Certificate>& chain) {
  std::string pem;
  for (const Certificate& certificate : chain) {
    absl::StrAppend(&pem, SerializeCertificatePem(certificate.der));
  }
  return pem;
}

// The chain of `signer`'s key, as clients would judge it.
absl::StatusOr<std::vector<Certificate>> CheckedChain(
    std::vector<Certificate> certificates, std::shared_ptr<Signer> signer,
    absl::Time now) {
  absl::StatusOr<std::vector<Certificate>> chain =
      OrderChain(std::move(certificates), signer->public_key_spki());
  if (!chain.ok()) return chain;
  absl::Status status = MakeCaBundle(*chain, {}, signer).status();
  if (status.ok()) status = CheckIssues(*chain, *signer, now);
  if (!status.ok()) return status;
  return chain;
}

}  // namespace

absl::Status MakeCaFolder(
    const std::string& folder,
    absl::FunctionRef<absl::Status(const std::string& staging)> write) {
  const std::filesystem::path path =
      std::filesystem::absolute(folder).lexically_normal();
  const std::string above = path.parent_path().string();
  const std::string name = path.filename().string();
  if (name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, " is no name of a folder"));
  }
  if (PathExists(path.string())) {
    return absl::AlreadyExistsError(absl::StrCat(folder, " is there already"));
  }
  // No CA's name begins with a dot.
  const std::string staging = absl::StrCat(above, "/.new-", name);
  const bool above_is_new = !PathExists(above);
  absl::Status status = MakeDirectory(above, kFolderMode);
  if (status.ok()) status = RemovePath(staging);  // of one that broke off
  if (status.ok()) status = MakeDirectory(staging, kFolderMode);
  if (status.ok()) status = write(staging);
  if (status.ok()) status = SyncDirectory(staging);
  // Onto a folder with something in it, rename() fails.
  if (status.ok() && rename(staging.c_str(), path.c_str()) != 0) {
    status = absl::ErrnoToStatus(
        errno, absl::StrCat("can't move ", staging, " to ", folder));
  }
  if (status.ok()) status = SyncDirectory(above);
  if (status.ok() && above_is_new) {
    status = SyncDirectory(path.parent_path().parent_path().string());
  }
  return status;
}

absl::Status WriteCaFiles(const CaFiles& files, const std::string& folder) {
  const CaPaths paths(folder);
  absl::Status status =
      CreateFileDurably(paths.key, files.key_pem.bytes(), kSecretMode);
  if (!status.ok()) return status;
  return CreateFileDurably(paths.certificate, AsBytes(PemOf(files.chain)),
                           kPublicMode);
}

absl::StatusOr<std::vector<Certificate>> CreateCa(const std::string& folder,
                                                  const CaOrder& order,
                                                  const CaBundle* issuer,
                                                  absl::Time now) {
  if (PathExists(folder)) {
    return absl::AlreadyExistsError(absl::StrCat(folder, " is there already"));
  }
  absl::StatusOr<NewCaKey> key =
      MakeCaKey(order.key_type, order.storage, order.keys);
  if (!key.ok()) return key.status();
  CaFiles files;
  files.key_pem = std::move(key->pem);
  absl::StatusOr<Certificate> certificate =
      issuer == nullptr
          ? CreateRootCa(order.contents, *key->signer, now)
          : CreateCaBelow(order.contents, key->signer->public_key_spki(),
                          *issuer->authority, now);
  if (!certificate.ok()) return certificate.status();
  files.chain.push_back(*std::move(certificate));
  if (issuer != nullptr) {
    files.chain.insert(files.chain.end(), issuer->chain.begin(),
                       issuer->chain.end());
    absl::Status status = CheckIssues(files.chain, *key->signer, now);
    if (!status.ok()) return status;
  }
  absl::Status status = MakeCaFolder(folder, [&](const std::string& staging) {
    return WriteCaFiles(files, staging);
  });
  if (!status.ok()) return status;
  return std::move(files.chain);
}

absl::Status RequestCa(const std::string& folder, const CaOrder& order) {
  if (PathExists(folder)) {
    return absl::AlreadyExistsError(absl::StrCat(folder, " is there already"));
  }
  absl::StatusOr<NewCaKey> key =
      MakeCaKey(order.key_type, order.storage, order.keys);
  if (!key.ok()) return key.status();
  absl::StatusOr<Bytes> request = CreateCaRequest(order.contents, *key->signer);
  if (!request.ok()) return request.status();
  return MakeCaFolder(folder, [&](const std::string& staging) {
    const CaPaths paths(staging);
    absl::Status status =
        CreateFileDurably(paths.key, key->pem.bytes(), kSecretMode);
    if (!status.ok()) return status;
    return CreateFileDurably(
        staging + "/request.pem",
        AsBytes(SerializePem("CERTIFICATE REQUEST", *request)), kPublicMode);
  });
}

absl::StatusOr<std::vector<Certificate>> ImportCa(
    const std::string& folder, std::vector<Certificate> certificates,
    bool replace, const CaKeyOptions& keys, absl::Time now) {
  const CaPaths paths(folder);
  if (!PathExists(paths.key)) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.key,
                     " is not there: `bestow-server ca request` "
                     "makes a key and the request for its "
                     "certificate"));
  }
  absl::StatusOr<FolderLock> lock = FolderLock::Take(folder, true);
  if (!lock.ok()) return lock.status();
  absl::Status status = FinishSwap(folder);
  if (!status.ok()) return status;
  const bool present = PathExists(paths.certificate);
  if (present && !replace) {
    return absl::AlreadyExistsError(
        absl::StrCat(paths.certificate,
                     " is there already: --replace puts a renewed certificate "
                     "of the same key and name in its place"));
  }
  absl::StatusOr<std::shared_ptr<Signer>> key = OpenCaKey(paths.key, keys);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::vector<Certificate>> chain =
      CheckedChain(std::move(certificates), *key, now);
  if (!chain.ok()) return chain;
  if (present) {
    absl::StatusOr<std::vector<Certificate>> before =
        LoadCertificatesPem(paths.certificate, 10);
    if (!before.ok()) return before.status();
    if (before->front().subject != chain->front().subject) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the new certificate is of ", chain->front().subject.ToText(),
          ", the one that is there of ", before->front().subject.ToText(),
          ": a CA keeps its name"));
    }
  }
  const std::string pem = PemOf(*chain);
  status =
      present
          ? WriteFileAtomically(paths.certificate, AsBytes(pem), kPublicMode)
          : CreateFileDurably(paths.certificate, AsBytes(pem), kPublicMode);
  if (!status.ok()) return status;
  return chain;
}

absl::StatusOr<ForeignKey> ReadKeyFile(const std::string& path,
                                       const CaKeyOptions& keys) {
  ForeignKey key;
  absl::StatusOr<std::shared_ptr<Signer>> signer = OpenCaKey(path, keys);
  if (!signer.ok()) return signer.status();
  key.signer = *std::move(signer);
  key.plain = std::dynamic_pointer_cast<SoftwareSigner>(key.signer);
  if (key.plain == nullptr) {
    absl::StatusOr<std::string> pem = ReadFile(path, kMaxKeyFileBytes);
    if (!pem.ok()) return pem.status();
    key.pem = Secret(std::string_view(*pem));
  }
  return key;
}

absl::StatusOr<ForeignKey> ReadPkcs12File(const std::string& path,
                                          const Secret& passphrase) {
  absl::StatusOr<std::string> der = ReadFile(path, kMaxPkcs12Bytes);
  if (!der.ok()) return absl::FailedPreconditionError(der.status().message());
  absl::StatusOr<Pkcs12Contents> contents =
      ParsePkcs12Der(AsBytes(*der), passphrase);
  if (!contents.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": ", contents.status().message()));
  }
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> signer =
      SoftwareSigner::FromPkcs8Der(contents->private_key.bytes());
  if (!signer.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": ", signer.status().message()));
  }
  ForeignKey key;
  key.plain = *std::move(signer);
  key.signer = key.plain;
  key.certificates = std::move(contents->certificates);
  return key;
}

absl::StatusOr<std::vector<Certificate>> ImportCaKey(const std::string& folder,
                                                     ForeignKey key,
                                                     const CaKeyOptions& keys,
                                                     absl::Time now) {
  if (PathExists(folder)) {
    return absl::AlreadyExistsError(absl::StrCat(folder, " is there already"));
  }
  absl::StatusOr<std::vector<Certificate>> chain =
      CheckedChain(std::move(key.certificates), key.signer, now);
  if (!chain.ok()) return chain;
  CaFiles files;
  files.chain = *std::move(chain);
  if (key.plain == nullptr) {
    files.key_pem = std::move(key.pem);
  } else {
    absl::StatusOr<NewCaKey> wrapped = WrapCaKey(key.plain, keys);
    if (!wrapped.ok()) return wrapped.status();
    files.key_pem = std::move(wrapped->pem);
  }
  absl::Status status = MakeCaFolder(folder, [&](const std::string& staging) {
    return WriteCaFiles(files, staging);
  });
  if (!status.ok()) return status;
  return std::move(files.chain);
}

}  // namespace bestow::server
