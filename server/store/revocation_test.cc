// Revocations, CRLs, and what they forbid.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/issue_refusal.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

using Lines = std::vector<std::string>;
using Reason = RevocationReason;

class RevocationTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    id_ = MakeIdentity("gw-17");
  }

  Issuance Make(const std::string& serial, const std::string& key = "k",
                absl::Duration lifetime = absl::Hours(24)) {
    Issuance issuance = MakeIssuance(id_, serial, key);
    issuance.record.not_after = Start() + lifetime;
    issuance.record.issuer_key_id = issuer_;
    issuance.audit.action = "simpleenroll";
    return issuance;
  }
  void MakeCertificate(const std::string& serial, const std::string& key = "k",
                       absl::Duration lifetime = absl::Hours(24)) {
    auto issued = Issue(Make(serial, key, lifetime));
    ASSERT_TRUE(issued.ok()) << issued.status();
  }

  static RevokeOrder Order(Reason reason, absl::Duration after = {}) {
    RevokeOrder order;
    order.revocation.at = Start() + after;
    order.revocation.reason = reason;
    order.audit.action = "revoke";
    order.audit.outcome = "done";
    return order;
  }
  absl::StatusOr<std::vector<CertificateRecord>> RevokeSerial(
      const std::string& serial, Reason reason, absl::Duration after = {}) {
    RevokeOrder order = Order(reason, after);
    order.serial = ToBytes(AsBytes(serial));
    return store_->Revoke(order);
  }
  std::vector<std::string> OnCrl(
      absl::Duration after = {},
      std::optional<absl::Time> changed_since = std::nullopt) {
    auto revoked = store_->ListRevoked(issuer_, Start() + after, changed_since);
    EXPECT_TRUE(revoked.ok()) << revoked.status();
    std::vector<std::string> lines;
    for (const RevokedCertificate& entry : *revoked) {
      lines.push_back(
          absl::StrCat(ToText(entry.serial), " ",
                       RevocationReasonName(entry.revocation.reason)));
    }
    return lines;
  }
  absl::Status AddCrl(int64_t number, std::optional<int64_t> base,
                      absl::Time this_update) {
    return store_->AddCrls({MakeCrl(number, base, this_update)}, {});
  }
  StoredCrl MakeCrl(int64_t number, std::optional<int64_t> base,
                    absl::Time this_update = Start()) {
    return {issuer_,
            number,
            base,
            this_update,
            this_update + absl::Hours(24),
            ToBytes(AsBytes(absl::StrCat("crl ", number)))};
  }
  // "5", or "6-5": a delta, and its base.
  std::vector<std::string> StoredCrls() {
    const auto connection = Connect();
    auto query = connection->Prepare(
        "SELECT number, base_number FROM crls WHERE issuer_key_id = ?"
        " ORDER BY number, base_number");
    EXPECT_TRUE(query.ok()) << query.status();
    query->Bind(ByteView(issuer_));
    std::vector<std::string> lines;
    const absl::Status status = query->ForEachRow([&] {
      lines.push_back(query->IsNull(1)
                          ? absl::StrCat(query->Int(0))
                          : absl::StrCat(query->Int(0), "-", query->Int(1)));
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  int64_t id_ = 0;
  const Bytes issuer_ = ToBytes(AsBytes("ca"));
};

TEST_P(RevocationTest, RevokesBySerialAndTellsWhoAsks) {
  MakeCertificate("s1");
  MakeCertificate("s2");
  RevokeOrder order = Order(Reason::kSuperseded);
  order.serial = ToBytes(AsBytes("s1"));
  order.revocation.invalidity_date = Start() - absl::Hours(1);
  auto revoked = store_->Revoke(order);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  ASSERT_EQ(revoked->size(), 1u);
  auto found = store_->FindCertificate(AsBytes("s1"));
  ASSERT_TRUE(found->revocation.has_value());
  EXPECT_EQ(found->revocation->at, Start());
  EXPECT_EQ(found->revocation->reason, Reason::kSuperseded);
  EXPECT_EQ(found->revocation->invalidity_date, Start() - absl::Hours(1));
  EXPECT_FALSE(store_->FindCertificate(AsBytes("s2"))->revocation.has_value());
  EXPECT_EQ(OnCrl(), Lines{"s1 superseded"});
  EXPECT_EQ(ToText(store_->LastAudit()->entry.serial), "s1");
}

TEST_P(RevocationTest, RevokesByIdentityAndByKey) {
  MakeCertificate("s1", "k1");
  MakeCertificate("s2", "k2");
  MakeCertificate("s3", "k2");
  RevokeOrder by_key = Order(Reason::kCessationOfOperation);
  by_key.key_sha256 = ToBytes(AsBytes("k2"));
  EXPECT_EQ(store_->Revoke(by_key)->size(), 2u);
  RevokeOrder by_identity = Order(Reason::kUnspecified);
  by_identity.identity = "gw-17";
  auto rest = store_->Revoke(by_identity);
  ASSERT_TRUE(rest.ok()) << rest.status();
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ(ToText(rest->front().serial), "s1");
  EXPECT_EQ(OnCrl(), (Lines{"s1 unspecified", "s2 cessationOfOperation",
                            "s3 cessationOfOperation"}));
}

TEST_P(RevocationTest, RefusesWhatMakesNoSense) {
  MakeCertificate("s1");
  EXPECT_TRUE(
      absl::IsNotFound(RevokeSerial("none", Reason::kUnspecified).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      RevokeSerial("s1", Reason::kRemoveFromCrl).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->Revoke(Order(Reason::kUnspecified)).status()));
  RevokeOrder two = Order(Reason::kUnspecified);
  two.identity = "gw-17";
  two.serial = {1};
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Revoke(two).status()));
  // Revoked already.
  ASSERT_TRUE(RevokeSerial("s1", Reason::kSuperseded).ok());
  EXPECT_TRUE(
      absl::IsNotFound(RevokeSerial("s1", Reason::kKeyCompromise).status()));
  EXPECT_EQ(OnCrl(), Lines{"s1 superseded"});
}

