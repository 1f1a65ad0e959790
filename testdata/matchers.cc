#include "testdata/matchers.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace bestow::testdata {

void ExpectStatus(const Case& expected, const absl::Status& status) {
  if (expected.accept) {
    EXPECT_TRUE(status.ok()) << status;
    return;
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_FALSE(status.message().empty());
  EXPECT_TRUE(absl::StrContains(status.message(), expected.reason))
      << "expected: " << expected.reason << "\ngot: " << status.message();
}

void ExpectRoundTrips(std::string_view format, RoundTrip round_trip,
                      bool may_accept_more) {
  int accept_count = 0, reject_count = 0;
  for (const Case& test : LoadCases(format)) {
    SCOPED_TRACE(test.name + ": " + test.description);
    const absl::StatusOr<Bytes> back = round_trip(test.data);
    ExpectStatus(test, back.status());
    if (test.accept && back.ok()) {
      EXPECT_EQ(*back, test.data);
    }
    ++(test.accept ? accept_count : reject_count);
  }
  EXPECT_GT(accept_count, 0);
  if (!may_accept_more) {
    EXPECT_GE(reject_count, accept_count);
  }
}

}  // namespace bestow::testdata
