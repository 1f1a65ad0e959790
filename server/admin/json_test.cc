#include "server/admin/json.h"

#include <limits>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "gtest/gtest.h"
#include "testdata/matchers.h"

namespace bestow::server {
namespace {

TEST(JsonTest, EveryCaseComesBackOrIsRefused) {
  testdata::ExpectRoundTrips(
      "admin_json", [](ByteView text) -> absl::StatusOr<Bytes> {
        absl::StatusOr<Json> value = ParseJson(AsText(text));
        if (!value.ok()) return value.status();
        return ToBytes(AsBytes(JsonLine(*value)));
      });
}

TEST(JsonTest, LimitsItsLength) {
  EXPECT_TRUE(ParseJson("[1, 2]", 6).ok());
  EXPECT_FALSE(ParseJson("[1, 2]", 5).ok());
  const std::string longest(kMaxJsonBytes - 2, 'a');
  EXPECT_TRUE(ParseJson('"' + longest + '"').ok());
  EXPECT_FALSE(ParseJson('"' + longest + "a\"").ok());
}

TEST(JsonTest, MembersOfAnotherTypeAreNotThere) {
  const Json object = *ParseJson(
      R"({"text":"a","true":true,"number":7,"large":1e300,"half":0.5})");
  EXPECT_EQ(TextOf(object, "text"), "a");
  EXPECT_EQ(TextOf(object, "number"), "");
  EXPECT_TRUE(IsTrue(object, "true"));
  EXPECT_FALSE(IsTrue(object, "text"));
  EXPECT_EQ(NumberOf(object, "number"), 7);
  EXPECT_FALSE(NumberOf(object, "text").has_value());
  const Json limits = *ParseJson(
      R"({"most":9223372036854775807,"more":9223372036854775808,"less":-1})");
  EXPECT_EQ(NumberOf(limits, "most"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(NumberOf(limits, "less"), -1);
  EXPECT_FALSE(NumberOf(limits, "more").has_value());
  for (const char* text : {"[]", "1", "null", "\"text\""}) {
    const Json other = *ParseJson(text);
    EXPECT_EQ(TextOf(other, "text"), "") << text;
    EXPECT_FALSE(IsTrue(other, "true")) << text;
    EXPECT_FALSE(NumberOf(other, "number").has_value()) << text;
  }
}

}  // namespace
}  // namespace bestow::server
