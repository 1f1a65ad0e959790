#include "common/est/protocol.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"

namespace bestow::est {
namespace {

// RFC 7030 3.2.2: every path with and without a label.
TEST(ProtocolTest, PathOfEveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("est_path")) {
    SCOPED_TRACE(test.name);
    const std::optional<Target> target = ParsePath(AsText(test.data));
    ASSERT_EQ(target.has_value(), test.accept);
    if (!target.has_value()) continue;
    EXPECT_EQ(
        absl::StrCat(OperationName(target->operation),
                     target->label.empty() ? "" : " ", target->label,
                     target->argument.empty() ? "" : " / ", target->argument),
        test.notes.at("target"));
    EXPECT_EQ(FormatPath(target->operation, target->label, target->argument),
              AsText(test.data));
  }
}

TEST(ProtocolTest, MediaTypesCompareWithoutCaseAndParameters) {
  EXPECT_TRUE(MediaTypeIs("application/pkcs10", kPkcs10MediaType));
  EXPECT_TRUE(MediaTypeIs("Application/PKCS10 ; charset=x", kPkcs10MediaType));
  EXPECT_TRUE(MediaTypeIs(kCertsOnlyMediaType, kCaCertsMediaType));
  EXPECT_TRUE(MediaTypeIs(kCaCertsMediaType, kCertsOnlyMediaType));
  EXPECT_FALSE(MediaTypeIs("", kPkcs10MediaType));
  EXPECT_FALSE(MediaTypeIs("application/pkcs1", kPkcs10MediaType));
  EXPECT_FALSE(MediaTypeIs("application/pkcs10x", kPkcs10MediaType));
  EXPECT_FALSE(MediaTypeIs("text/plain; application/pkcs10", kPkcs10MediaType));
}

}  // namespace
}  // namespace bestow::est
