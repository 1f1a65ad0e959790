#include "server/ca/ca_bundle.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "common/crypto/public_key.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "common/pki/path.h"
#include "gtest/gtest.h"
#include "server/ca/sign_certificate.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

Certificate Root(const std::string& name, Signer& key) {
  auto root = CreateRootCertificate(name, key, kNow, 10 * kYear);
  EXPECT_TRUE(root.ok()) << root.status();
  return *root;
}

// A CA's certificate below `issuer`.
Certificate Below(const Certificate& issuer, Signer& issuer_key,
                  const std::string& name, const Signer& key) {
  CertificateTemplate contents;
  contents.serial = RandomSerial();
  contents.issuer = issuer.subject;
  contents.subject = *Name::FromCommonName(name);
  contents.not_before = kNow;
  contents.not_after = kNow + 5 * kYear;
  contents.spki = key.public_key_spki();
  contents.extensions = {
      {oids::SubjectKeyIdentifier(), false,
       *SerializeSubjectKeyIdentifier(KeyIdentifier(contents.spki))},
      {oids::BasicConstraints(), true,
       *SerializeBasicConstraints({.is_ca = true, .path_length = 0})},
      {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign)}};
  auto made = SignCertificate(contents, issuer_key);
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

class CaBundleTest : public testing::Test {
 protected:
  CaBundleTest()
      : old_with_old_(Root("Fleet CA", *old_key_)),
        new_with_new_(Root("Fleet CA", *new_key_)),
        old_with_new_(
            *CreateLinkCertificate(old_with_old_, new_with_new_, *new_key_)),
        new_with_old_(
            *CreateLinkCertificate(new_with_new_, old_with_old_, *old_key_)) {}

  // An end entity's certificate of the CA's old or new key.
  Certificate Leaf(const Certificate& ca, std::shared_ptr<Signer> key) {
    auto authority = CertificateAuthority::Create(ca, key);
    EXPECT_TRUE(authority.ok()) << authority.status();
    SubscriberContents contents;
    contents.subject = *Name::FromText("CN=gw-17");
    contents.key_usage = kDigitalSignature;
    contents.extended_key_usage = {oids::KpClientAuth()};
    contents.validity = kYear;
    absl::StatusOr<Certificate> leaf = absl::UnknownError("not called");
    (*authority)
        ->Issue(contents, device_->public_key_spki(), kNow,
                [&](absl::StatusOr<Certificate> issued) {
                  leaf = std::move(issued);
                });
    EXPECT_TRUE(leaf.ok()) << leaf.status();
    return *leaf;
  }

  void ExpectRefused(const std::vector<Certificate>& chain,
                     const std::vector<Certificate>& rollover,
                     std::shared_ptr<Signer> key, std::string_view why) {
    auto bundle = MakeCaBundle(chain, rollover, std::move(key));
    ASSERT_FALSE(bundle.ok()) << why;
    EXPECT_EQ(bundle.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(bundle.status().message(), why))
        << bundle.status();
  }

  const std::shared_ptr<SoftwareSigner> old_key_ = *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> new_key_ =
      *SoftwareSigner::Generate(KeyType::kEcP384);
  const std::shared_ptr<SoftwareSigner> device_ = *SoftwareSigner::Generate();
  const Certificate old_with_old_;
  const Certificate new_with_new_;
  const Certificate old_with_new_;
  const Certificate new_with_old_;
};

TEST_F(CaBundleTest, TakesARootAlone) {
  auto bundle = MakeCaBundle({new_with_new_}, {}, new_key_);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->All(), std::vector<Certificate>{new_with_new_});
  EXPECT_EQ(bundle->Anchors(), std::vector<Certificate>{new_with_new_});
}

// RFC 7030 4.1.3: the chain up to the root, root included.
TEST_F(CaBundleTest, TakesAChainFromTheIssuingCaToTheRoot) {
  const std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  const Certificate issuing = Below(new_with_new_, *new_key_, "Plant CA", *key);
  auto bundle = MakeCaBundle({issuing, new_with_new_}, {}, key);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->authority->certificate(), issuing);
  EXPECT_EQ(bundle->All(), (std::vector<Certificate>{issuing, new_with_new_}));

  ExpectRefused({new_with_new_, issuing}, {}, key, "key");
  ExpectRefused({issuing}, {}, key, "no self-signed root");
  ExpectRefused({issuing, old_with_old_}, {}, key, "not signed by the one");
  ExpectRefused({issuing, issuing}, {}, key, "not signed by the one");
  ExpectRefused({issuing, Leaf(new_with_new_, new_key_)}, {}, key,
                "not signed by the one");
  ExpectRefused({}, {}, key, "no certificate");
}

