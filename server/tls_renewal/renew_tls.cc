#include "server/tls_renewal/renew_tls.h"

#include <future>
#include <utility>

#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "server/admin/tls_files.h"
#include "server/store/certificate_record.h"
#include "server/tls_renewal/tls_plan.h"

namespace bestow::server {
namespace {

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

}  // namespace

absl::Status RecordTls(Store& store, const Certificate& certificate,
                       std::string detail, absl::Time now) {
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
  issuance.audit.detail = std::move(detail);
  auto recorded = std::make_shared<std::promise<absl::Status>>();
  auto result = recorded->get_future();
  store.Issue(std::move(issuance), [recorded](absl::StatusOr<Issued> issued) {
    recorded->set_value(issued.status());
  });
  const absl::Status status = result.get();
  if (!absl::IsAlreadyExists(status)) return status;
  const absl::StatusOr<CertificateRecord> there =
      store.FindCertificate(certificate.serial);
  return there.ok() && there->certificate == certificate.der ? absl::OkStatus()
                                                             : status;
}

void AuditTlsFailure(Store& store, const absl::Status& status, absl::Time now) {
  AuditEntry failure;
  failure.at = now;
  failure.actor = failure.subject = kServerIdentity;
  failure.source = "local";
  failure.action = kTlsOperation;
  failure.outcome = "failed";
  failure.detail = std::string(status.message());
  store.Append(std::move(failure));
}

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
  absl::Status status =
      RecordTls(store, *certificate, "renewed its own certificate", now);
  if (!status.ok()) return status;
  files.chain = {*std::move(certificate)};
  files.chain.insert(files.chain.end(), ca.chain.begin(), ca.chain.end());
  status = ReplaceTlsFiles(tls_folder, key_pem, files.chain);
  if (!status.ok()) return status;
  return files;
}

}  // namespace bestow::server
