// [profile], [profiles.NAME], use_profile, and what no profile may say.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

Config Parsed(std::string_view text) {
  absl::StatusOr<Config> config = ParseConfig(text, "x.toml");
  EXPECT_TRUE(config.ok()) << config.status() << text;
  return config.ok() ? *std::move(config) : Config();
}

TEST(ProfileReaderTest, ReadsEveryKey) {
  const ProfileConfig profile = Parsed(R"(
[profile]
subject = ""
sans = ["dns:{identity}.devices.example"]
may_add = ["dns:*.{identity}.devices.example", "ip:10.0.0.0/8"]
other_names = "refuse"
policies = ["1.3.6.1.4.1.99999.1"]
cps = "https://pki.example.net/cps"
max_live = 2
)")
                                    .service.profile;
  EXPECT_EQ(profile.subject, "");
  EXPECT_EQ(profile.may_add,
            (std::vector<std::string>{"dns:*.{identity}.devices.example",
                                      "ip:10.0.0.0/8"}));
  EXPECT_EQ(profile.other_names, OtherNames::kRefused);
  EXPECT_EQ(profile.policies, std::vector<std::string>{"1.3.6.1.4.1.99999.1"});
  EXPECT_EQ(profile.cps, "https://pki.example.net/cps");
  EXPECT_EQ(profile.max_live, 2);
}

TEST(ProfileReaderTest, LabelsShareNamedProfiles) {
  const Config config = Parsed(R"(
[profile]
validity = "1d"
[profiles.meter]
subject = "O=Meters,CN={identity}"
key_types = ["ec-p256"]
max_live = 1
[labels.plant]
use_profile = "meter"
[labels.lab]
use_profile = "meter"
[labels.lab.profile]
max_live = 3
[labels.other]
)");
  EXPECT_EQ(config.service.profile.validity, absl::Hours(24));
  const ProfileConfig& plant = config.Find("plant")->profile;
  EXPECT_EQ(plant.subject, "O=Meters,CN={identity}");
  EXPECT_EQ(plant.key_types, std::vector<KeyType>{KeyType::kEcP256});
  EXPECT_EQ(plant.max_live, 1);
  // Over the defaults, not over [profile].
  EXPECT_EQ(plant.validity, ProfileConfig().validity);
  EXPECT_EQ(config.Find("lab")->profile.max_live, 3);
  EXPECT_EQ(config.Find("lab")->profile.subject, plant.subject);
  EXPECT_EQ(config.Find("other")->profile.validity, absl::Hours(24));
  EXPECT_EQ(Parsed("use_profile = \"m\"\n[profiles.m]\nmax_live = 4\n")
                .service.profile.max_live,
            4);
}

TEST(ProfileReaderTest, TheFileThatInitWritesNamesEveryKey) {
  const std::string text = ConfigFileText({"[::]:0"}, {"a.b"});
  for (const std::string_view key :
       {"may_add", "other_names", "policies", "cps", "max_live"}) {
    EXPECT_TRUE(absl::StrContains(text, absl::StrCat("\n", key, " = "))) << key;
  }
  const ProfileConfig profile = Parsed(text).service.profile;
  EXPECT_TRUE(profile.may_add.empty());
  EXPECT_EQ(profile.other_names, OtherNames::kIgnored);
  EXPECT_TRUE(profile.policies.empty());
  EXPECT_EQ(profile.max_live, 0);
}