TEST_P(RevocationTest, AHoldIsLiftedOrBecomesFinal) {
  MakeCertificate("s1");
  MakeCertificate("s2");
  const absl::Duration later = absl::Minutes(10);
  ASSERT_TRUE(RevokeSerial("s1", Reason::kCertificateHold).ok());
  ASSERT_TRUE(RevokeSerial("s2", Reason::kCertificateHold).ok());
  RevokeOrder release = Order(Reason::kUnspecified, later);
  release.release = true;
  release.serial = ToBytes(AsBytes("s1"));
  ASSERT_TRUE(store_->Revoke(release).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->Revoke(release).status()));
  EXPECT_FALSE(store_->FindCertificate(AsBytes("s1"))->revocation.has_value());
  ASSERT_TRUE(RevokeSerial("s2", Reason::kKeyCompromise, later).ok());
  // It was not to be trusted since the hold.
  EXPECT_EQ(store_->FindCertificate(AsBytes("s2"))->revocation->at, Start());
  EXPECT_EQ(OnCrl(later), Lines{"s2 keyCompromise"});
  // RFC 5280 5.3.1: removeFromCRL is for deltas.
  EXPECT_EQ(OnCrl(later, Start() + later),
            (Lines{"s1 removeFromCRL", "s2 keyCompromise"}));
}

