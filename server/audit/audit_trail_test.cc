#include "server/audit/audit_trail.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fake_clock.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

class FakeAuditStore : public AuditStore {
 public:
  void Append(AuditEntry entry) override { entries.push_back(entry); }
  absl::Status AppendAndWait(AuditEntry entry) override {
    Append(entry);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<AuditRecord>> ReadAudit(int64_t, size_t) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<AuditRecord> LastAudit() override {
    return absl::UnimplementedError("");
  }
  std::vector<AuditEntry> entries;
};

class AuditTrailTest : public testing::Test {
 protected:
  void Refuse(const std::string& actor, const std::string& source,
              int times = 1) {
    for (int i = 0; i < times; ++i) {
      AuditEntry entry;
      entry.at = clock_.Now();
      entry.actor = actor;
      entry.source = source;
      entry.action = "simpleenroll";
      entry.outcome = "refused";
      entry.detail = "bad-signature: the signature is wrong";
      trail_->AppendRefusal(entry);
    }
  }
  size_t written() const { return store_.entries.size(); }
  const std::string& detail() const { return store_.entries.back().detail; }

  FakeAuditStore store_;
  FakeClock clock_;
  std::unique_ptr<AuditTrail> trail_ = std::make_unique<AuditTrail>(
      store_, clock_,
      AuditTrail::Options{
          {3, absl::Minutes(1)}, {5, absl::Seconds(30)}, absl::Minutes(1)});
};

TEST_F(AuditTrailTest, FewRefusalsAreWrittenAsTheyAre) {
  Refuse("gateway-17", "192.0.2.7", 3);
  ASSERT_EQ(written(), 3u);
  EXPECT_EQ(store_.entries[2].actor, "gateway-17");
  EXPECT_EQ(store_.entries[2].outcome, "refused");
}

TEST_F(AuditTrailTest, OneActorsFloodIsCountedAndHidesNobodyElse) {
  Refuse("gateway-17", "192.0.2.7", 1000);
  ASSERT_EQ(written(), 3u);
  Refuse("gateway-18", "192.0.2.7");
  ASSERT_EQ(written(), 4u);
  EXPECT_EQ(store_.entries.back().actor, "gateway-18");
  clock_.Advance(absl::Minutes(1));
  Refuse("gateway-17", "192.0.2.7", 2);
  // One more that is written, one more that is counted, and the count.
  ASSERT_EQ(written(), 6u);
  EXPECT_EQ(store_.entries[5].outcome, "counted");
  EXPECT_EQ(store_.entries[5].action, "refusals");
  EXPECT_TRUE(absl::StartsWith(detail(), "998 refusals more")) << detail();
  EXPECT_TRUE(absl::StrContains(
      detail(),
      "the last one: simpleenroll by gateway-17 from 192.0.2.7: bad-signature"))
      << detail();
}

TEST_F(AuditTrailTest, UnknownAskersAreLimitedTogether) {
  for (int i = 0; i < 200; ++i) Refuse("", absl::StrCat("192.0.2.", i));
  EXPECT_EQ(written(), 5u);
  Refuse("gateway-17", "192.0.2.7");
  EXPECT_EQ(written(), 6u);
}

// A day of a flood: two entries a minute for those who are not known, and one
// for their number.
TEST_F(AuditTrailTest, AFloodGrowsTheLogByABoundedRate) {
  for (int second = 0; second < 86400; ++second) {
    Refuse("", absl::StrCat("2001:db8::", second));
    if (second % 60 == 0) trail_->Flush(clock_.Now());
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_GT(written(), 2000u);
  EXPECT_LT(written(), 3u * 24 * 60 + 10);
}

TEST_F(AuditTrailTest, WhatIsCountedIsWrittenInTheEnd) {
  Refuse("gateway-17", "192.0.2.7", 10);
  EXPECT_EQ(trail_->Flush(clock_.Now()), clock_.Now() + absl::Minutes(1));
  EXPECT_EQ(written(), 3u);
  clock_.Advance(absl::Minutes(2));
  trail_->Flush(clock_.Now());
  ASSERT_EQ(written(), 4u);
  EXPECT_TRUE(absl::StartsWith(detail(), "7 refusals")) << detail();
  trail_->Flush(clock_.Now());
  EXPECT_EQ(written(), 4u);

  Refuse("gateway-17", "192.0.2.7", 10);
  trail_.reset();
  EXPECT_TRUE(absl::StartsWith(detail(), "8 refusals")) << detail();
}

TEST_F(AuditTrailTest, WhatTheServerDidIsNotLimited) {
  for (int i = 0; i < 100; ++i) {
    AuditEntry entry;
    entry.action = "crl";
    trail_->Append(entry);
  }
  EXPECT_EQ(written(), 100u);
}

TEST(AuditSourceTest, IsTheAddressAlone) {
  EXPECT_EQ(AuditSource("192.0.2.7:50312"), "192.0.2.7");
  EXPECT_EQ(AuditSource("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(AuditSource(""), "");
}

}  // namespace
}  // namespace bestow::server
