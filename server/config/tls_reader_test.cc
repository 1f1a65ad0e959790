#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

TEST(TlsReaderTest, ReadsEveryKey) {
  auto config = ParseConfig(
      "[tls]\nrenew = false\nvalidity = \"30d\"\nfraction = 0.5\n"
      "new_key = false\n",
      "c");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->tls.renew);
  EXPECT_EQ(config->tls.validity, absl::Hours(24 * 30));
  EXPECT_EQ(config->tls.fraction, 0.5);
  EXPECT_FALSE(config->tls.new_key);
}

TEST(TlsReaderTest, RefusesWhatIsOutOfRange) {
  const struct {
    const char* line;
    const char* why;
  } kCases[] = {
      {"renew = \"yes\"", "true or false"},
      {"validity = \"0s\"", "must be from"},
      {"validity = \"400d\"", "must be from"},
      {"validity = 90", "a duration"},
      {"fraction = 0.05", "must be from 0.1 to 0.95"},
      {"fraction = 0.96", "must be from 0.1 to 0.95"},
      {"fraction = 1", "must be from 0.1 to 0.95"},
      {"fraction = nan", "must be from 0.1 to 0.95"},
      {"fraction = \"0.5\"", "must be a number"},
      {"key = 1", "unknown key tls.key"},
  };
  for (const auto& c : kCases) {
    auto config = ParseConfig(std::string("[tls]\n") + c.line, "c");
    ASSERT_FALSE(config.ok()) << c.line;
    EXPECT_TRUE(absl::StrContains(config.status().message(), "c:2: ") &&
                absl::StrContains(config.status().message(), c.why))
        << config.status();
  }
}

constexpr char kEdge[] = R"(hostnames = ["edge.example"]
[upstream]
url = "https://est.example:8443/.well-known/est/sites"
anchors = "fleet.pem"
username = "edge-1"
[tls]
from = "upstream"
[tls.upstream]
url = "https://EST.example:8443/.well-known/est/servers"
anchors = "fleet.pem"
username = "edge.example"
)";

TEST(TlsReaderTest, ReadsAnUpstream) {
  auto config = ParseConfig(
      std::string(kEdge) +
          "secret_file = 's'\nkey_type = 'ec-p384'\ntimeout = '3s'\n"
          "refresh = '4m'\n",
      "c");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls.from, TlsFrom::kUpstream);
  const UpstreamConnection& upstream = config->tls.upstream;
  EXPECT_EQ(upstream.server, (ServerUrl{"EST.example", 8443, "servers"}));
  EXPECT_EQ(upstream.anchors, "fleet.pem");
  EXPECT_EQ(upstream.username, "edge.example");
  EXPECT_EQ(upstream.secret_file, "s");
  EXPECT_EQ(upstream.key_type, KeyType::kEcP384);
  EXPECT_EQ(upstream.timeout, absl::Seconds(3));
  EXPECT_EQ(upstream.refresh, absl::Minutes(4));
  EXPECT_EQ(upstream.folder, "upstream/tls");
  EXPECT_EQ(config->tls.introducer_folder, "");
}

TEST(TlsReaderTest, ARegistrationAuthorityAtTheSameServerAsks) {
  auto config = ParseConfig(kEdge, "c");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls.introducer_folder, "upstream/main");
  std::string label = kEdge;
  label.replace(label.find("[upstream]"), 10, "[labels.plant.upstream]");
  config = ParseConfig(label, "c");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->tls.introducer_folder, "upstream/label-plant");
}

TEST(TlsReaderTest, NamesMistakesOfAnUpstream) {
  const std::string edge = kEdge;
  const auto replaced = [&edge](const std::string& what,
                                const std::string& by) {
    std::string text = edge;
    const size_t at = text.rfind(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
  };
  const struct {
    std::string text;
    const char* message;
  } kCases[] = {
      {replaced("from = \"upstream\"", "from = \"nowhere\""),
       "c:7: tls.from: must be"},
      {replaced("from = \"upstream\"", "from = \"ca\""),
       "c:9: tls.upstream.url: is where the server's own certificate"},
      {edge.substr(0, edge.find("[tls.upstream]")),
       "c:7: tls.from: \"upstream\" needs [tls.upstream]"},
      {replaced("url = \"https://EST.example:8443/.well-known/est/servers\"",
                "url = \"\""),
       "c:7: tls.from: \"upstream\" needs [tls.upstream]"},
      {replaced("https://EST", "http://EST"),
       "c:9: tls.upstream.url: the server's URL must begin with https://"},
      {replaced("anchors = \"fleet.pem\"\nusername = \"edge.example\"",
                "username = \"edge.example\""),
       "tls.upstream.anchors: give either anchors"},
      {replaced("username = \"edge.example\"", ""),
       "tls.upstream.username: is missing"},
      {replaced("username = \"edge.example\"", "username = \"EDGE-1\""),
       "c:11: tls.upstream.username: must be another name"},
      {replaced("EST.example:8443", "EST.example"),
       "tls.upstream.secret_file: is missing"},
      {edge + "connections = 3\n", "unknown key tls.upstream.connections"},
      {edge + "when_down = 'local'\n", "unknown key tls.upstream.when_down"},
      {replaced("from = \"upstream\"", "from = \"upstream\"\nrenew = false"),
       "c:8: tls.renew: what is from upstream is always renewed"},
      {replaced("hostnames = [\"edge.example\"]", ""),
       "c:7: tls.from: \"upstream\" needs hostnames"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.text);
    auto config = ParseConfig(c.text, "c");
    ASSERT_FALSE(config.ok());
    EXPECT_TRUE(absl::StrContains(config.status().message(), c.message))
        << config.status();
  }
}

}  // namespace
}  // namespace bestow::server