// RFC 5280 3.3: "An entry MUST NOT be removed from the CRL until it appears on
// one regularly scheduled CRL issued beyond the revoked certificate's validity
// period."
TEST_P(RevocationTest, AnExpiredOneIsOnOneMoreCrl) {
  MakeCertificate("s1", "k", absl::Hours(2));
  ASSERT_TRUE(RevokeSerial("s1", Reason::kUnspecified).ok());
  ASSERT_TRUE(AddCrl(1, std::nullopt, Start() + absl::Hours(1)).ok());
  EXPECT_EQ(OnCrl(absl::Hours(3)), Lines{"s1 unspecified"});
  ASSERT_TRUE(AddCrl(2, std::nullopt, Start() + absl::Hours(3)).ok());
  EXPECT_EQ(OnCrl(absl::Hours(4)), Lines{});
}

TEST_P(RevocationTest, ListsOneIssuersAlone) {
  MakeCertificate("s1");
  ASSERT_TRUE(RevokeSerial("s1", Reason::kUnspecified).ok());
  EXPECT_TRUE(
      store_->ListRevoked(AsBytes("other"), Start(), std::nullopt)->empty());
}

// RFC 5280 5.2.3: CRL numbers grow, fulls and deltas together.
TEST_P(RevocationTest, CrlNumbersNeverGoBack) {
  EXPECT_TRUE(absl::IsNotFound(store_->FindCrl(issuer_, false).status()));
  ASSERT_TRUE(AddCrl(5, std::nullopt, Start()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(AddCrl(5, std::nullopt, Start())));
  EXPECT_TRUE(absl::IsAlreadyExists(AddCrl(4, std::nullopt, Start())));
  ASSERT_TRUE(AddCrl(6, 5, Start()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(AddCrl(6, std::nullopt, Start())));
  EXPECT_EQ(store_->FindCrl(issuer_, false)->number, 5);
  auto delta = store_->FindCrl(issuer_, true);
  ASSERT_TRUE(delta.ok()) << delta.status();
  EXPECT_EQ(delta->base_number, 5);
  EXPECT_EQ(ToText(delta->der), "crl 6");
  // Another key counts by itself.
  EXPECT_TRUE(
      store_
          ->AddCrls(
              {{{1}, 1, std::nullopt, Start(), Start() + absl::Hours(1), {2}}},
              {})
          .ok());
}

// RFC 5280 5.2.3: those of one moment share a number.
TEST_P(RevocationTest, AFullCrlAndItsDeltaAreStoredTogetherOrNotAtAll) {
  const auto add = [&](const std::vector<StoredCrl>& crls) {
    return store_->AddCrls(crls, {});
  };
  ASSERT_TRUE(add({MakeCrl(5, {}), MakeCrl(5, 5)}).ok());
  EXPECT_EQ(StoredCrls(), (Lines{"5", "5-5"}));
  EXPECT_TRUE(absl::IsAlreadyExists(add({MakeCrl(5, 5)})));
  EXPECT_TRUE(absl::IsAlreadyExists(add({MakeCrl(5, {}), MakeCrl(5, 5)})));
  StoredCrl anothers = MakeCrl(6, 5);
  anothers.issuer_key_id = {1};
  const std::vector<StoredCrl> kRefused[] = {
      {},
      {MakeCrl(6, {}), MakeCrl(7, 5)},
      {MakeCrl(6, 5), MakeCrl(6, {})},
      {MakeCrl(6, {}), MakeCrl(6, {})},
      {MakeCrl(6, 5), MakeCrl(6, 5)},
      {MakeCrl(6, {}), MakeCrl(6, 5), MakeCrl(6, 5)},
      {MakeCrl(6, {}), anothers}};
  for (const std::vector<StoredCrl>& refused : kRefused) {
    EXPECT_TRUE(absl::IsInvalidArgument(add(refused))) << refused.size();
  }
  EXPECT_EQ(StoredCrls(), (Lines{"5", "5-5"}));
  EXPECT_EQ(store_->FindCrl(issuer_, false)->number, 5);
  EXPECT_EQ(store_->FindCrl(issuer_, true)->number, 5);
}

// A full CRL of 100,000 entries has megabytes: no row stays for the weeks until
// it would be over.
TEST_P(RevocationTest, CrlsThatNothingNeedsAreRemoved) {
  const auto add = [&](const std::vector<StoredCrl>& crls) {
    const absl::Status status = store_->AddCrls(crls, {});
    EXPECT_TRUE(status.ok()) << status;
    return StoredCrls();
  };
  EXPECT_EQ(add({MakeCrl(1, {})}), Lines{"1"});
  EXPECT_EQ(add({MakeCrl(2, {})}), Lines{"2"});
  // The base stays, and the newest.
  EXPECT_EQ(add({MakeCrl(3, 2)}), (Lines{"2", "3-2"}));
  EXPECT_EQ(add({MakeCrl(4, {}), MakeCrl(4, 2)}), (Lines{"2", "4", "4-2"}));
  EXPECT_EQ(add({MakeCrl(5, {}), MakeCrl(5, 2)}), (Lines{"2", "5", "5-2"}));
  EXPECT_EQ(add({MakeCrl(6, 2)}), (Lines{"2", "5", "6-2"}));
  EXPECT_EQ(add({MakeCrl(7, 5)}), (Lines{"5", "7-5"}));
  // Without deltas from now on: the last one is overtaken.
  EXPECT_EQ(add({MakeCrl(8, {})}), Lines{"8"});
  // Another key's are left alone.
  ASSERT_TRUE(
      store_
          ->AddCrls(
              {{{1}, 9, std::nullopt, Start(), Start() + absl::Hours(1), {2}}},
              {})
          .ok());
  EXPECT_EQ(StoredCrls(), Lines{"8"});
}

TEST_P(RevocationTest, ARevokedCertificateIsNotRenewed) {
  MakeCertificate("s1", "k1");
  ASSERT_TRUE(RevokeSerial("s1", Reason::kCertificateHold).ok());
  Issuance renewal = Make("s2", "k2");
  renewal.replaces_serial = ToBytes(AsBytes("s1"));
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(renewal).status()));
  RevokeOrder release = Order(Reason::kUnspecified);
  release.release = true;
  release.serial = ToBytes(AsBytes("s1"));
  ASSERT_TRUE(store_->Revoke(release).ok());
  EXPECT_TRUE(Issue(renewal).ok());
}