TEST_F(CaBundleTest, RefusesWhatIsNoCa) {
  ExpectRefused({Leaf(new_with_new_, new_key_)}, {}, device_, "CA");
  ExpectRefused({new_with_new_}, {}, old_key_, "not the key");
}

// RFC 7030 4.1.3, RFC 4210 4.4: one name, four certificates.
TEST_F(CaBundleTest, TakesARolloversCertificatesInAnyOrder) {
  const std::vector<Certificate> all = {new_with_new_, old_with_old_,
                                        old_with_new_, new_with_old_};
  for (const std::vector<Certificate>& rollover :
       {std::vector<Certificate>{old_with_old_, old_with_new_, new_with_old_},
        std::vector<Certificate>{new_with_old_, old_with_new_,
                                 old_with_old_}}) {
    auto bundle = MakeCaBundle({new_with_new_}, rollover, new_key_);
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    EXPECT_EQ(bundle->All(), all);
    EXPECT_EQ(bundle->Anchors(),
              (std::vector<Certificate>{new_with_new_, old_with_old_}));
  }
}

TEST_F(CaBundleTest, RefusesARolloverThatDoesNotFit) {
  const std::vector<Certificate> chain = {new_with_new_};
  EXPECT_TRUE(MakeCaBundle(chain, {old_with_old_}, new_key_).ok());
  ExpectRefused(chain, {old_with_new_, new_with_old_}, new_key_,
                "no OldWithOld");
  ExpectRefused(chain, {old_with_old_, old_with_old_}, new_key_,
                "that another has");
  ExpectRefused(chain, {old_with_old_, new_with_new_}, new_key_,
                "is NewWithNew");
  ExpectRefused(chain, {old_with_old_, Leaf(old_with_old_, old_key_)}, new_key_,
                "is no CA's");
  // Another name, also when the keys are right.
  ExpectRefused(chain, {Root("Other CA", *old_key_)}, new_key_, "other names");
  ExpectRefused(
      chain,
      {old_with_old_, Below(old_with_old_, *old_key_, "Other CA", *new_key_)},
      new_key_, "other names");
  // A third key.
  const std::shared_ptr<SoftwareSigner> third = *SoftwareSigner::Generate();
  const Certificate third_root = Root("Fleet CA", *third);
  ExpectRefused(chain, {old_with_old_, third_root}, new_key_, "a third key");
  ExpectRefused(chain,
                {old_with_old_,
                 *CreateLinkCertificate(new_with_new_, third_root, *third)},
                new_key_, "not signed by the old one");
  ExpectRefused(chain,
                {old_with_old_,
                 *CreateLinkCertificate(old_with_old_, third_root, *third)},
                new_key_, "neither the old nor the new key");
}

// Certificates of before the rollover stay good for a re-enrollment.
TEST_F(CaBundleTest, TheOldKeysCertificatesVerifyToTheAnchors) {
  auto bundle = MakeCaBundle(
      {new_with_new_}, {old_with_old_, old_with_new_, new_with_old_}, new_key_);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  auto anchors = *TrustAnchors::Create(bundle->Anchors());
  const Certificate before = Leaf(old_with_old_, old_key_);
  const Certificate after = Leaf(new_with_new_, new_key_);
  EXPECT_TRUE(anchors->Verify(before, {}, PathPurpose::kTlsClient, kNow).ok());
  EXPECT_TRUE(anchors->Verify(after, {}, PathPurpose::kTlsClient, kNow).ok());
  auto without = *TrustAnchors::Create({new_with_new_});
  EXPECT_FALSE(without->Verify(before, {}, PathPurpose::kTlsClient, kNow).ok());
}

// RFC 4210 4.4: who trusts one key finds a path to what the other signed.
TEST_F(CaBundleTest, LinkCertificatesLeadFromOneKeyToTheOther) {
  const Certificate before = Leaf(old_with_old_, old_key_);
  const Certificate after = Leaf(new_with_new_, new_key_);
  auto old_anchor = *TrustAnchors::Create({old_with_old_});
  EXPECT_TRUE(
      old_anchor->Verify(after, {new_with_old_}, PathPurpose::kTlsClient, kNow)
          .ok());
  EXPECT_FALSE(
      old_anchor->Verify(after, {}, PathPurpose::kTlsClient, kNow).ok());
  auto new_anchor = *TrustAnchors::Create({new_with_new_});
  EXPECT_TRUE(
      new_anchor->Verify(before, {old_with_new_}, PathPurpose::kTlsClient, kNow)
          .ok());
}

