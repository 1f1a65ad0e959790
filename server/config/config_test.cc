#include "server/config/config.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/crypto/key_type.h"
#include "common/der/oid.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

void ExpectMistake(std::string_view text, std::string_view message) {
  auto config = ParseConfig(text, "x.toml");
  ASSERT_FALSE(config.ok()) << text;
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(config.status().message(), message))
      << config.status() << "\nlacks\n"
      << message;
}

TEST(ConfigTest, AnEmptyFileIsTheDefaults) {
  auto config = ParseConfig("", "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, std::vector<std::string>{"127.0.0.1:8443"});
  EXPECT_EQ(config->service.profile.validity, absl::Hours(90 * 24));
  EXPECT_EQ(config->service.line_wrap, est::LineWrap::kAuto);
}

TEST(ConfigTest, TheFileThatInitWritesIsTheDefaults) {
  const std::string text = ConfigFileText({"[::]:0", "127.0.0.1:1"}, {"a.b"});
  auto config = ParseConfig(text, "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const Config defaults;
  EXPECT_EQ(config->listen,
            (std::vector<std::string>{"[::]:0", "127.0.0.1:1"}));
  EXPECT_EQ(config->hostnames, std::vector<std::string>{"a.b"});
  EXPECT_EQ(config->workers, defaults.workers);
  EXPECT_EQ(config->service.realm, defaults.service.realm);
  EXPECT_EQ(config->service.secret_retry_window,
            defaults.service.secret_retry_window);
  EXPECT_EQ(config->service.profile.validity,
            defaults.service.profile.validity);
  EXPECT_EQ(config->service.profile.backdate,
            defaults.service.profile.backdate);
  EXPECT_EQ(config->service.profile.subject, defaults.service.profile.subject);
  EXPECT_EQ(config->service.profile.sans, defaults.service.profile.sans);
  EXPECT_EQ(config->service.profile.key_usage,
            defaults.service.profile.key_usage);
  EXPECT_EQ(config->service.profile.extended_key_usage,
            defaults.service.profile.extended_key_usage);
  EXPECT_EQ(config->service.csr_attrs.all.oids,
            defaults.service.csr_attrs.all.oids);
  EXPECT_EQ(config->service.line_wrap, defaults.service.line_wrap);
  EXPECT_EQ(config->limits.connections, defaults.limits.connections);
  EXPECT_EQ(config->MaxBodyBytes(), defaults.MaxBodyBytes());
  EXPECT_EQ(config->limits.idle_timeout, defaults.limits.idle_timeout);
  EXPECT_EQ(config->limits.drain_timeout, defaults.limits.drain_timeout);
  EXPECT_EQ(config->limits.queued_issuances, defaults.limits.queued_issuances);
}

TEST(ConfigTest, TheFileNamesEveryKeyOfAService) {
  const std::string text = ConfigFileText({"[::]:0"}, {"a.b"});
  for (const char* key : {"ca",
                          "key_types",
                          "basic",
                          "digest",
                          "nonce_lifetime",
                          "require",
                          "linking",
                          "idevid_anchors",
                          "idevid_identity",
                          "idevid_register",
                          "approval",
                          "approval_retry_after",
                          "approval_expiry",
                          "renewal_window",
                          "expired_grace",
                          "allow_same_key",
                          "allow_name_change",
                          "server_keys",
                          "oids",
                          "key_type",
                          "template",
                          "retry_after",
                          "when_down",
                          "explanation_url",
                          "pending_requests",
                          "enrollments_per_minute",
                          "wrong_credentials",
                          "wrong_credentials_interval"}) {
    EXPECT_TRUE(absl::StrContains(text, absl::StrCat("\n", key, " = "))) << key;
  }
  auto config = ParseConfig(text, "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const ServiceConfig& service = config->service;
  const ServiceConfig defaults;
  EXPECT_EQ(service.ca, defaults.ca);
  EXPECT_EQ(service.profile.key_types, defaults.profile.key_types);
  EXPECT_EQ(service.auth.basic, defaults.auth.basic);
  EXPECT_EQ(service.auth.digest, defaults.auth.digest);
  EXPECT_EQ(service.auth.nonce_lifetime, defaults.auth.nonce_lifetime);
  EXPECT_EQ(service.auth.require, defaults.auth.require);
  EXPECT_EQ(service.auth.linking, defaults.auth.linking);
  EXPECT_EQ(service.auth.idevid_anchors, defaults.auth.idevid_anchors);
  EXPECT_EQ(service.auth.idevid_identity, defaults.auth.idevid_identity);
  EXPECT_EQ(service.auth.idevid_register, defaults.auth.idevid_register);
  const EnrollmentConfig& enrollment = service.enrollment;
  EXPECT_EQ(enrollment.approval, defaults.enrollment.approval);
  EXPECT_EQ(enrollment.approval_retry_after,
            defaults.enrollment.approval_retry_after);
  EXPECT_EQ(enrollment.approval_expiry, defaults.enrollment.approval_expiry);
  EXPECT_EQ(enrollment.renewal_window, defaults.enrollment.renewal_window);
  EXPECT_EQ(enrollment.expired_grace, defaults.enrollment.expired_grace);
  EXPECT_EQ(enrollment.allow_same_key, defaults.enrollment.allow_same_key);
  EXPECT_EQ(enrollment.allow_name_change,
            defaults.enrollment.allow_name_change);
  EXPECT_EQ(enrollment.server_keys, defaults.enrollment.server_keys);
  EXPECT_EQ(service.csr_attrs.all.key_type, defaults.csr_attrs.all.key_type);
  EXPECT_EQ(service.csr_attrs.all.as_template,
            defaults.csr_attrs.all.as_template);
  EXPECT_EQ(service.renewal_info.retry_after,
            defaults.renewal_info.retry_after);
  EXPECT_EQ(service.limits.pending_requests, defaults.limits.pending_requests);
  EXPECT_EQ(service.limits.enrollments_per_minute,
            defaults.limits.enrollments_per_minute);
  EXPECT_EQ(config->limits.wrong_credentials, LimitsConfig().wrong_credentials);
  EXPECT_EQ(config->limits.wrong_credentials_interval,
            LimitsConfig().wrong_credentials_interval);
  EXPECT_TRUE(config->labels.empty());
}

// Key by key, from the top of the file.
TEST(ConfigTest, ALabelSaysWhatIsDifferentThere) {
  auto config = ParseConfig(R"(
realm = "All"
[profile]
validity = "36h"
key_usage = ["digitalSignature", "keyAgreement"]
sans = ["dns:{identity}"]
[auth]
digest = "md5"
idevid_anchors = ["acme.pem"]
[limits]
body_bytes = 4096
[csr_attrs]
oids = ["challengePassword"]
[[csr_attrs.for]]
identities = ["gw-*"]
key_type = "ec-p384"

[labels.plant]
ca = "cas/plant"
[labels.plant.profile]
subject = "O=Plant,CN={identity}"
sans = []
[labels.plant.auth]
linking = "required"
[labels.plant.limits]
body_bytes = 8192
[labels.plant.csr_attrs]
template = true
subject = "CN={identity}"

[labels."a.b"]
[labels."a.b".auth]
linking = "off"
)",
                            "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->labels.size(), 2u);
  EXPECT_EQ(config->Find(""), &config->service);
  EXPECT_EQ(config->Find("other"), nullptr);
  const ServiceConfig* plant = config->Find("plant");
  ASSERT_NE(plant, nullptr);
  EXPECT_EQ(plant->label, "plant");
  EXPECT_EQ(plant->ca, "cas/plant");
  EXPECT_EQ(plant->realm, "All");
  EXPECT_EQ(plant->profile.validity, absl::Hours(36));
  EXPECT_EQ(plant->profile.key_usage, kDigitalSignature | kKeyAgreement);
  EXPECT_EQ(plant->profile.subject, "O=Plant,CN={identity}");
  EXPECT_TRUE(plant->profile.sans.empty());
  EXPECT_EQ(plant->auth.digest, DigestOffer::kMd5);
  EXPECT_EQ(plant->auth.linking, Linking::kRequired);
  EXPECT_EQ(plant->auth.idevid_anchors, std::vector<std::string>{"acme.pem"});
  EXPECT_TRUE(plant->csr_attrs.all.as_template);
  EXPECT_EQ(plant->csr_attrs.all.oids.size(), 1u);
  EXPECT_EQ(plant->csr_attrs.for_identities.size(), 1u);
  // The service without a label keeps its own.
  EXPECT_EQ(config->service.ca, "ca");
  EXPECT_EQ(config->service.profile.sans.size(), 1u);
  EXPECT_EQ(config->service.auth.linking, Linking::kOptional);
  ASSERT_NE(config->Find("a.b"), nullptr);
  EXPECT_EQ(config->Find("a.b")->auth.linking, Linking::kOff);
  EXPECT_EQ(config->service.limits.body_bytes, 4096);
  EXPECT_EQ(config->MaxBodyBytes(), 8192);
  const auto& some = config->service.csr_attrs.for_identities;
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some[0].identities, std::vector<std::string>{"gw-*"});
  EXPECT_EQ(some[0].request.key_type, KeyType::kEcP384);
  EXPECT_EQ(some[0].request.oids.size(), 1u);
  EXPECT_EQ(config->Find("a.b")->realm, "All");
}

TEST(ConfigTest, ReadsEveryKeyOfALabel) {
  auto config = ParseConfig(R"(
[labels.a]
realm = "R"
ca = "ca"
one_time_secrets.retry_window = "1h"
reply.line_wrap = "always"
[labels.a.profile]
key_types = ["ec-p256", "rsa-3072"]
[labels.a.auth]
basic = false
digest = "both"
require = "certificate+password"
idevid_identity = "acme-{CN}"
idevid_register = true
nonce_lifetime = "1m"
[labels.a.enrollment]
approval = "manual"
approval_retry_after = "30s"
approval_expiry = "1d"
renewal_window = "30d"
expired_grace = "10d"
allow_name_change = true
server_keys = true
allow_same_key = false
[labels.a.csr_attrs]
sans = ["dns:{identity}.example"]
key_usage = ["keyAgreement"]
extended_key_usage = ["serverAuth"]
[labels.a.limits]
pending_requests = 5
enrollments_per_minute = 6
[labels.a.renewal_info]
retry_after = "1h"
explanation_url = "https://example.com/why"
)",
                            "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  const ServiceConfig& a = config->labels.at(0);
  EXPECT_EQ(a.realm, "R");
  EXPECT_EQ(a.secret_retry_window, absl::Hours(1));
  EXPECT_EQ(a.line_wrap, est::LineWrap::kAlways);
  EXPECT_EQ(a.profile.key_types,
            (std::vector<KeyType>{KeyType::kEcP256, KeyType::kRsa3072}));
  EXPECT_FALSE(a.auth.basic);
  EXPECT_EQ(a.auth.digest, DigestOffer::kBoth);
  EXPECT_EQ(a.auth.require, Require::kCertificateAndPassword);
  EXPECT_EQ(a.auth.idevid_identity, "acme-{CN}");
  EXPECT_TRUE(a.auth.idevid_register);
  EXPECT_EQ(a.auth.nonce_lifetime, absl::Minutes(1));
  EXPECT_EQ(a.enrollment.approval, Approval::kManual);
  EXPECT_EQ(a.enrollment.approval_retry_after, absl::Seconds(30));
  EXPECT_EQ(a.enrollment.approval_expiry, absl::Hours(24));
  EXPECT_EQ(a.enrollment.renewal_window, absl::Hours(24 * 30));
  EXPECT_EQ(a.enrollment.expired_grace, absl::Hours(24 * 10));
  EXPECT_TRUE(a.enrollment.allow_name_change);
  EXPECT_TRUE(a.enrollment.server_keys);
  EXPECT_FALSE(a.enrollment.allow_same_key);
  EXPECT_EQ(a.csr_attrs.all.sans.size(), 1u);
  EXPECT_EQ(a.csr_attrs.all.key_usage, kKeyAgreement);
  EXPECT_EQ(a.csr_attrs.all.extended_key_usage.size(), 1u);
  EXPECT_EQ(a.limits.pending_requests, 5);
  EXPECT_EQ(a.limits.enrollments_per_minute, 6);
  EXPECT_EQ(a.renewal_info.retry_after, absl::Hours(1));
  EXPECT_EQ(a.renewal_info.explanation_url, "https://example.com/why");
}

// Each beside the line that it is about.
TEST(ConfigTest, RefusesWhatALabelCantBe) {
  for (const char* name : {"simpleenroll", "cacerts", "fullcmc", "serverkeygen",
                           "\"a/b\"", "\"\"", "\"..\"", "\"a b\""}) {
    ExpectMistake(absl::StrCat("\n[labels.", name, "]\n"), "x.toml:2: labels.");
    ExpectMistake(absl::StrCat("\n[labels.", name, "]\n"),
                  "can't be a label: ");
  }
  for (const char* name : {"simple-enroll", "\"a.b\"", "\"a~b\"", "A_1"}) {
    auto config = ParseConfig(absl::StrCat("[labels.", name, "]\n"), "x.toml");
    EXPECT_TRUE(config.ok()) << config.status();
  }
  ExpectMistake("labels = 1\n", "x.toml:1: labels: is a table of");
  ExpectMistake("[labels]\nplant = 1\n", "x.toml:2: labels.plant: is a table");
}

TEST(ConfigTest, NamesMistakesBelowALabel) {
  ExpectMistake("[labels.a]\nrelm = \"x\"\n",
                "x.toml:2: unknown key labels.a.relm; did you mean realm?");
  ExpectMistake(
      "[labels.a.profile]\nvalidty = \"1d\"\n",
      "x.toml:2: unknown key labels.a.profile.validty; did you mean validity?");
  ExpectMistake("[labels.\"a.b\"]\nrelm = 1\n",
                "x.toml:2: unknown key labels.\"a.b\".relm; did you");
  // What is the whole server's is not a label's.
  ExpectMistake("[labels.a]\nworkers = 2\n",
                "x.toml:2: unknown key labels.a.workers");
  ExpectMistake("[labels.a.limits]\nconnections = 2\n",
                "x.toml:2: unknown key labels.a.limits.connections");
  ExpectMistake("[labels.a]\nca = \"../ca\"\n", "x.toml:2: labels.a.ca: must");
  ExpectMistake("[labels.a]\nca = \"cas/../ca\"\n", "labels.a.ca: must be");
  ExpectMistake("[labels.a]\nca = \"cas/\"\n", "labels.a.ca: must be");
  ExpectMistake("[labels.a.profile]\nkey_types = [\"dsa\"]\n",
                "x.toml:2: labels.a.profile.key_types: ");
  ExpectMistake("[labels.a.profile]\nkey_types = [\"ed25519\"]\n",
                "is for CAs");
  ExpectMistake("[labels.a.auth]\nbasic = 1\n",
                "x.toml:2: labels.a.auth.basic: must be true or false");
  ExpectMistake("[labels.a.auth]\ndigest = \"sha\"\n",
                "must be one of \"off\", \"md5\", \"sha256\", \"both\"");
  ExpectMistake("[labels.a.auth]\nrequire = \"both\"\n",
                "\"certificate+password\"");
  ExpectMistake("[labels.a.auth]\nlinking = true\n",
                "must be one of \"off\", \"optional\", \"required\"");
  ExpectMistake("[labels.a.auth]\nidevid_identity = \"fixed\"\n",
                "must contain {serialNumber} or {CN}");
  ExpectMistake("[labels.a.auth]\nidevid_identity = \"{CN}{O}\"\n",
                "knows {serialNumber} and {CN} only");
  ExpectMistake("[labels.a.auth]\nidevid_anchors = [\"\"]\n", "one is empty");
  ExpectMistake("[labels.a.enrollment]\napproval = \"no\"\n",
                "must be one of \"automatic\", \"manual\"");
  ExpectMistake("[labels.a.enrollment]\napproval_expiry = \"1s\"\n",
                "must be from");
  ExpectMistake("[labels.a.renewal_info]\nexplanation_url = \"ftp://x\"\n",
                "must be an http or https URL");
  ExpectMistake("[labels.a.limits]\nbody_bytes = 0\n", "must be from 1024");
}

TEST(ConfigTest, RefusesSettingsThatExcludeEachOther) {
  ExpectMistake("[auth]\nbasic = false\nrequire = \"password\"\n",
                "x.toml:3: auth.require: a password is required");
  ExpectMistake(
      "[auth]\nrequire = \"certificate+password\"\n"
      "[labels.a.auth]\nbasic = false\n",
      "x.toml:4: labels.a.auth.basic: a password is required");
  EXPECT_TRUE(ParseConfig("[auth]\nbasic = false\ndigest = \"md5\"\n"
                          "require = \"password\"\n",
                          "x.toml")
                  .ok());
  EXPECT_TRUE(ParseConfig("[auth]\nbasic = false\n", "x.toml").ok());
  ExpectMistake("[csr_attrs]\nsubject = \"CN={identity}\"\n",
                "x.toml:2: csr_attrs.subject: only a template");
  ExpectMistake("[csr_attrs]\ntemplate = true\nsubject = \"CN={name}\"\n",
                "x.toml:3: csr_attrs.subject: templates know {identity}");
  ExpectMistake("[csr_attrs]\ntemplate = true\nsubject = \"X=\"\n",
                "x.toml:3: csr_attrs.subject: ");
}

TEST(ConfigTest, RefusesBadListsOfIdentities) {
  ExpectMistake("[[csr_attrs.for]]\noids = []\n",
                "csr_attrs.for.identities: needs 1 to 64 patterns");
  ExpectMistake("[[csr_attrs.for]]\nidentities = [\"a\"]\noid = []\n",
                "x.toml:3: unknown key csr_attrs.for.oid; did you mean oids?");
  ExpectMistake("[csr_attrs.for]\nidentities = [\"a\"]\n",
                "write [[csr_attrs.for]]");
}

TEST(ConfigTest, ReadsEachKind) {
  auto config = ParseConfig(R"(
workers = 3
[profile]
validity = "36h"
sans = ["dns:{identity}", "uri:urn:{identity}"]
[csr_attrs]
oids = ["challengePassword"]
[reply]
line_wrap = "never"
)",
                            "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->workers, 3);
  EXPECT_EQ(config->service.profile.validity, absl::Hours(36));
  EXPECT_EQ(config->service.profile.sans.size(), 2u);
  EXPECT_EQ(config->service.csr_attrs.all.oids,
            std::vector<der::Oid>{oids::ChallengePassword()});
  EXPECT_EQ(config->service.line_wrap, est::LineWrap::kNever);
}

TEST(ConfigTest, NamesFileLineAndKeyOfAMistake) {
  ExpectMistake("\n\nworkres = 2\n",
                "x.toml:3: unknown key workres; did you mean workers?");
  ExpectMistake(
      "workers = 2\n[profile]\n\nvalidty = \"1d\"\n",
      "x.toml:4: unknown key profile.validty; did you mean validity?");
  ExpectMistake("[profil]\nvalidity = \"1d\"\n",
                "x.toml:1: unknown key profil; did you mean profile?");
  ExpectMistake("zzzzzzzzz = 1\n", "x.toml:1: unknown key zzzzzzzzz; known");
  ExpectMistake("workers = \"two\"\n", "x.toml:1: workers: must be an integer");
  ExpectMistake("workers = -1\n", "x.toml:1: workers: is -1; must be from 0");
  ExpectMistake("\nlisten = \"a:1\"\n", "x.toml:2: listen: must be a list");
  ExpectMistake("listen = [1]\n", "x.toml:1: listen: must be a list");
  ExpectMistake("listen = []\n", "x.toml:1: listen: needs at least one");
  ExpectMistake("realm = 1\n", "x.toml:1: realm: must be a string");
  ExpectMistake("realm = \"a\\nb\"\n", "x.toml:1: realm: must be printable");
  ExpectMistake("profile = 1\n", "x.toml:1: profile: is a table");
  ExpectMistake("[profile]\nvalidity = 90\n",
                "x.toml:2: profile.validity: must be a duration");
  ExpectMistake("[profile]\nvalidity = \"90 days\"\n",
                "x.toml:2: profile.validity: must be a duration");
  ExpectMistake("[profile]\nvalidity = \"20000d\"\n",
                "x.toml:2: profile.validity: must be from");
  ExpectMistake("[reply]\nline_wrap = \"sometimes\"\n",
                "x.toml:2: reply.line_wrap: must be one of \"auto\"");
}

TEST(ConfigTest, RefusesRightsThatNoDeviceMayHave) {
  ExpectMistake("[profile]\nkey_usage = [\"keyCertSign\"]\n",
                "x.toml:2: profile.key_usage: \"keyCertSign\" is a CA's");
  ExpectMistake("[profile]\nkey_usage = [\"cRLSign\"]\n", "is a CA's");
  ExpectMistake("[profile]\nextended_key_usage = [\"1.3.6.1.5.5.7.3.28\"]\n",
                "x.toml:2: profile.extended_key_usage: ");
  ExpectMistake("[profile]\nextended_key_usage = [\"1.3.6.1.5.5.7.3.27\"]\n",
                "play the EST server");
  ExpectMistake("[profile]\nextended_key_usage = [\"2.5.29.37.0\"]\n",
                "play the EST server");
}

TEST(ConfigTest, RefusesNamesThatItDoesNotKnow) {
  ExpectMistake("[profile]\nkey_usage = [\"digitalsignature\"]\n",
                "is not one of digitalSignature");
  ExpectMistake("[profile]\nkey_usage = []\n", "needs at least one");
  ExpectMistake("[profile]\nextended_key_usage = [\"client\"]\n",
                "is not one of serverAuth");
  ExpectMistake("[csr_attrs]\noids = [\"9.9.9\"]\n",
                "x.toml:2: csr_attrs.oids: ");
}

TEST(ConfigTest, RefusesTemplatesThatMakeNoName) {
  ExpectMistake("[profile]\nsubject = \"{identity}\"\n",
                "x.toml:2: profile.subject: ");
  ExpectMistake("[profile]\nsubject = \"CN={name}\"\n",
                "x.toml:2: profile.subject: \"{name}\" is not known");
  ExpectMistake("[profile]\nsubject = \"\"\n", "x.toml:2: profile.subject: ");
  ExpectMistake("[profile]\nsubject = \"CN=fixed\"\n",
                "must contain {identity}");
  ExpectMistake("[profile]\nsans = [\"{identity}\"]\n",
                "x.toml:2: profile.sans: ");
}

TEST(ConfigTest, NamesTheLineWhereItIsNoToml) {
  ExpectMistake("workers = 1\nlisten = [\n", "x.toml:");
  ExpectMistake("a = 1\na = 2\n", "x.toml:2: ");
  ExpectMistake("\n= 3\n", "x.toml:2: ");
  ExpectMistake("\n[[[ nothing", "x.toml:2: ");
}

TEST(ConfigTest, ReportsEveryMistakeInTheOrderOfTheFile) {
  auto config =
      ParseConfig("workers = \"a\"\n[limits]\nbody_byte = 2\n", "x.toml");
  EXPECT_EQ(config.status().message(),
            "x.toml:1: workers: must be an integer\n"
            "x.toml:3: unknown key limits.body_byte; did you mean body_bytes?");
}

}  // namespace
}  // namespace bestow::server
