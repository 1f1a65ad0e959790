// The operator's lists, and what the operator takes away.
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

using Names = std::vector<std::string>;

class OperatorTest : public StoreFixture {
 protected:
  Names Serials(const CertificateFilter& filter, const Page& page = {}) {
    auto records = store_->ListCertificates(filter, page);
    EXPECT_TRUE(records.ok()) << records.status();
    Names serials;
    for (const CertificateRecord& record : *records) {
      serials.push_back(ToText(record.serial));
    }
    return serials;
  }
  Names Identities() {
    auto identities = store_->ListIdentities({});
    EXPECT_TRUE(identities.ok()) << identities.status();
    Names names;
    for (const Identity& identity : *identities) names.push_back(identity.name);
    return names;
  }
};

TEST_P(OperatorTest, ListsCertificatesByWhatIsAsked) {
  const int64_t a = MakeIdentity("a");
  const int64_t b = MakeIdentity("b");
  for (const auto& [serial, id, label, hours] :
       {std::tuple{"s1", a, "", 1}, {"s2", a, "plant", 5}, {"t1", b, "", 9}}) {
    Issuance issuance = MakeIssuance(id, serial, serial);
    issuance.record.label = label;
    issuance.record.not_after = Start() + absl::Hours(hours);
    ASSERT_TRUE(Issue(issuance).ok());
  }
  RevokeOrder order;
  order.serial = ToBytes(AsBytes("t1"));
  order.revocation.at = Start();
  ASSERT_TRUE(store_->Revoke(order).ok());

  CertificateFilter filter;
  filter.now = Start() + absl::Hours(2);
  EXPECT_EQ(Serials(filter), (Names{"s1", "s2", "t1"}));
  EXPECT_EQ(Serials(filter, {0, 2}), (Names{"s1", "s2"}));
  auto first = store_->ListCertificates(filter, {0, 1});
  EXPECT_EQ(Serials(filter, {first->front().id, 10}), (Names{"s2", "t1"}));

  CertificateFilter one = filter;
  one.identity = "a";
  EXPECT_EQ(Serials(one), (Names{"s1", "s2"}));
  one.label = "plant";
  EXPECT_EQ(Serials(one), Names{"s2"});
  one = filter;
  one.serial_prefix = ToBytes(AsBytes("s"));
  EXPECT_EQ(Serials(one), (Names{"s1", "s2"}));
  one.serial_prefix = {0xff};
  EXPECT_EQ(Serials(one), Names{});
  one = filter;
  one.key_sha256 = ToBytes(AsBytes("t1"));
  EXPECT_EQ(Serials(one), Names{"t1"});
  one = filter;
  one.state = CertificateState::kValid;
  EXPECT_EQ(Serials(one), Names{"s2"});
  one.state = CertificateState::kExpired;
  EXPECT_EQ(Serials(one), Names{"s1"});
  one.state = CertificateState::kRevoked;
  EXPECT_EQ(Serials(one), Names{"t1"});
  one = filter;
  one.expires_before = Start() + absl::Hours(6);
  EXPECT_EQ(Serials(one), Names{"s2"});
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->ListCertificates({}, {0, kMaxPage + 1}).status()));
}

TEST_P(OperatorTest, CountsWhenCertificatesEnd) {
  const int64_t id = MakeIdentity("a");
  int serial = 0;
  for (int hours : {1, 12, 24 * 6, 24 * 29, 24 * 60, 24 * 200}) {
    Issuance issuance = MakeIssuance(id, absl::StrCat("s", serial++), "k");
    issuance.record.not_after = Start() + absl::Hours(hours);
    ASSERT_TRUE(Issue(issuance).ok());
  }
  MakeSecret("a", "h");
  auto statistics = store_->CountAll(Start() + absl::Hours(2));
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  ASSERT_EQ(statistics->labels.size(), 1u);
  const LabelStatistics& label = statistics->labels[0];
  EXPECT_EQ(label.valid, 5);
  EXPECT_EQ(label.expired, 1);
  EXPECT_EQ(label.ends_within_1_day, 1);
  EXPECT_EQ(label.ends_within_7_days, 2);
  EXPECT_EQ(label.ends_within_30_days, 3);
  EXPECT_EQ(label.ends_within_90_days, 4);
  EXPECT_EQ(label.last_issued_at, Start());
  EXPECT_EQ(statistics->identities, 1);
  EXPECT_EQ(statistics->usable_secrets, 0);  // for an hour only
  ASSERT_EQ(statistics->issued_by_day.size(), 1u);
  EXPECT_EQ(statistics->issued_by_day[0].second, 6);
}

