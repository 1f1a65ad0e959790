// Identities, and what they authenticate with.
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

using Labels = std::vector<std::string>;

class IdentitiesTest : public StoreFixture {
 protected:
  static DigestSecret Digest(const std::string& realm,
                             const std::string& algorithm,
                             const std::string& sealed) {
    DigestSecret secret;
    secret.realm = realm;
    secret.algorithm = algorithm;
    secret.sealed_ha1 = ToBytes(AsBytes(sealed));
    return secret;
  }

  Labels LabelsOf(const std::string& name) {
    auto identity = store_->FindIdentity(name);
    EXPECT_TRUE(identity.ok()) << identity.status();
    return identity->labels;
  }

  std::vector<DigestSecret> Digests(const std::string& name,
                                    const std::string& realm,
                                    const std::string& algorithm) {
    auto found = store_->FindDigestSecrets(store_->FindIdentity(name)->id,
                                           realm, algorithm);
    EXPECT_TRUE(found.ok()) << found.status();
    return *found;
  }
};

TEST_P(IdentitiesTest, ANewIdentityIsGoodForTheServiceWithoutALabel) {
  ASSERT_TRUE(store_->AddIdentity("a", {}, Start()).ok());
  EXPECT_EQ(LabelsOf("a"), Labels{""});
  EXPECT_FALSE(store_->FindIdentity("a")->is_ra);
  EXPECT_TRUE(store_->FindIdentity("a")->MayUse(""));
  EXPECT_FALSE(store_->FindIdentity("a")->MayUse("plant"));
}

TEST_P(IdentitiesTest, OrForTheLabelsThatTheOperatorNames) {
  ASSERT_TRUE(store_->AddIdentity("a", {{"plant"}, true}, Start()).ok());
  EXPECT_EQ(LabelsOf("a"), Labels{"plant"});
  EXPECT_FALSE(store_->FindIdentity("a")->MayUse(""));
  EXPECT_TRUE(store_->FindIdentity("a")->is_ra);
  // Later ones are added; what is not said stays.
  ASSERT_TRUE(
      store_->AddIdentity("a", {{"", "office", "plant"}, {}}, Start()).ok());
  EXPECT_EQ(LabelsOf("a"), (Labels{"", "office", "plant"}));
  EXPECT_TRUE(store_->FindIdentity("a")->is_ra);
  ASSERT_TRUE(store_->AddIdentity("a", {{}, false}, Start()).ok());
  EXPECT_FALSE(store_->FindIdentity("a")->is_ra);
  EXPECT_EQ(LabelsOf("a"), (Labels{"", "office", "plant"}));
}

TEST_P(IdentitiesTest, EveryCommandTakesLabels) {
  const IdentityOptions plant{{"plant"}, {}};
  ASSERT_TRUE(store_->SetPassword("a", "hash", false, Start(), plant).ok());
  ASSERT_TRUE(store_
                  ->AddSecret("b", AsBytes("h"), Start(),
                              Start() + absl::Hours(1), plant)
                  .ok());
  ASSERT_TRUE(store_
                  ->AddPreSharedKey("c", AsBytes("id"), AsBytes("sealed"),
                                    Start(), plant)
                  .ok());
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(LabelsOf(name), Labels{"plant"}) << name;
  }
}

// A command that fails leaves nothing behind.
TEST_P(IdentitiesTest, ARefusedPasswordChangesNothing) {
  ASSERT_TRUE(store_
                  ->SetPassword("a", "hash", false, Start(), {},
                                {Digest("r", "MD5", "old")})
                  .ok());
  EXPECT_TRUE(absl::IsAlreadyExists(
      store_->SetPassword("a", "new", false, Start(), {{"plant"}, true},
                          {Digest("r", "MD5", "new")})));
  EXPECT_EQ(store_->FindIdentity("a")->password_hash, "hash");
  EXPECT_EQ(LabelsOf("a"), Labels{""});
  EXPECT_FALSE(store_->FindIdentity("a")->is_ra);
  ASSERT_EQ(Digests("a", "r", "MD5").size(), 1u);
  EXPECT_EQ(AsText(Digests("a", "r", "MD5")[0].sealed_ha1), "old");
}

TEST_P(IdentitiesTest, DigestIsForWhomItWasGivenTo) {
  ASSERT_TRUE(
      store_
          ->SetPassword("a", "hash", false, Start(), {},
                        {Digest("r", "MD5", "1"), Digest("r", "SHA-256", "2"),
                         Digest("other", "MD5", "3")})
          .ok());
  MakeIdentity("b");
  ASSERT_EQ(Digests("a", "r", "MD5").size(), 1u);
  EXPECT_EQ(AsText(Digests("a", "r", "MD5")[0].sealed_ha1), "1");
  EXPECT_EQ(Digests("a", "r", "MD5")[0].secret_id, std::nullopt);
  EXPECT_EQ(AsText(Digests("a", "r", "SHA-256")[0].sealed_ha1), "2");
  EXPECT_EQ(AsText(Digests("a", "other", "MD5")[0].sealed_ha1), "3");
  EXPECT_TRUE(Digests("a", "other", "SHA-256").empty());
  EXPECT_TRUE(Digests("b", "r", "MD5").empty());
  EXPECT_TRUE(store_->FindDigestSecrets(0, "r", "MD5")->empty());
}

