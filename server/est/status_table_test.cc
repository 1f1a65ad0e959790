#include "server/est/status_table.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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
