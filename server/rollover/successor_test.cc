#include "server/rollover/successor.h"

#include <memory>

#include "absl/status/status.h"
#include "common/crypto/public_key.h"
#include "common/pki/oids.h"
#include "common/pki/path.h"
#include "common/pki/pkcs10.h"
#include "gtest/gtest.h"
#include "server/ca/certificate_authority.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

class SuccessorTest : public testing::Test {
 protected:
  SuccessorTest()
      : ca_(*MakeCaBundle(
            {*CreateRootCertificate("Fleet CA", *old_key_, kNow, 10 * kYear)},
            {}, old_key_)) {}

  const std::shared_ptr<SoftwareSigner> old_key_ = *SoftwareSigner::Generate();
  const std::shared_ptr<SoftwareSigner> new_key_ =
      *SoftwareSigner::Generate(KeyType::kRsa2048);
  const CaBundle ca_;
};

// RFC 4210 4.4: the four certificates of one name, with a CA's rights.
TEST_F(SuccessorTest, HasNameRightsAndTheFourCertificates) {
  const absl::Time later = kNow + 8 * kYear;
  auto made = MakeSuccessor(ca_, *new_key_, later, absl::ZeroDuration());
  ASSERT_TRUE(made.ok()) << made.status();
  const Certificate& old_root = ca_.chain[0];
  ASSERT_EQ(made->chain.size(), 1u);
  const Certificate& new_root = made->chain[0];
  EXPECT_EQ(new_root.subject, old_root.subject);
  EXPECT_EQ(new_root.issuer, old_root.subject);
  EXPECT_EQ(new_root.spki, new_key_->public_key_spki());
  EXPECT_EQ(new_root.basic_constraints, old_root.basic_constraints);
  EXPECT_EQ(new_root.key_usage, old_root.key_usage);
  EXPECT_EQ(new_root.subject_key_id, KeyIdentifier(new_root.spki));
  EXPECT_LT(new_root.not_before, later);
  EXPECT_EQ(new_root.not_after,
            later + (old_root.not_after - old_root.not_before));
  ASSERT_EQ(made->rollover.size(), 3u);
  EXPECT_EQ(made->rollover[0], old_root);
  // Neither link outlives what it links.
  EXPECT_EQ(made->rollover[1].not_after, old_root.not_after);
  EXPECT_EQ(made->rollover[2].not_after, old_root.not_after);

  // It is one that the loader takes, on both sides of the switch.
  auto next = MakeCaBundle(made->chain, made->rollover, new_key_);
  ASSERT_TRUE(next.ok()) << next.status();
  CaBundle before = ca_;
  EXPECT_TRUE(SetNext(*next, later, before).ok());
  EXPECT_TRUE(AddFormer(ca_, *next).ok());

  auto in_one_year = MakeSuccessor(ca_, *new_key_, kNow, kYear);
  ASSERT_TRUE(in_one_year.ok()) << in_one_year.status();
  EXPECT_EQ(in_one_year->chain[0].not_after, kNow + kYear);
}

TEST_F(SuccessorTest, RefusesWhatIsNoRollover) {
  EXPECT_TRUE(MakeSuccessor(ca_, *new_key_, kNow, kYear).ok());
  // The key of today, or of before.
  EXPECT_TRUE(absl::IsInvalidArgument(
      MakeSuccessor(ca_, *old_key_, kNow, kYear).status()));
  auto made = *MakeSuccessor(ca_, *new_key_, kNow, kYear);
  auto after = *MakeCaBundle(made.chain, made.rollover, new_key_);
  ASSERT_TRUE(AddFormer(ca_, after).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      MakeSuccessor(after, *old_key_, kNow, kYear).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(MakeSuccessorRequest(after, *old_key_).status()));
  // Over, or not yet valid.
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MakeSuccessor(ca_, *new_key_, kNow + 11 * kYear, kYear).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MakeSuccessor(ca_, *new_key_, kNow - kYear, kYear).status()));
}

TEST_F(SuccessorTest, AnIssuingCaAsksItsIssuer) {
  // The root's key plays the issuing CA's issuer.
  auto request = MakeSuccessorRequest(ca_, *new_key_);
  ASSERT_TRUE(request.ok()) << request.status();
  auto parsed = ParsePkcs10Der(*request);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(VerifyPkcs10Signature(*parsed).ok());
  EXPECT_EQ(parsed->subject, ca_.chain[0].subject);
  EXPECT_EQ(parsed->spki, new_key_->public_key_spki());
  ASSERT_EQ(parsed->requested_extensions.size(), 2u);
  for (const Extension& extension : parsed->requested_extensions) {
    EXPECT_TRUE(extension.id == oids::BasicConstraints() ||
                extension.id == oids::KeyUsage());
    EXPECT_TRUE(extension.critical);
  }

  CaBundle below = ca_;
  below.chain.push_back(ca_.chain[0]);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MakeSuccessor(below, *new_key_, kNow, kYear).status()));
}

}  // namespace
}  // namespace bestow::server
