#include "server/auth/basic_auth.h"

#include "gtest/gtest.h"

namespace bestow::server {
namespace {

// RFC 7617 2: the example.
TEST(BasicAuthTest, ReadsTheExampleOfRfc7617) {
  auto parsed = ParseBasicAuthorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->name, "Aladdin");
  EXPECT_EQ(parsed->password.text(), "open sesame");
}

TEST(BasicAuthTest, TakesTheSchemeInAnyCaseAndColonsInThePassword) {
  auto parsed = ParseBasicAuthorization("bAsIc   YTpiOmM=");  // a:b:c
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->name, "a");
  EXPECT_EQ(parsed->password.text(), "b:c");
}

// RFC 7030 3.2.3: the username may be empty.
TEST(BasicAuthTest, TakesAnEmptyNameAndAnEmptyPassword) {
  auto parsed = ParseBasicAuthorization("Basic Og==");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->name, "");
  EXPECT_TRUE(parsed->password.empty());
}

TEST(BasicAuthTest, RefusesTheRest) {
  for (const char* header :
       {"", "Basic", "Basic ", "Basic !!!!", "Basic YWJj" /* abc */,
        "Digest username=\"a\"", "Bearer YTpi", "BasicYTpi",
        "Basic YQpiOmM=" /* a\nb:c */, "Basic YToAYg==" /* a:\0b */,
        "Basic YTpi YTpi!"}) {
    auto parsed = ParseBasicAuthorization(header);
    EXPECT_TRUE(absl::IsUnauthenticated(parsed.status())) << header;
  }
}

TEST(BasicAuthTest, QuotesTheRealm) {
  EXPECT_EQ(BasicChallenge("Bestow"), "Basic realm=\"Bestow\"");
  EXPECT_EQ(BasicChallenge("a\"b\\c"), "Basic realm=\"a\\\"b\\\\c\"");
}

}  // namespace
}  // namespace bestow::server
