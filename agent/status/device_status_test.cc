#include "agent/status/device_status.h"

#include <stdlib.h>

#include <string>

#include "agent/credentials/credential_store.h"
#include "agent/credentials/state_folder.h"
#include "agent/schedule/agenda.h"
#include "agent/status/present.h"
#include "common/tls/test_ca.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

TEST(DeviceStatusTest, RenewsWhenTheServerWouldHaveIt) {
  Config config;
  config.state_dir = std::string(getenv("TEST_TMPDIR")) + "/state";
  config.identities.resize(1);
  IdentityConfig& identity = config.identities[0];
  identity.server = *ParseServerUrl("https://est.example");
  identity.schedule = {.fraction = 0.5, .jitter = 0};
  const absl::Time now =
      absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));

  const TestCa ca("CA");
  FakeTpm tpm;
  Credential credential;
  credential.key = *tpm.CreateKey(KeyType::kEcP256);
  TestCa::Leaf leaf = TestClientLeaf();
  leaf.not_after = now + absl::Hours(10);
  credential.certificate = *ParseCertificateDer(
      ca.Issue(leaf, *TpmPublicToSpki(credential.key.public_blob)));
  credential.obtained_at = now;
  const std::string folder =
      *(*StateFolder::Open(config.state_dir))->IdentityFolder("default");
  auto store = CredentialStore::Open(folder);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Save(credential).ok());
  EXPECT_EQ(GatherStatus(config, identity, now).renews_at,
            now + absl::Hours(5));

  Agenda agenda;
  agenda.window = {.obtained_at = now,
                   .start = now + absl::Hours(1),
                   .end = now + absl::Hours(3),
                   .picked = now + absl::Hours(2)};
  const std::string server = identity.server.ToText();
  ASSERT_TRUE(WriteAgenda(folder, server, agenda).ok());
  EXPECT_EQ(GatherStatus(config, identity, now).renews_at,
            now + absl::Hours(2));
  // What was meant for the certificate before counts for nothing.
  agenda.window->obtained_at -= absl::Hours(1);
  ASSERT_TRUE(WriteAgenda(folder, server, agenda).ok());
  EXPECT_EQ(GatherStatus(config, identity, now).renews_at,
            now + absl::Hours(5));
}

TEST(PresentTest, ATableOfManyNamesWhatIsWrongBelow) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  DeviceStatus web{.identity = "web", .now = now, .daemon_runs = true};
  web.activity = {.doing = "retrying",
                  .next_at = now + absl::Seconds(5),
                  .last_error = "no TPM",
                  .last_error_at = now - absl::Seconds(7)};
  DeviceStatus gw{.identity = "a-long-name", .now = now};
  gw.problem = "the agent has not run yet with this state_dir";
  EXPECT_EQ(StatusTable({gw, web}),
            "IDENTITY     CREDENTIAL  VALID UNTIL  RENEWS AT  AGENT\n"
            "a-long-name  none        -            -          not running\n"
            "web          none        -            -          retrying\n"
            "a-long-name: problem: the agent has not run yet with this "
            "state_dir\n"
            "web: last error 2027-01-15T07:59:53Z (7s ago) no TPM\n");
  const std::string json = StatusJson(std::vector<DeviceStatus>{gw, web});
  EXPECT_THAT(json, ::testing::StartsWith("{\n\"identities\": [\n{"));
  EXPECT_THAT(json, ::testing::HasSubstr("\"identity\": \"web\""));
  EXPECT_EQ(StatusJson(std::vector<DeviceStatus>{web}),
            "{\n\"identities\": [\n" + StatusJson(web) + "]\n}\n");
}

}  // namespace
}  // namespace bestow::agent
