#include "server/admin/tls_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"
#include "server/admin/file_swap.h"
#include "server/admin/state_files.h"
#include "server/ca/certificate_authority.h"

namespace bestow::server {
namespace {

constexpr char kKey[] = "server.key.pem";
constexpr char kChain[] = "server.pem";
constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxChain = 10;

absl::Status CantBeUsed(const std::string& path, const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<StoredTls> LoadTlsFiles(const std::string& tls_folder) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(tls_folder, /*exclusive=*/false);
  if (absl::IsNotFound(lock.status())) return lock.status();
  if (!lock.ok()) {
    return absl::FailedPreconditionError(lock.status().message());
  }
  const std::string key_path = SwapPath(tls_folder, kKey);
  const std::string chain_path = SwapPath(tls_folder, kChain);
  absl::StatusOr<std::string> key_pem = ReadFile(key_path, kMaxFileBytes);
  absl::StatusOr<std::string> pem = ReadFile(chain_path, kMaxFileBytes);
  if (absl::IsNotFound(key_pem.status()) && absl::IsNotFound(pem.status())) {
    return key_pem.status();
  }
  if (!key_pem.ok()) {
    return absl::FailedPreconditionError(key_pem.status().message());
  }
  const Secret secret{std::string_view(*key_pem)};
  Cleanse(key_pem->data(), key_pem->size());
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> key =
      SoftwareSigner::FromPkcs8Pem(secret);
  if (!key.ok()) return CantBeUsed(key_path, key.status());
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  absl::StatusOr<std::vector<Certificate>> chain =
      ParseCertificatesPem(*pem, kMaxChain);
  if (!chain.ok()) return CantBeUsed(chain_path, chain.status());
  if (chain->front().spki != (*key)->public_key_spki()) {
    return absl::FailedPreconditionError(absl::StrCat(
        tls_folder, "/", kKey, " is not the key of the first certificate in ",
        tls_folder, "/", kChain));
  }
  return StoredTls{*std::move(chain), *std::move(key)};
}

absl::Status ReplaceTlsFiles(const std::string& tls_folder,
                             const Secret& key_pem,
                             const std::vector<Certificate>& chain) {
  const std::string staging = absl::StrCat(tls_folder, "/.renewal");
  std::string pem;
  for (const Certificate& certificate : chain) {
    pem += SerializeCertificatePem(certificate.der);
  }
  std::vector<SwapFile> files = {{kChain, absl::StrCat(staging, "/", kChain)}};
  if (!key_pem.empty()) {
    files.push_back({kKey, absl::StrCat(staging, "/", kKey)});
  }
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(tls_folder, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  absl::Status status = RemovePath(staging);
  if (status.ok()) status = MakeDirectory(staging, kFolderMode);
  if (status.ok()) {
    status = CreateFileDurably(files[0].source, AsBytes(pem), kPublicMode);
  }
  if (status.ok() && !key_pem.empty()) {
    status = CreateFileDurably(files[1].source, key_pem.bytes(), kSecretMode);
  }
  bool committed = false;
  if (status.ok()) status = SwapFiles(tls_folder, files, &committed);
  RemovePath(staging).IgnoreError();
  return committed ? absl::OkStatus() : status;
}

absl::StatusOr<StoredTls> MakeStandInTls(
    const std::vector<std::string>& hostnames) {
  absl::StatusOr<SubscriberContents> contents =
      TlsServerContents(hostnames, absl::ZeroDuration());
  if (!contents.ok()) return contents.status();
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> key =
      SoftwareSigner::Generate();
  if (!key.ok()) return key.status();
  absl::StatusOr<Bytes> usage = SerializeKeyUsage(kDigitalSignature);
  if (!usage.ok()) return usage.status();
  absl::StatusOr<Bytes> purposes =
      SerializeExtendedKeyUsage({oids::KpServerAuth()});
  if (!purposes.ok()) return purposes.status();
  absl::StatusOr<Bytes> sans = SerializeGeneralNamesDer(contents->sans);
  if (!sans.ok()) return sans.status();
  CertificateTemplate stand_in;
  stand_in.serial = {1};
  stand_in.issuer = stand_in.subject = contents->subject;
  stand_in.not_before = absl::UnixEpoch();
  // RFC 5280 4.1.2.5: "no well-defined expiration date".
  stand_in.not_after = absl::FromUnixSeconds(253'402'300'799);
  stand_in.spki = (*key)->public_key_spki();
  stand_in.extensions = {
      {oids::KeyUsage(), true, *std::move(usage)},
      {oids::ExtendedKeyUsage(), false, *std::move(purposes)},
      {oids::SubjectAltName(), false, *std::move(sans)},
  };
  absl::StatusOr<Bytes> tbs =
      SerializeTbsCertificateDer(stand_in, (*key)->algorithm());
  if (!tbs.ok()) return tbs.status();
  absl::StatusOr<Bytes> signature = SignAndWait(**key, *tbs);
  if (!signature.ok()) return signature.status();
  absl::StatusOr<Bytes> der =
      AssembleCertificateDer(*tbs, (*key)->algorithm(), *signature);
  if (!der.ok()) return der.status();
  absl::StatusOr<Certificate> certificate = ParseCertificateDer(*der);
  if (!certificate.ok()) return certificate.status();
  return StoredTls{{*std::move(certificate)}, *std::move(key)};
}

}  // namespace bestow::server
