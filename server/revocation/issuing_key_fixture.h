// For tests: a CA whose key issues into a store.
#ifndef SERVER_REVOCATION_ISSUING_KEY_FIXTURE_H_
#define SERVER_REVOCATION_ISSUING_KEY_FIXTURE_H_

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "common/base/fake_clock.h"
#include "common/crypto/signer.h"
#include "server/ca/certificate_authority.h"
#include "server/revocation/issuing_key.h"
#include "server/store/certificate_record.h"
#include "server/store/store_fixture.h"

namespace bestow::server {

class IssuingKeyFixture : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    MakeIdentity("gw-17");
    key_ = MakeKey("Test CA");
  }

  // Of a new CA in the folder "ca".
  IssuingKey MakeKey(const std::string& name,
                     absl::Duration validity = absl::Hours(24 * 3650)) {
    std::shared_ptr<Signer> signer = *SoftwareSigner::Generate();
    const Certificate certificate =
        *CreateRootCertificate(name, *signer, clock_.Now(), validity);
    IssuingKey key;
    key.folder = "ca";
    key.key_id = certificate.subject_key_id;
    key.authority = *CertificateAuthority::Create(certificate, signer);
    key.is_published = true;
    return key;
  }

  // A device's certificate, recorded as gw-17's.
  Certificate IssueFrom(const IssuingKey& key,
                        absl::Duration validity = absl::Hours(24 * 90)) {
    SubscriberContents contents;
    contents.subject = *Name::FromCommonName("gw-17");
    contents.key_usage = kDigitalSignature;
    contents.validity = validity;
    const auto device = *SoftwareSigner::Generate();
    Certificate issued;
    key.authority->Issue(contents, device->public_key_spki(), clock_.Now(),
                         [&](absl::StatusOr<Certificate> certificate) {
                           ASSERT_TRUE(certificate.ok());
                           issued = *std::move(certificate);
                         });
    Issuance issuance;
    issuance.record = RecordOf(issued);
    issuance.record.identity_id = store_->FindIdentity("gw-17")->id;
    issuance.record.operation = "simpleenroll";
    issuance.record.issued_at = clock_.Now();
    EXPECT_TRUE(Issue(std::move(issuance)).ok());
    return issued;
  }

  void Revoke(const Certificate& certificate,
              RevocationReason reason = RevocationReason::kUnspecified) {
    RevokeOrder order;
    order.serial = certificate.serial;
    order.revocation.at = clock_.Now();
    order.revocation.reason = reason;
    auto revoked = store_->Revoke(order);
    EXPECT_TRUE(revoked.ok()) << revoked.status();
  }
  void Release(const Certificate& certificate) {
    RevokeOrder order;
    order.serial = certificate.serial;
    order.revocation.at = clock_.Now();
    order.release = true;
    auto released = store_->Revoke(order);
    EXPECT_TRUE(released.ok()) << released.status();
  }

  FakeClock clock_;
  IssuingKey key_;
};

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_ISSUING_KEY_FIXTURE_H_
