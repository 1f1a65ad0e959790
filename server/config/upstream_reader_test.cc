#include <string>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

constexpr char kGood[] = R"([upstream]
url = "https://est.example:8443/.well-known/est/sites"
anchors = "upstream-ca.pem"
username = "edge-1"
)";

TEST(UpstreamConfigTest, NothingIsForwardedByDefault) {
  auto config = ParseConfig("[labels.plant]\n", "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->service.upstream.forwards());
  EXPECT_FALSE(config->Find("plant")->upstream.forwards());
}

TEST(UpstreamConfigTest, ReadsEveryKey) {
  const std::string fingerprint(64, 'a');
  auto config = ParseConfig(
      "[labels.plant.upstream]\nurl = 'https://[::1]:1'\nanchors_sha256 = '" +
          fingerprint + R"('
username = "edge-1"
secret_file = "upstream.secret"
key_type = "ec-p384"
timeout = "7s"
refresh = "9m"
connections = 2
queued = 3
when_down = "local"
retry_after = "11s"
local_ca = "cas/site"
local_validity = "13m"
csr_attrs = "upstream"
)",
      "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->service.upstream.forwards());
  const UpstreamConfig& upstream = config->Find("plant")->upstream;
  EXPECT_TRUE(upstream.forwards());
  const UpstreamConnection& connection = upstream.connection;
  EXPECT_EQ(connection.server, (ServerUrl{"::1", 1, ""}));
  EXPECT_EQ(connection.anchors, "");
  EXPECT_EQ(connection.anchors_sha256, Bytes(32, 0xaa));
  EXPECT_EQ(connection.username, "edge-1");
  EXPECT_EQ(connection.secret_file, "upstream.secret");
  EXPECT_EQ(connection.key_type, KeyType::kEcP384);
  EXPECT_EQ(connection.folder, "upstream/label-plant");
  EXPECT_EQ(connection.timeout, absl::Seconds(7));
  EXPECT_EQ(connection.refresh, absl::Minutes(9));
  EXPECT_EQ(connection.connections, 2);
  EXPECT_EQ(connection.queued, 3);
  EXPECT_EQ(upstream.when_down, WhenDown::kLocal);
  EXPECT_EQ(upstream.retry_after, absl::Seconds(11));
  EXPECT_EQ(upstream.local_ca, "cas/site");
  EXPECT_EQ(upstream.local_validity, absl::Minutes(13));
  EXPECT_EQ(upstream.csr_attrs, CsrAttrsFrom::kUpstream);
}

TEST(UpstreamConfigTest, ALabelInheritsOrHasAConnectionOfItsOwn) {
  auto config = ParseConfig(std::string(kGood) + R"(
[labels.a.upstream]
retry_after = "5s"
[labels.b.upstream]
url = "https://other.example"
anchors = "other.pem"
username = "edge-1"
[labels.c.upstream]
url = ""
)",
                            "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const UpstreamConfig& top = config->service.upstream;
  EXPECT_EQ(top.connection.server, (ServerUrl{"est.example", 8443, "sites"}));
  EXPECT_EQ(top.connection.anchors, "upstream-ca.pem");
  EXPECT_EQ(top.connection.folder, "upstream/main");
  EXPECT_EQ(config->Find("a")->upstream.connection, top.connection);
  EXPECT_EQ(config->Find("a")->upstream.retry_after, absl::Seconds(5));
  const UpstreamConnection& b = config->Find("b")->upstream.connection;
  EXPECT_EQ(b.server.host, "other.example");
  EXPECT_EQ(b.folder, "upstream/label-b");
  EXPECT_FALSE(config->Find("c")->upstream.forwards());
}

TEST(UpstreamConfigTest, NamesMistakes) {
  struct Case {
    std::string text;
    const char* message;
  };
  const std::string good = kGood;
  const std::string no_name =
      "[upstream]\nurl = 'https://a'\nanchors = 'a.pem'\n";
  for (const Case& c : {
           Case{"[upstream]\nurl = 'http://a'\nanchors = 'a'\nusername = 'e'",
                "x.toml:2: upstream.url: the server's URL must begin with "
                "https://"},
           {"[upstream]\nurl = 'https://a/x'\nanchors = 'a'\nusername = 'e'",
            "x.toml:2: upstream.url: the URL's path"},
           {"[upstream]\nurl = 'https://a'\nusername = 'e'",
            "give either anchors"},
           {good + "anchors_sha256 = '" + std::string(64, '0') + "'",
            "x.toml:5: upstream.anchors_sha256: give either anchors"},
           {"[upstream]\nurl = 'https://a'\nusername = 'e'\n"
            "anchors_sha256 = 'abc'",
            "x.toml:4: upstream.anchors_sha256: must be the SHA-256"},
           {no_name, "username: is missing"},
           {no_name + "username = 'a:b'", "x.toml:4: upstream.username: must"},
           {no_name + "username = ''", "x.toml:4: upstream.username: must"},
           {good + "key_type = 'ed25519'", "x.toml:5: upstream.key_type"},
           {good + "key_type = 'rsa-2048'", "x.toml:5: upstream.key_type"},
           {good + "timeout = '0s'", "x.toml:5: upstream.timeout"},
           {good + "refresh = '0s'", "x.toml:5: upstream.refresh"},
           {good + "connections = 0", "x.toml:5: upstream.connections"},
           {good + "queued = 0", "x.toml:5: upstream.queued"},
           {good + "retry_after = '8d'", "x.toml:5: upstream.retry_after"},
           {good + "when_down = 'never'", "x.toml:5: upstream.when_down"},
           {good + "when_down = 'local'",
            "x.toml:5: upstream.when_down: \"local\" needs a local_ca"},
           {good + "local_ca = 'cas/site'",
            "x.toml:5: upstream.local_ca: a local_ca signs only with"},
           {good + "when_down = 'local'\nlocal_ca = 'cas/..'",
            "x.toml:6: upstream.local_ca: must be"},
           {good + "local_validity = '31d'",
            "x.toml:5: upstream.local_validity"},
           {good + "csr_attrs = 'both'", "x.toml:5: upstream.csr_attrs"},
           {good + "urll = 'x'", "unknown key upstream.urll"},
           {good + "[enrollment]\nserver_keys = true",
            "a service that forwards makes no keys"},
           {good + "[enrollment]\nallow_name_change = true",
            "a service that forwards changes no names"},
           {good + "[labels.a.upstream]\nusername = 'x'",
            "labels.a.upstream.username: is of a connection"},
           {good + "[labels.a.enrollment]\nserver_keys = true",
            "labels.a.upstream.url: a service that forwards makes no keys"},
       }) {
    SCOPED_TRACE(c.text);
    auto config = ParseConfig(c.text, "x.toml");
    ASSERT_FALSE(config.ok());
    EXPECT_TRUE(absl::StrContains(config.status().message(), c.message))
        << config.status();
  }
}

}  // namespace
}  // namespace bestow::server