// Each beside its accepted twin: lines of a [profile], the last of which is
// wrong; and what stands in its place when it is right.
TEST(ProfileReaderTest, RefusesWhatNoCertificateMaySay) {
  struct Row {
    std::string before, wrong, right, message;
  };
  const Row kRows[] = {
      {"", R"(key_usage = ["digitalSignature", "keyCertSign"])",
       R"(key_usage = ["digitalSignature"])", "is a CA's"},
      {"", R"(extended_key_usage = ["2.5.29.37.0"])",
       R"(extended_key_usage = ["clientAuth"])", "no device gets it"},
      {"", R"(extended_key_usage = ["1.3.6.1.5.5.7.3.9"])",
       R"(extended_key_usage = ["1.3.6.1.5.5.7.3.17"])", "or the CA"},
      {"", R"(extended_key_usage = ["1.3.6.1.5.5.7.3.28"])",
       R"(extended_key_usage = ["serverAuth"])", "play the EST server"},
      {"", R"(extended_key_usage = ["1.3.6.1.5.5.7.3.8"])",
       R"(extended_key_usage = ["codeSigning"])", "RFC 3161 2.3"},
      {"", R"(extended_key_usage = ["clientAuth", "clientAuth"])",
       R"(extended_key_usage = ["clientAuth", "serverAuth"])", "one twice"},
      {R"(key_types = ["ec-p256", "ec-p384"])",
       R"(key_usage = ["digitalSignature", "keyEncipherment"])",
       R"(key_usage = ["digitalSignature", "keyAgreement"])",
       "has keyEncipherment, which no certificate for a key of key_types"},
      {R"(key_types = ["rsa-2048"])",
       R"(key_usage = ["digitalSignature", "keyAgreement"])",
       R"(key_usage = ["digitalSignature", "keyEncipherment"])",
       "has keyAgreement, which no certificate for a key of key_types"},
      {"key_types = [\"ec-p256\", \"rsa-2048\"]\n"
       "extended_key_usage = [\"serverAuth\"]",
       R"(key_usage = ["keyEncipherment"])",
       R"(key_usage = ["keyEncipherment", "keyAgreement"])",
       "has nothing that an ec-p256 key"},
      {R"(key_usage = ["nonRepudiation"])",
       R"(extended_key_usage = ["clientAuth"])",
       R"(extended_key_usage = ["emailProtection"])",
       "has clientAuth, which needs digitalSignature or keyAgreement"},
      {R"(key_usage = ["keyEncipherment"])",
       R"(extended_key_usage = ["codeSigning"])",
       R"(extended_key_usage = ["serverAuth"])",
       "has codeSigning, which needs digitalSignature in key_usage"},
      {"", R"(subject = "")", R"(subject = "CN={identity}")",
       "a certificate has one of them (RFC 5280 4.1.2.6)"},
      {R"(sans = ["dns:fixed.example"])", R"(subject = "")",
       R"(subject = "CN={identity}")", "none of the sans has {identity}"},
      {"", R"(subject = "CN=fixed")", R"(subject = "CN=dev {identity}")",
       "must contain {identity}"},
      {"", R"(subject = "C=Utopia,CN={identity}")",
       R"(subject = "O=Utopia,CN={identity}")", ""},
      {"", R"(sans = ["dns:*.example"])", R"(sans = ["dns:a.example"])",
       "is not a host name"},
      {"", R"(sans = ["{identity}.example"])",
       R"(sans = ["dns:{identity}.example"])", "dns:, ip:, uri: or email:"},
      {"", R"(sans = ["uri:{identity}"])", R"(sans = ["uri:urn:{identity}"])",
       "not an absolute URI"},
      {"", R"(sans = ["dns:a.example", "dns:a.example"])",
       R"(sans = ["dns:a.example", "dns:b.example"])", "one twice"},
      {"", R"(may_add = ["dns:*"])", R"(may_add = ["dns:*.example"])",
       "last label open"},
      {R"(sans = ["dns:{identity}.devices.example"])",
       R"(may_add = ["dns:*.devices.example"])",
       R"(may_add = ["dns:*.{identity}.devices.example"])",
       "ask for what sans gives to another"},
      {R"(sans = ["uri:urn:dev:{identity}"])", R"(may_add = ["uri:urn:dev:*"])",
       R"(may_add = ["uri:urn:alias:*"])",
       "ask for what sans gives to another"},
      {"", R"(other_names = "grant")", R"(other_names = "refuse")",
       "must be one of \"ignore\", \"refuse\""},
      {"", R"(policies = ["meters"])", R"(policies = ["1.3.6.1.4.1.99999.1"])",
       "no object identifier"},
      {"", R"(policies = ["1.2.3", "1.2.3"])", R"(policies = ["1.2.3"])",
       "one twice"},
      {"", R"(cps = "http://pki.example.net/cps")", R"(cps = "")",
       "there are no policies"},
      {R"(policies = ["1.2.3"])", R"(cps = "cps.html")",
       R"(cps = "http://pki.example.net/cps")", "http or https URL"},
      {"", R"(max_live = -1)", R"(max_live = 1)", "must be from 0"},
      {"", R"(validity = "4000d")", R"(validity = "3653d")", "must be from"},
      {R"(validity = "1d")", R"(backdate = "2d")", R"(backdate = "1d")",
       "is longer than the validity"},
  };
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.wrong);
    const std::string head =
        row.before.empty() ? "" : absl::StrCat(row.before, "\n");
    const int line =
        2 + static_cast<int>(std::count(head.begin(), head.end(), '\n'));
    const std::string key = row.wrong.substr(0, row.wrong.find(' '));
    for (const std::string& table :
         {std::string("profile"), std::string("profiles.meter"),
          std::string("labels.plant.profile")}) {
      const auto text = [&](const std::string& last) {
        return absl::StrCat("[", table, "]\n", head, last, "\n");
      };
      Parsed(text(row.right));
      const absl::Status status =
          ParseConfig(text(row.wrong), "x.toml").status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_TRUE(absl::StrContains(
          status.message(),
          absl::StrCat("x.toml:", line, ": ", table, ".", key, ": ")))
          << status;
      EXPECT_TRUE(absl::StrContains(status.message(), row.message)) << status;
    }
  }
}

TEST(ProfileReaderTest, NamesMistakesOfNamedProfiles) {
  const auto mistake = [](std::string_view text) {
    return std::string(ParseConfig(text, "x.toml").status().message());
  };
  EXPECT_TRUE(absl::StrContains(
      mistake("use_profile = \"metre\"\n[profiles.meter]\n"),
      "x.toml:1: use_profile: there is no [profiles.metre]; there is meter"));
  EXPECT_TRUE(absl::StrContains(mistake("[labels.a]\nuse_profile = \"b\"\n"),
                                "x.toml:2: labels.a.use_profile: there is no"));
  EXPECT_TRUE(absl::StrContains(mistake("[profiles.\"a b\"]\n"),
                                "can't be a profile's name"));
  EXPECT_TRUE(absl::StrContains(mistake("[profiles.a]\nvalidty = \"1d\"\n"),
                                "x.toml:2: unknown key profiles.a.validty"));
  EXPECT_TRUE(absl::StrContains(mistake("profiles = 1\n"), "is a table of"));
  // A mistake is told where it stands, not again at each label that shares it.
  const std::string once = mistake(
      "[profile]\nvalidity = \"1d\"\nbackdate = \"2d\"\n[labels.a]\n"
      "[labels.b]\n");
  EXPECT_EQ(once.find('\n'), std::string::npos) << once;
}

// Demonstrations have certificates of seconds.
TEST(ProfileReaderTest, ClocksMayDifferByMoreThanAShortLife) {
  Parsed("[profile]\nvalidity = \"10s\"\nbackdate = \"5m\"\n");
}

}  // namespace
}  // namespace bestow::server