TEST_P(RevocationTest, ACompromisedKeyIsCertifiedNoMore) {
  MakeCertificate("s1", "k1");
  MakeCertificate("s2", "k2");
  ASSERT_TRUE(RevokeSerial("s1", Reason::kKeyCompromise).ok());
  ASSERT_TRUE(RevokeSerial("s2", Reason::kSuperseded).ok());
  const absl::Status refused = Issue(Make("s3", "k1")).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_EQ(IssueRefusalOf(refused), IssueRefusal::kCompromisedKey);
  EXPECT_TRUE(Issue(Make("s4", "k2")).ok());
}

// A label may renew what has expired, within its time of grace.
TEST_P(RevocationTest, WhatHasExpiredIsRevokedToo) {
  MakeCertificate("s1", "k1");
  ASSERT_TRUE(Issue(Make("s2", "k2", absl::Hours(1000))).ok());
  RevokeOrder order = Order(Reason::kUnspecified, absl::Hours(25));
  order.identity = "gw-17";
  EXPECT_EQ(store_->Revoke(order)->size(), 2u);
  for (const char* old : {"s1", "s2"}) {
    Issuance renewal = Make("s3", "k3");
    renewal.replaces_serial = ToBytes(AsBytes(old));
    EXPECT_TRUE(absl::IsPermissionDenied(Issue(renewal).status())) << old;
  }
  EXPECT_EQ(OnCrl(absl::Hours(25)), Lines{"s2 unspecified"});
}