TEST_P(OperatorTest, ARemovedIdentityComesBackByTheOperatorAlone) {
  const int64_t id = MakeIdentity("a");
  MakeSecret("a", "h");
  ASSERT_TRUE(
      store_->AddPreSharedKey("a", AsBytes("psk"), AsBytes("sealed"), Start())
          .ok());
  ASSERT_TRUE(Issue(MakeIssuance(id, "s1", "k")).ok());
  const absl::Status held = store_->RemoveIdentity("a", Start(), {});
  EXPECT_TRUE(absl::IsFailedPrecondition(held)) << held;
  const absl::Time later = Start() + absl::Hours(2);  // s1 is over
  ASSERT_TRUE(store_->RemoveIdentity("a", later, {}).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity("a").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveIdentity("a", later, {})));
  EXPECT_EQ(Identities(), Names{});
  EXPECT_TRUE(absl::IsNotFound(store_->FindSecret(id, AsBytes("h")).status()));
  EXPECT_TRUE(
      absl::IsNotFound(store_->FindPreSharedKey(AsBytes("psk")).status()));
  // What was authenticated a moment ago gets nothing more.
  EXPECT_TRUE(
      absl::IsPermissionDenied(Issue(MakeIssuance(id, "s2", "k")).status()));
  // A manufacturer's certificate does not bring it back.
  Issuance by_idevid = MakeIssuance(0, "s3", "k");
  by_idevid.record.identity = "a";
  EXPECT_TRUE(absl::IsAborted(Issue(by_idevid).status()));
  ASSERT_TRUE(store_->AddIdentity("a", {}, later).ok());
  EXPECT_EQ(store_->FindIdentity("a")->password_hash, "");
  EXPECT_EQ(store_->FindIdentity("a")->id, id);
  EXPECT_TRUE(Issue(by_idevid).ok());
  // The old record is still whose it was.
  EXPECT_EQ(store_->FindCertificate(AsBytes("s1"))->identity, "a");
}

TEST_P(OperatorTest, TakesAwayWhatOneAuthenticatesWith) {
  MakeIdentity("a");
  const SecretRecord secret = MakeSecret("a", "h");
  ASSERT_TRUE(
      store_->AddPreSharedKey("a", AsBytes("psk"), AsBytes("sealed"), Start())
          .ok());
  EXPECT_EQ(store_->ListSecrets({})->size(), 1u);
  EXPECT_EQ(store_->ListPreSharedKeys({})->front().identity, "a");
  ASSERT_TRUE(store_->RemoveSecret(secret.id, {}).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveSecret(secret.id, {})));
  ASSERT_TRUE(store_->RemovePreSharedKey(AsBytes("psk"), {}).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemovePreSharedKey(AsBytes("psk"), {})));
  ASSERT_TRUE(store_->RemovePassword("a", {}).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemovePassword("a", {})));
  EXPECT_EQ(store_->FindIdentity("a")->password_hash, "");
  EXPECT_TRUE(store_->ListSecrets({})->empty());
}

TEST_P(OperatorTest, SaysWhichSecretsWereUsed) {
  const int64_t id = MakeIdentity("a");
  Issuance issuance = MakeIssuance(id, "s1", "k");
  issuance.secret_id = MakeSecret("a", "h1").id;
  MakeSecret("a", "h2");
  ASSERT_TRUE(Issue(issuance).ok());
  auto secrets = store_->ListSecrets({});
  ASSERT_EQ(secrets->size(), 2u);
  EXPECT_EQ((*secrets)[0].used_at, Start());
  EXPECT_EQ(ToText((*secrets)[0].serial), "s1");
  EXPECT_EQ((*secrets)[1].used_at, std::nullopt);
}

TEST_P(OperatorTest, KeepsTrustAnchorsAndCountsTheirChanges) {
  EXPECT_EQ(*store_->AnchorsVersion(), 0);
  auto id = store_->AddTrustAnchor({0, "plant", "acme", {1, 2}, Start()}, {});
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_TRUE(absl::IsAlreadyExists(
      store_->AddTrustAnchor({0, "plant", "acme", {3}, Start()}, {}).status()));
  ASSERT_TRUE(store_->AddTrustAnchor({0, "", "acme", {3}, Start()}, {}).ok());
  EXPECT_EQ(*store_->AnchorsVersion(), 2);
  auto anchors = store_->ListTrustAnchors();
  ASSERT_EQ(anchors->size(), 2u);
  EXPECT_EQ(anchors->front().label, "plant");
  EXPECT_EQ(anchors->front().certificate, (Bytes{1, 2}));
  ASSERT_TRUE(store_->RemoveTrustAnchor(*id, {}).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveTrustAnchor(*id, {})));
  EXPECT_EQ(*store_->AnchorsVersion(), 3);
}

TEST_P(OperatorTest, TheFirstValueOfASettingStays) {
  EXPECT_TRUE(absl::IsNotFound(store_->FindSetting("a").status()));
  EXPECT_EQ(ToText(*store_->FindOrAddSetting("a", AsBytes("1"))), "1");
  EXPECT_EQ(ToText(*store_->FindOrAddSetting("a", AsBytes("2"))), "1");
  ASSERT_TRUE(store_->SetSetting("a", AsBytes("3"), {}).ok());
  EXPECT_EQ(ToText(*store_->FindSetting("a")), "3");
}

// What a client sends as its name can be anything.
TEST_P(OperatorTest, NobodyIsCalledWhatIsNoText) {
  const std::string nul("a\0b", 3);
  for (const std::string& name :
       {nul, std::string("\xff"), std::string("\xc0\x80")}) {
    EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity(name).status()));
    EXPECT_TRUE(
        absl::IsInvalidArgument(store_->AddIdentity(name, {}, Start())));
  }
  EXPECT_TRUE(store_->AddIdentity("Gerät 7", {}, Start()).ok());
  EXPECT_TRUE(store_->FindIdentity("Gerät 7").ok());
}

INSTANTIATE_ON_BOTH_ENGINES(OperatorTest);

}  // namespace
}  // namespace bestow::server
