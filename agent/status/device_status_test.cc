#include "agent/status/device_status.h"

#include <stdlib.h>

#include <string>

#include "agent/credentials/credential_store.h"
#include "agent/schedule/agenda.h"
#include "common/tls/test_ca.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

TEST(DeviceStatusTest, RenewsWhenTheServerWouldHaveIt) {
  Config config;
  config.state_dir = std::string(getenv("TEST_TMPDIR")) + "/state";
  config.server = *ParseServerUrl("https://est.example");
  config.schedule = {.fraction = 0.5, .jitter = 0};
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
  auto store = CredentialStore::Open(config.state_dir);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Save(credential).ok());
  EXPECT_EQ(GatherStatus(config, now).renews_at, now + absl::Hours(5));

  Agenda agenda;
  agenda.window = {.obtained_at = now,
                   .start = now + absl::Hours(1),
                   .end = now + absl::Hours(3),
                   .picked = now + absl::Hours(2)};
  const std::string server = config.server.ToText();
  ASSERT_TRUE(WriteAgenda(config.state_dir, server, agenda).ok());
  EXPECT_EQ(GatherStatus(config, now).renews_at, now + absl::Hours(2));
  // What was meant for the certificate before counts for nothing.
  agenda.window->obtained_at -= absl::Hours(1);
  ASSERT_TRUE(WriteAgenda(config.state_dir, server, agenda).ok());
  EXPECT_EQ(GatherStatus(config, now).renews_at, now + absl::Hours(5));
}

}  // namespace
}  // namespace bestow::agent
