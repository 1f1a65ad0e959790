#include "server/admin/state_folder.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/crypto/signer.h"
#include "gtest/gtest.h"
#include "server/admin/ca_folder.h"
#include "server/admin/init.h"
#include "server/admin/new_ca.h"

namespace bestow::server {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

int g_fail_at = 0;
bool FailAtNth(std::string_view) { return --g_fail_at == 0; }

std::string Pem(const std::vector<Certificate>& certificates) {
  std::string pem;
  for (const Certificate& certificate : certificates) {
    pem += SerializeCertificatePem(certificate.der);
  }
  return pem;
}

class StateFolderTest : public testing::Test {
 protected:
  StateFolderTest() : paths_(NewFolder()) {
    InitOptions options;
    options.folder = paths_.folder;
    options.hostnames = {"est.example"};
    options.listen = {"127.0.0.1:0"};
    options.ca_name = "Test CA";
    EXPECT_TRUE(InitState(options, kNow).ok());
  }
  void TearDown() override { SetFailpointHandler(nullptr); }

  static std::string NewFolder() {
    static int count = 0;
    return absl::StrCat(getenv("TEST_TMPDIR"), "/state", getpid(), "_",
                        count++);
  }
  void Write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes(text), 0600).ok());
  }
  void AddToConfig(const std::string& text) {
    std::ofstream(paths_.config, std::ios::app) << text;
  }
  void ExpectRefused(std::string_view part, std::string_view why) {
    auto state = LoadState(paths_);
    ASSERT_FALSE(state.ok()) << why;
    EXPECT_EQ(state.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(absl::StrContains(state.status().message(), part) &&
                absl::StrContains(state.status().message(), why))
        << state.status();
  }

  const StatePaths paths_;
};

TEST_F(StateFolderTest, LoadsARolloverAndSaysWhatDoesNotFit) {
  const CaPaths ca(paths_.ca_folder);
  const std::string old_pem = *ReadFile(ca.certificate, 100000);
  const Certificate old_root = ParseCertificatesPem(old_pem, 1)->front();
  auto old_key =
      SoftwareSigner::FromPkcs8Pem(Secret(*ReadFile(ca.key, 100000)));
  ASSERT_TRUE(old_key.ok()) << old_key.status();
  auto fresh = MakeCa("Test CA", KeyType::kRsa2048, kNow);
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  std::filesystem::remove(ca.key);
  ASSERT_TRUE(CreateFileDurably(ca.key, fresh->key_pem.bytes(), 0600).ok());
  Write(ca.certificate, Pem({fresh->certificate}));
  Write(ca.rollover,
        Pem({old_root,
             *CreateLinkCertificate(old_root, fresh->certificate, *fresh->key),
             *CreateLinkCertificate(fresh->certificate, old_root, **old_key)}));
  auto state = LoadState(paths_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->ca_certificate(), fresh->certificate);
  EXPECT_EQ(state->materials.cas.at("ca").rollover.size(), 3u);

  Write(ca.rollover,
        Pem({MakeCa("Other", KeyType::kEcP256, kNow)->certificate}));
  ExpectRefused(ca.rollover, "other names");
  Write(ca.rollover, "nothing");
  ExpectRefused(ca.rollover, "");
  std::filesystem::remove(ca.rollover);
  Write(ca.certificate, old_pem);
  ExpectRefused(ca.certificate, "not the key");
}

TEST_F(StateFolderTest, LoadsWhatLabelsNameAndNothingElse) {
  ASSERT_TRUE(AddCa(paths_, "plant", "Plant", KeyType::kEcP384, kNow).ok());
  ASSERT_TRUE(AddCa(paths_, "unused", "Unused", KeyType::kEcP256, kNow).ok());
  Write(paths_.folder + "/acme.pem",
        Pem({MakeCa("Acme", KeyType::kEcP256, kNow)->certificate}));
  AddToConfig(
      "[labels.plant]\nca = \"cas/plant\"\n"
      "[labels.plant.auth]\nidevid_anchors = [\"acme.pem\"]\n");
  auto state = LoadState(paths_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->materials.cas.size(), 2u);
  EXPECT_EQ(state->materials.cas.count("cas/plant"), 1u);
  EXPECT_EQ(state->materials.idevid_anchors.at("acme.pem").size(), 1u);
  auto snapshot = Snapshot::Create(state->config, state->materials);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->Find("")->idevid_anchors, nullptr);
  EXPECT_NE((*snapshot)->Find("plant")->idevid_anchors, nullptr);
  // Two CAs and the manufacturer.
  EXPECT_EQ((*snapshot)->client_anchors->certificates().size(), 3u);

  std::filesystem::remove(paths_.folder + "/acme.pem");
  ExpectRefused("label plant: ", "acme.pem");
}

TEST_F(StateFolderTest, ALabelsCaMustBeThere) {
  AddToConfig("[labels.plant]\nca = \"cas/plant\"\n");
  ExpectRefused("label plant: ", "cas/plant");
}

// Every write, fsync and rename fails once: there is no half-made CA, and the
// next try makes one.
TEST_F(StateFolderTest, ACaIsAddedWholeOrNotAtAll) {
  SetFailpointHandler(&FailAtNth);
  int failures = 0;
  for (int n = 1;; ++n) {
    const std::string name = absl::StrCat("ca", n);
    g_fail_at = n;
    auto result = AddCa(paths_, name, "CA", KeyType::kEcP256, kNow);
    const bool reached = g_fail_at <= 0;
    g_fail_at = 0;
    if (!reached) {
      EXPECT_TRUE(result.ok()) << result.status();
      break;
    }
    ++failures;
    EXPECT_FALSE(result.ok()) << n;
    auto again = AddCa(paths_, name, "CA", KeyType::kEcP256, kNow);
    // It may be whole when only the last fsync failed.
    EXPECT_TRUE(again.ok() || absl::IsAlreadyExists(again.status()))
        << n << again.status();
    EXPECT_TRUE(LoadCa(absl::StrCat(paths_.cas_folder, "/", name)).ok()) << n;
  }
  EXPECT_GT(failures, 5);
}

}  // namespace
}  // namespace bestow::server