// A new password ends the old one over Digest as well.
TEST_P(IdentitiesTest, ANewPasswordTakesTheOldOnesDigestAway) {
  ASSERT_TRUE(store_
                  ->SetPassword("a", "hash", false, Start(), {},
                                {Digest("r", "MD5", "old")})
                  .ok());
  ASSERT_TRUE(store_
                  ->AddSecret("a", AsBytes("h"), Start(),
                              Start() + absl::Hours(1), {},
                              {Digest("r", "MD5", "secret's")})
                  .ok());
  ASSERT_TRUE(store_->SetPassword("a", "new", true, Start()).ok());
  const std::vector<DigestSecret> left = Digests("a", "r", "MD5");
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(AsText(left[0].sealed_ha1), "secret's");
}

TEST_P(IdentitiesTest, GivesThePasswordsDigestAndTheNewestSecrets) {
  ASSERT_TRUE(store_
                  ->SetPassword("a", "hash", false, Start(), {},
                                {Digest("r", "MD5", "password's")})
                  .ok());
  constexpr int kSecrets = 40;
  for (int i = 0; i < kSecrets; ++i) {
    const std::string name = absl::StrCat("h", i);
    ASSERT_TRUE(store_
                    ->AddSecret("a", AsBytes(name), Start(),
                                Start() + absl::Hours(1), {},
                                {Digest("r", "MD5", name)})
                    .ok());
  }
  const std::vector<DigestSecret> found = Digests("a", "r", "MD5");
  ASSERT_EQ(found.size(), Store::kMaxDigestSecrets);
  EXPECT_EQ(AsText(found[0].sealed_ha1), "password's");
  EXPECT_EQ(AsText(found[1].sealed_ha1), absl::StrCat("h", kSecrets - 1));
  ASSERT_TRUE(found[1].secret_id.has_value());
  auto secret = store_->FindSecret(store_->FindIdentity("a")->id,
                                   AsBytes(absl::StrCat("h", kSecrets - 1)));
  ASSERT_TRUE(secret.ok());
  EXPECT_EQ(found[1].secret_id, secret->id);
}

TEST_P(IdentitiesTest, FindsASharedKeyByItsIdentifier) {
  ASSERT_TRUE(
      store_->AddPreSharedKey("a", AsBytes("id"), AsBytes("sealed"), Start())
          .ok());
  auto key = store_->FindPreSharedKey(AsBytes("id"));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->identity, "a");
  EXPECT_EQ(key->identity_id, store_->FindIdentity("a")->id);
  EXPECT_EQ(AsText(key->sealed_key), "sealed");
  EXPECT_TRUE(
      absl::IsNotFound(store_->FindPreSharedKey(AsBytes("id2")).status()));
  // An identifier is one key's; the identity of the refused one is not made.
  EXPECT_TRUE(absl::IsAlreadyExists(
      store_->AddPreSharedKey("b", AsBytes("id"), AsBytes("other"), Start())));
  EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity("b").status()));
  EXPECT_EQ(AsText(store_->FindPreSharedKey(AsBytes("id"))->sealed_key),
            "sealed");
}

// RFC 7030 3.3.2: a manufacturer's device, made known by its first issuance.
TEST_P(IdentitiesTest, RegistersADeviceInTheTransactionThatIssues) {
  Issuance issuance = MakeIssuance(0, "s1", "k1");
  issuance.record.identity = "dev-1";
  issuance.record.label = "plant";
  ASSERT_TRUE(Issue(issuance).ok());
  EXPECT_EQ(LabelsOf("dev-1"), Labels{"plant"});
  auto record = store_->FindCertificate(AsBytes("s1"));
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->identity, "dev-1");
  EXPECT_EQ(record->label, "plant");

  // The second time it is there already.
  issuance.record.serial = {2};
  ASSERT_TRUE(Issue(issuance).ok());
  EXPECT_EQ(store_->FindCertificate(Bytes{2})->identity_id,
            record->identity_id);

  // An issuance that fails registers nobody.
  issuance.record.identity = "dev-2";
  EXPECT_TRUE(absl::IsAlreadyExists(Issue(issuance).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity("dev-2").status()));
}

// Somebody else may have had the name meanwhile.
TEST_P(IdentitiesTest, RegistersNoDeviceOverAnIdentityOfAnotherLabel) {
  MakeIdentity("dev-1");  // good for ""
  Issuance issuance = MakeIssuance(0, "s1", "k1");
  issuance.record.identity = "dev-1";
  issuance.record.label = "plant";
  EXPECT_TRUE(absl::IsAborted(Issue(issuance).status()));
  EXPECT_EQ(LabelsOf("dev-1"), Labels{""});
  EXPECT_EQ(CertificateCount(), 0u);
  issuance.record.label = "";
  EXPECT_TRUE(Issue(issuance).ok());
}

TEST_P(IdentitiesTest, FindsTheNewestCertificateOfAKey) {
  const int64_t id = MakeIdentity("a");
  const int64_t other = MakeIdentity("b");
  for (const char* serial : {"s1", "s2"}) {
    Issuance issuance = MakeIssuance(id, serial, "key hash");
    issuance.record.subject_key_id = {7, 7};
    issuance.record.server_key = true;
    ASSERT_TRUE(Issue(issuance).ok());
  }
  ASSERT_TRUE(Issue(MakeIssuance(id, "s3", "key 3")).ok());
  for (const Bytes& name : {ToBytes(AsBytes("key hash")), Bytes{7, 7}}) {
    auto found = store_->FindCertificateByKey(id, name);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(AsText(found->serial), "s2");
    EXPECT_TRUE(found->server_key);
    EXPECT_TRUE(
        absl::IsNotFound(store_->FindCertificateByKey(other, name).status()));
  }
  // One without the extension is not what an empty name means.
  EXPECT_TRUE(absl::IsNotFound(store_->FindCertificateByKey(id, {}).status()));
}

INSTANTIATE_ON_BOTH_ENGINES(IdentitiesTest);

}  // namespace
}  // namespace bestow::server
