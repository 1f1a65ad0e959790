#include "server/tls_renewal/renew_tls.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/crypto/key_type.h"
#include "server/admin/file_swap.h"
#include "server/admin/state_files.h"
#include "server/store/certificate_record.h"
#include "server/tls_renewal/tls_plan.h"

namespace bestow::server {
namespace {

constexpr char kKey[] = "server.key.pem";
constexpr char kChain[] = "server.pem";

absl::StatusOr<Certificate> Sign(const CaBundle& ca,
                                 const SubscriberContents& contents,
                                 const Bytes& spki, absl::Time now) {
  // Of its own, for a signer that answers late or twice.
  auto signed_one =
      std::make_shared<std::promise<absl::StatusOr<Certificate>>>();
  auto result = signed_one->get_future();
  ca.authority->Issue(contents, spki, now,
                      [signed_one](absl::StatusOr<Certificate> certificate) {
                        signed_one->set_value(std::move(certificate));
                      });
  return result.get();
}

absl::Status Record(Store& store, const Certificate& certificate,
                    absl::Time now) {
  Issuance issuance;
  issuance.record = RecordOf(certificate);
  // It registers itself; nobody can authenticate as it.
  issuance.record.identity_id = 0;
  issuance.record.identity = kServerIdentity;
  issuance.record.operation = kTlsOperation;
  issuance.record.issued_at = now;
  issuance.audit.at = now;
  issuance.audit.actor = issuance.audit.subject = kServerIdentity;
  issuance.audit.source = "local";
  issuance.audit.action = kTlsOperation;
  issuance.audit.detail = "renewed its own certificate";
  auto recorded = std::make_shared<std::promise<absl::Status>>();
  auto result = recorded->get_future();
  store.Issue(std::move(issuance), [recorded](absl::StatusOr<Issued> issued) {
    recorded->set_value(issued.status());
  });
  return result.get();
}

}  // namespace

absl::StatusOr<TlsFiles> RenewTls(const std::string& tls_folder,
                                  const Certificate& present,
                                  const std::shared_ptr<Signer>& signer,
                                  const CaBundle& ca, const Config& config,
                                  Store& store, absl::Time now) {
  TlsFiles files;
  files.signer = signer;
  Secret key_pem;
  if (config.tls.new_key) {
    absl::StatusOr<KeyType> type = KeyTypeOfSpki(present.spki);
    if (!type.ok()) return type.status();
    absl::StatusOr<std::unique_ptr<SoftwareSigner>> key =
        SoftwareSigner::Generate(*type);
    if (!key.ok()) return key.status();
    absl::StatusOr<Secret> pem = (*key)->ToPkcs8Pem();
    if (!pem.ok()) return pem.status();
    key_pem = *std::move(pem);
    files.signer = *std::move(key);
  }
  absl::StatusOr<SubscriberContents> contents =
      TlsRenewalContents(present, config.hostnames, config.tls.validity);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<Certificate> certificate =
      Sign(ca, *contents, files.signer->public_key_spki(), now);
  if (!certificate.ok()) return certificate.status();
  absl::Status status = Record(store, *certificate, now);
  if (!status.ok()) return status;
  files.chain = {*std::move(certificate)};
  files.chain.insert(files.chain.end(), ca.chain.begin(), ca.chain.end());
  status = ReplaceTlsFiles(tls_folder, key_pem, files.chain);
  if (!status.ok()) return status;
  return files;
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

}  // namespace bestow::server
