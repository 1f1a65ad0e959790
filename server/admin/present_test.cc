#include "server/admin/present.h"

#include <sstream>
#include <string>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

std::string Printed(std::string_view columns, const Json& rows) {
  std::ostringstream out;
  Table(columns).Print(rows, out);
  return out.str();
}

TEST(PresentTest, AlignsColumnsUnderTheirHeadings) {
  const Json rows = {
      {{"id", 7}, {"identity", "gw-17"}, {"label", ""}, {"ra", false}},
      {{"id", 12}, {"identity", "a"}, {"label", "plant"}, {"ra", true}},
  };
  EXPECT_EQ(Printed("id! identity=name label ra", rows),
            "ID  NAME   LABEL  RA\n"
            "7   gw-17  .      no\n"
            "12  a      plant  yes\n");
}

TEST(PresentTest, CutsTheWidestThatMayBeCutTo100Columns) {
  const std::string serial(40, '7');
  const Json rows = {{{"serial", serial},
                      {"identity", std::string(60, 'i')},
                      {"subject", std::string(300, 's')}}};
  const std::string printed = Printed("serial! identity subject", rows);
  for (std::string_view line : absl::StrSplit(printed, '\n')) {
    EXPECT_LE(line.size(), kTableWidth) << line;
  }
  EXPECT_NE(printed.find(serial), std::string::npos);
  EXPECT_NE(printed.find("ii.."), std::string::npos) << printed;
  EXPECT_NE(printed.find("ss.."), std::string::npos) << printed;
}

TEST(PresentTest, CutsNoCharacterInTwo) {
  std::string umlauts;
  for (int i = 0; i < 120; ++i) umlauts += "\xc3\xbc";
  const std::string printed = Printed("subject", {{{"subject", umlauts}}});
  EXPECT_EQ(printed.size(), std::string("SUBJECT\n").size() + 98 * 2 + 3);
}

TEST(PresentTest, NoControlCharacterReachesTheTerminal) {
  const std::string printed = Printed(
      "subject", {{{"subject", std::string("a\x1b[31m\x7f\nb\0c", 12)}}});
  for (char c : printed) EXPECT_TRUE(c == '\n' || (c >= ' ' && c != 0x7f));
  EXPECT_EQ(CellText("x", Json("\r\n")), "??");
}

TEST(PresentTest, PrintsAnObjectAsLines) {
  std::ostringstream out;
  PrintObject({{"name", "gw-17"},
               {"labels", {"", "plant"}},
               {"not_after", nullptr},
               {"pem", "-----BEGIN\nx\n"},
               {"secrets", Json::array()},
               {"certificates", {{{"serial", "40"}, {"state", "valid"}}}}},
              out);
  EXPECT_EQ(out.str(),
            "name       gw-17\n"
            "labels     ., plant\n"
            "not after  -\n"
            "secrets    -\n"
            "-----BEGIN\nx\n"
            "\n"
            "certificates:\n"
            "SERIAL  STATE\n"
            "40      valid\n");
}

TEST(JsonTest, RefusesWhatIsTooDeepOrNoJson) {
  EXPECT_TRUE(ParseJson("{\"a\": [1, \"[[[[[[[[[[[[[[[[[[[[\"]}").ok());
  EXPECT_TRUE(ParseJson(std::string(16, '[') + std::string(16, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(17, '[') + std::string(17, ']')).ok());
  for (const char* text :
       {"", "{", "{} {}", "{\"a\": 01}", "\"\xff\"", "'a'"}) {
    EXPECT_EQ(ParseJson(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_FALSE(ParseJson(std::string(100, ' ') + "1", 100).ok());
}

TEST(JsonTest, MembersOfAnotherTypeAreAbsent) {
  const Json object = {{"text", "a"}, {"number", 7}, {"yes", true}};
  EXPECT_EQ(TextOf(object, "text"), "a");
  EXPECT_EQ(TextOf(object, "number"), "");
  EXPECT_EQ(TextOf(object, "none"), "");
  EXPECT_EQ(TextOf(Json(7), "text"), "");
  EXPECT_EQ(NumberOf(object, "number"), 7);
  EXPECT_EQ(NumberOf(object, "text"), std::nullopt);
  EXPECT_TRUE(IsTrue(object, "yes"));
  EXPECT_FALSE(IsTrue(object, "number"));
}

TEST(JsonTest, WritesUtf8AloneWhateverItGot) {
  EXPECT_EQ(JsonLine(Json{{"a", "\xff"}}), "{\"a\":\"\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace bestow::server
