#include "server/est/status_table.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

TEST(StatusTableTest, HasEveryProblemInItsPlace) {
  for (size_t i = 0; i < StatusTable().size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(StatusTable()[i].problem), i);
  }
  EXPECT_EQ(static_cast<size_t>(Problem::kInternal) + 1, StatusTable().size());
}

TEST(StatusTableTest, AStatusKeepsItsProblem) {
  for (const StatusRow& row : StatusTable()) {
    EXPECT_EQ(ProblemOf(Refuse(row.problem, "why")), row.problem);
    EXPECT_EQ(Refuse(row.problem, "why").message(), "why");
  }
  EXPECT_EQ(ProblemOf(absl::UnavailableError("")), Problem::kBusy);
  EXPECT_EQ(ProblemOf(absl::ResourceExhaustedError("")), Problem::kBusy);
  EXPECT_EQ(ProblemOf(absl::InternalError("")), Problem::kInternal);
  EXPECT_EQ(ProblemOf(absl::NotFoundError("")), Problem::kInternal);
}

TEST(StatusTableTest, SaysWhenToComeBackInWholeSeconds) {
  struct Case {
    absl::Duration given;
    int64_t seconds;
  };
  for (const Case& c : {Case{absl::ZeroDuration(), 1},
                        {absl::Milliseconds(1), 1},
                        {absl::Seconds(5), 5},
                        {absl::Milliseconds(5001), 6},
                        {absl::Hours(1), 3600}}) {
    const absl::Status status = RefuseUntil(Problem::kBusy, "why", c.given);
    EXPECT_EQ(RetryAfterOf(status), absl::Seconds(c.seconds)) << c.given;
    EXPECT_EQ(ProblemOf(status), Problem::kBusy);
  }
  EXPECT_EQ(RetryAfterOf(Refuse(Problem::kBusy, "why")), std::nullopt);
}

TEST(StatusTableTest, IsWhatTheDocsSay) {
  std::ifstream file(
      absl::StrCat(getenv("TEST_SRCDIR"), "/bestow/docs/STATUS_CODES.md"));
  std::stringstream docs;
  docs << file.rdbuf();
  for (const StatusRow& row : StatusTable()) {
    const std::string line =
        absl::StrCat("| ", row.http_status, " | `", row.name, "` |");
    EXPECT_TRUE(absl::StrContains(docs.str(), line)) << line;
  }
}

}  // namespace
}  // namespace bestow::server
