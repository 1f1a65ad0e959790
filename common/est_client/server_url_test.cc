#include "common/est_client/server_url.h"

#include <string>

#include "gtest/gtest.h"

namespace bestow {
namespace {

TEST(ServerUrlTest, Forms) {
  EXPECT_EQ(*ParseServerUrl("https://a.b"), (ServerUrl{"a.b", 443, ""}));
  EXPECT_EQ(*ParseServerUrl("https://a:1/"), (ServerUrl{"a", 1, ""}));
  EXPECT_EQ(*ParseServerUrl("https://[::1]:8443"),
            (ServerUrl{"::1", 8443, ""}));
  EXPECT_EQ(*ParseServerUrl("https://192.0.2.1/.well-known/est"),
            (ServerUrl{"192.0.2.1", 443, ""}));
  EXPECT_EQ(*ParseServerUrl("https://a/.well-known/est/site-7/"),
            (ServerUrl{"a", 443, "site-7"}));
  EXPECT_EQ(ParseServerUrl("https://[::1]:84")->ToText(), "https://[::1]:84");
  for (std::string text :
       {"", "https://", "https://:1", "https://a:", "https://a:0",
        "https://a:65536", "https://a b", "https://u@a", "https://[::1",
        "https://[]", "https://a/x", "https://a/.well-known/est/x/y",
        "https://a/.well-known/est/cacerts", "https://a?x", "ftp://a"}) {
    EXPECT_FALSE(ParseServerUrl(text).ok()) << text;
  }
}

}  // namespace
}  // namespace bestow