TEST_F(CaBundleTest, LinkCertificatesAreCasOfTheOneName) {
  EXPECT_EQ(new_with_old_.subject, new_with_old_.issuer);
  EXPECT_EQ(new_with_old_.spki, new_with_new_.spki);
  EXPECT_EQ(new_with_old_.basic_constraints, new_with_new_.basic_constraints);
  EXPECT_EQ(new_with_old_.key_usage, new_with_new_.key_usage);
  EXPECT_EQ(new_with_old_.subject_key_id, new_with_new_.subject_key_id);
  EXPECT_EQ(new_with_old_.authority_key_id, old_with_old_.subject_key_id);

  // 4.4.1: each from when its key was made, neither for longer than the old.
  const Certificate later = *CreateRootCertificate(
      "Fleet CA", *new_key_, kNow + 8 * kYear, 10 * kYear);
  const Certificate old_with_later =
      *CreateLinkCertificate(old_with_old_, later, *new_key_);
  EXPECT_EQ(old_with_later.not_before, old_with_old_.not_before);
  EXPECT_EQ(old_with_later.not_after, old_with_old_.not_after);
  const Certificate later_with_old =
      *CreateLinkCertificate(later, old_with_old_, *old_key_);
  EXPECT_EQ(later_with_old.not_before, later.not_before);
  EXPECT_EQ(later_with_old.not_after, old_with_old_.not_after);

  EXPECT_TRUE(
      CreateLinkCertificate(new_with_new_, old_with_old_, *old_key_).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      CreateLinkCertificate(new_with_new_, old_with_old_, *new_key_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CreateLinkCertificate(new_with_new_, new_with_new_, *new_key_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CreateLinkCertificate(new_with_new_, Root("Other CA", *old_key_),
                            *old_key_)
          .status()));
}

// A root that issues changes its key twice: whoever knows any of the roots
// finds the way to the last, and everything issued verifies.
TEST_F(CaBundleTest, ShowsTheNextKeyAheadAndFormerOnesAfter) {
  auto bundle = MakeCaBundle({old_with_old_}, {}, old_key_);
  auto next = MakeCaBundle(
      {new_with_new_}, {old_with_old_, old_with_new_, new_with_old_}, new_key_);
  ASSERT_TRUE(bundle.ok() && next.ok());
  ASSERT_TRUE(SetNext(*next, kNow + kYear, *bundle).ok());
  EXPECT_EQ(bundle->authority->certificate(), old_with_old_);
  EXPECT_EQ(bundle->All(),
            (std::vector<Certificate>{old_with_old_, new_with_new_,
                                      old_with_new_, new_with_old_}));
  EXPECT_EQ(bundle->Anchors(),
            (std::vector<Certificate>{old_with_old_, new_with_new_}));

  const std::shared_ptr<SoftwareSigner> third_key = *SoftwareSigner::Generate();
  const Certificate third = Root("Fleet CA", *third_key);
  const Certificate new_with_third =
      *CreateLinkCertificate(new_with_new_, third, *third_key);
  const Certificate third_with_new =
      *CreateLinkCertificate(third, new_with_new_, *new_key_);
  auto after = MakeCaBundle(
      {third}, {new_with_new_, new_with_third, third_with_new}, third_key);
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_TRUE(AddFormer(*next, *after).ok());
  ASSERT_TRUE(
      AddFormer(*MakeCaBundle({old_with_old_}, {}, old_key_), *after).ok());
  ASSERT_EQ(after->former.size(), 2u);
  EXPECT_EQ(after->former[0]->certificate(), new_with_new_);
  EXPECT_EQ(after->All(),
            (std::vector<Certificate>{third, new_with_new_, new_with_third,
                                      third_with_new, old_with_old_,
                                      old_with_new_, new_with_old_}));
  auto anchors = *TrustAnchors::Create(after->Anchors());
  for (const Certificate& leaf :
       {Leaf(old_with_old_, old_key_), Leaf(new_with_new_, new_key_),
        Leaf(third, third_key)}) {
    EXPECT_TRUE(anchors->Verify(leaf, {}, PathPurpose::kTlsClient, kNow).ok());
  }
}

TEST_F(CaBundleTest, RefusesAnotherCasKeyAsFormerOrNext) {
  auto bundle = *MakeCaBundle({old_with_old_}, {}, old_key_);
  const std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  auto other = *MakeCaBundle({Root("Other CA", *key)}, {}, key);
  auto same = *MakeCaBundle({old_with_old_}, {}, old_key_);
  auto earlier = *MakeCaBundle({Root("Fleet CA", *key)}, {}, key);
  EXPECT_TRUE(absl::IsInvalidArgument(AddFormer(other, bundle)));
  EXPECT_TRUE(absl::IsInvalidArgument(AddFormer(same, bundle)));
  EXPECT_TRUE(bundle.former.empty());
  EXPECT_TRUE(AddFormer(earlier, bundle).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(AddFormer(earlier, bundle)));
  EXPECT_EQ(bundle.former.size(), 1u);

  EXPECT_TRUE(absl::IsInvalidArgument(SetNext(other, kNow, bundle)));
  EXPECT_TRUE(absl::IsInvalidArgument(SetNext(same, kNow, bundle)));
  EXPECT_FALSE(bundle.next.has_value());
}

// RFC 7030 4.1.3: without NewWithOld nobody has a word for the new root.
TEST_F(CaBundleTest, ANextRootNeedsTheWordOfTodays) {
  auto bundle = *MakeCaBundle({old_with_old_}, {}, old_key_);
  for (const std::vector<Certificate>& links :
       {std::vector<Certificate>{},
        {old_with_old_},
        {old_with_old_, old_with_new_}}) {
    auto next = *MakeCaBundle({new_with_new_}, links, new_key_);
    absl::Status status = SetNext(next, kNow, bundle);
    EXPECT_TRUE(absl::IsInvalidArgument(status) &&
                absl::StrContains(status.message(), "NewWithOld"))
        << status;
  }
  auto next =
      *MakeCaBundle({new_with_new_}, {old_with_old_, new_with_old_}, new_key_);
  EXPECT_TRUE(SetNext(next, kNow, bundle).ok());
}

// The root stays: there is nothing to link. Both chains are shown.
TEST_F(CaBundleTest, AnIssuingCaChangesItsKeyBelowTheSameRoot) {
  const std::shared_ptr<SoftwareSigner> before_key =
      *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> after_key = *SoftwareSigner::Generate();
  const Certificate before =
      Below(new_with_new_, *new_key_, "Plant CA", *before_key);
  const Certificate after =
      Below(new_with_new_, *new_key_, "Plant CA", *after_key);
  auto bundle = *MakeCaBundle({before, new_with_new_}, {}, before_key);
  auto next = *MakeCaBundle({after, new_with_new_}, {}, after_key);
  ASSERT_TRUE(SetNext(next, kNow, bundle).ok());
  EXPECT_EQ(bundle.All(),
            (std::vector<Certificate>{before, new_with_new_, after}));
  EXPECT_EQ(bundle.Anchors(), (std::vector<Certificate>{before, after}));

  // Below another root it would need that root's links.
  const Certificate elsewhere =
      Below(old_with_old_, *old_key_, "Plant CA", *after_key);
  EXPECT_TRUE(absl::IsInvalidArgument(SetNext(
      *MakeCaBundle({elsewhere, old_with_old_}, {}, after_key), kNow, bundle)));
  // Roots over too: the links are the root's.
  auto back =
      *MakeCaBundle({elsewhere, old_with_old_},
                    {new_with_new_, old_with_new_, new_with_old_}, after_key);
  EXPECT_TRUE(SetNext(back, kNow, bundle).ok());
}

// Every kind of key that a CA may have signs what devices verify.
TEST_F(CaBundleTest, IssuesWithEveryTypeOfKey) {
  for (const KeyType type : kKeyTypes) {
    const std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate(type);
    const Certificate root = Root("Typed CA", *key);
    auto bundle = MakeCaBundle({root}, {}, key);
    ASSERT_TRUE(bundle.ok()) << KeyTypeName(type) << bundle.status();
    auto anchors = *TrustAnchors::Create(bundle->Anchors());
    EXPECT_TRUE(
        anchors->Verify(Leaf(root, key), {}, PathPurpose::kTlsClient, kNow)
            .ok())
        << KeyTypeName(type);
  }
}

}  // namespace
}  // namespace bestow::server