TEST_P(RevocationTest, AKeyIsCompromisedWhenItsCertificatesHaveExpired) {
  MakeCertificate("s1", "k1");
  RevokeOrder order = Order(Reason::kKeyCompromise, absl::Hours(25));
  order.key_sha256 = ToBytes(AsBytes("k1"));
  ASSERT_TRUE(store_->Revoke(order).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(Make("s2", "k1")).status()));
}

// Whoever kept the old key must not get around the new one's revocation.
TEST_P(RevocationTest, ARevokedRenewalEndsWhatItWasMadeFrom) {
  MakeCertificate("s1", "k1");
  Issuance renewal = Make("s2", "k2", absl::Hours(1000));
  renewal.replaces_serial = ToBytes(AsBytes("s1"));
  ASSERT_TRUE(Issue(renewal).ok());
  // Of the identity, what was renewed is left to its renewal once it is over.
  RevokeOrder order = Order(Reason::kUnspecified, absl::Hours(25));
  order.identity = "gw-17";
  auto revoked = store_->Revoke(order);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  ASSERT_EQ(revoked->size(), 1u);
  EXPECT_EQ(ToText(revoked->front().serial), "s2");
  Issuance again = Make("s3", "k3");
  again.replaces_serial = ToBytes(AsBytes("s1"));
  EXPECT_TRUE(absl::IsPermissionDenied(Issue(again).status()));
}

// A reply that was lost, and tidied away by the operator, is no theft.
TEST_P(RevocationTest, ASupersededRenewalLeavesTheWayFree) {
  MakeCertificate("s1", "k1");
  Issuance renewal = Make("s2", "k2");
  renewal.replaces_serial = ToBytes(AsBytes("s1"));
  ASSERT_TRUE(Issue(renewal).ok());
  ASSERT_TRUE(RevokeSerial("s2", Reason::kSuperseded).ok());
  Issuance again = Make("s3", "k3");
  again.replaces_serial = ToBytes(AsBytes("s1"));
  EXPECT_TRUE(Issue(again).ok());
}

TEST_P(RevocationTest, ASecretRepeatsNoRevokedCertificate) {
  Issuance issuance = Make("s1", "k1");
  issuance.secret_id = MakeSecret("gw-17", "h").id;
  ASSERT_TRUE(Issue(issuance).ok());
  ASSERT_TRUE(Issue(issuance)->repeated);
  ASSERT_TRUE(RevokeSerial("s1", Reason::kSuperseded).ok());
  const absl::Status refused = Issue(issuance).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_EQ(IssueRefusalOf(refused), IssueRefusal::kSecret);
}

TEST_P(RevocationTest, CountsWhatIsLive) {
  const auto issue = [&](const std::string& serial, const std::string& replaces,
                         const std::string& label = "") {
    Issuance issuance = Make(serial, "k" + serial);
    issuance.max_live = 2;
    issuance.record.label = label;
    issuance.replaces_serial = ToBytes(AsBytes(replaces));
    return Issue(issuance).status();
  };
  EXPECT_TRUE(issue("s1", "").ok());
  EXPECT_TRUE(issue("s2", "").ok());
  EXPECT_TRUE(absl::IsOutOfRange(issue("s3", "")));
  EXPECT_TRUE(
      absl::IsNotFound(store_->FindCertificate(AsBytes("s3")).status()));
  // Another label counts by itself, and a renewal takes a place that is taken.
  EXPECT_TRUE(issue("p1", "", "plant").ok());
  EXPECT_TRUE(issue("s4", "s1").ok());
  // Its reply was lost: once more with the old one, which gave s4 already.
  EXPECT_TRUE(issue("s5", "s1").ok());
  EXPECT_TRUE(absl::IsOutOfRange(issue("s6", "")));
  // What is revoked makes room.
  ASSERT_TRUE(RevokeSerial("s2", Reason::kSuperseded).ok());
  EXPECT_TRUE(issue("s7", "").ok());
}

INSTANTIATE_ON_BOTH_ENGINES(RevocationTest);

}  // namespace
}  // namespace bestow::server
