#include <string>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

TEST(RevocationReaderTest, TheFileThatInitWritesIsTheDefaults) {
  auto config = ParseConfig(ConfigFileText({"[::]:0"}, {"a.b"}), "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const Config defaults;
  EXPECT_EQ(config->http.listen, defaults.http.listen);
  const RevocationConfig& read = config->revocation.Of("ca");
  const RevocationConfig& by_default = defaults.revocation.Of("ca");
  EXPECT_EQ(read.crl_validity, by_default.crl_validity);
  EXPECT_EQ(read.crl_interval, by_default.crl_interval);
  EXPECT_EQ(read.delta_interval, by_default.delta_interval);
  EXPECT_EQ(read.ocsp_validity, by_default.ocsp_validity);
  EXPECT_EQ(read.url, by_default.url);
  EXPECT_TRUE(config->revocation.by_ca.empty());
}

TEST(RevocationReaderTest, ACaSaysKeyByKeyWhatIsDifferent) {
  auto config = ParseConfig(R"toml(
[http]
listen = ["[::]:8080", "127.0.0.1:0"]
[revocation]
url = "http://pki.example.net"
crl_validity = "2d"
crl_interval = "12h"
delta_interval = "1h"
ocsp_validity = "10m"
[cas."cas/plant"]
crl_interval = "6h"
url = "http://plant.example.net/pki"
[cas.ca]
delta_interval = "0s"
)toml",
                            "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->http.listen,
            (std::vector<std::string>{"[::]:8080", "127.0.0.1:0"}));
  const RevocationConfig& plant = config->revocation.Of("cas/plant");
  EXPECT_EQ(plant.crl_interval, absl::Hours(6));
  EXPECT_EQ(plant.crl_validity, absl::Hours(48));
  EXPECT_EQ(plant.delta_interval, absl::Hours(1));
  EXPECT_EQ(plant.ocsp_validity, absl::Minutes(10));
  EXPECT_EQ(plant.url, "http://plant.example.net/pki");
  EXPECT_EQ(config->revocation.Of("ca").delta_interval, absl::ZeroDuration());
  EXPECT_EQ(config->revocation.Of("cas/other").url, "http://pki.example.net");
}

TEST(RevocationReaderTest, EachMistakeIsNamedWithItsLine) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : {
           Case{"[http]\nlisten = 8080", "x.toml:2: "},
           {"[http]\nlissten = []", "x.toml:2: "},
           {"[revocation]\ncrl_interval = \"7d\"",
            "x.toml:2: revocation.crl_interval: a CRL must be good for longer"},
           {"[revocation]\ncrl_validity = \"12h\"",
            "x.toml:2: revocation.crl_validity: a CRL must be good for longer"},
           {"[revocation]\ncrl_validity = \"0s\"",
            "x.toml:2: revocation.crl_validity"},
           {"[revocation]\ndelta_interval = \"24h\"",
            "x.toml:2: revocation.delta_interval: delta CRLs come between"},
           {"[revocation]\nocsp_validity = \"31d\"",
            "x.toml:2: revocation.ocsp_validity"},
           {"[revocation]\nurl = \"https://pki.example.net\"",
            "x.toml:2: revocation.url: must be a plain http URL"},
           {"[revocation]\nurl = \"http://pki.example.net/\"",
            "x.toml:2: revocation.url: must be a plain http URL"},
           {"[revocation]\nurl = \"http://\"",
            "x.toml:2: revocation.url: must be"},
           {"[revocation]\nurl = \"http://a b\"",
            "x.toml:2: revocation.url: must be"},
           {"[revocation]\nurl = \"http://a/?x\"",
            "x.toml:2: revocation.url: must be"},
           {"[cas.\"cas/..\"]\nurl = \"http://a\"", "names no CA"},
           {"[cas.plant]\nurl = \"http://a\"", "names no CA"},
           {"[cas.ca]\nurll = \"http://a\"", "x.toml:2: "},
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
