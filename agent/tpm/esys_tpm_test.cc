#include "agent/tpm/esys_tpm.h"

#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/tpm/errors.h"
#include "agent/tpm/esys_session.h"
#include "agent/tpm/testing/swtpm.h"
#include "agent/tpm/tpm_public.h"
#include "agent/tpm/tss2_key_file.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::HasSubstr;

class EsysTpmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto swtpm = Swtpm::Start();
    ASSERT_TRUE(swtpm.ok()) << swtpm.status();
    swtpm_ = *std::move(swtpm);
    tpm_ = std::make_unique<EsysTpm>(swtpm_->tcti());
  }

  // Loads objects and leaves them there, as a program does that forgets to
  // flush, until the TPM has no slot left.
  void FillSlots() {
    auto session = EsysSession::Open(swtpm_->tcti());
    ASSERT_TRUE(session.ok()) << session.status();
    for (int slots = 0;; ++slots) {
      ASSERT_LT(slots, 64);
      auto primary = (*session)->CreatePrimary();
      if (!primary.ok()) {
        EXPECT_EQ(TpmActionOf(primary.status()), TpmAction::kFreeMemory);
        EXPECT_EQ(slots, 3);
        return;
      }
      primary->Release();
    }
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<EsysTpm> tpm_;
};

TEST_F(EsysTpmTest, NoFreeMemoryIsSaidWithWhatToDo) {
  auto key = tpm_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  FillSlots();
  for (const absl::Status& status : {tpm_->Check(), tpm_->CreateKey().status(),
                                     tpm_->Sign(*key, AsBytes("x")).status()}) {
    EXPECT_EQ(TpmActionOf(status), TpmAction::kFreeMemory) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no free memory"));
  }
  // The slots come free: it goes on.
  ASSERT_TRUE(swtpm_->Resume().ok());
  EXPECT_TRUE(tpm_->Sign(*key, AsBytes("x")).ok());
}

TEST_F(EsysTpmTest, TwoSlotsAreEnough) {
  auto session = EsysSession::Open(swtpm_->tcti());
  ASSERT_TRUE(session.ok()) << session.status();
  auto taken = (*session)->CreatePrimary();
  ASSERT_TRUE(taken.ok());
  taken->Release();
  session->reset();
  auto key = tpm_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(tpm_->Sign(*key, AsBytes("x")).ok());
  }
}

TEST_F(EsysTpmTest, AKeyOutlivesTheTpmsRestart) {
  auto key = tpm_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  swtpm_->Stop();
  auto signature = tpm_->Sign(*key, AsBytes("x"));
  EXPECT_EQ(TpmActionOf(signature.status()), TpmAction::kUnreachable)
      << signature.status();
  ASSERT_TRUE(swtpm_->Resume().ok());
  EXPECT_TRUE(tpm_->Sign(*key, AsBytes("x")).ok());
}

TEST_F(EsysTpmTest, ADamagedKeyIsLostAndAMalformedOneGivenUp) {
  auto key = tpm_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  TpmKey damaged = *key;
  damaged.private_blob.back() ^= 1;
  EXPECT_EQ(TpmActionOf(tpm_->Sign(damaged, AsBytes("x")).status()),
            TpmAction::kKeyLost);
  TpmKey longer = *key;
  longer.private_blob.push_back(0);
  EXPECT_EQ(TpmActionOf(tpm_->Sign(longer, AsBytes("x")).status()),
            TpmAction::kGiveUp);
  TpmKey elsewhere = *key;
  elsewhere.parent = 0x81000001;
  EXPECT_EQ(TpmActionOf(tpm_->Sign(elsewhere, AsBytes("x")).status()),
            TpmAction::kGiveUp);
}

TEST(EsysTpmTctiTest, SaysWhichTctiHasNoTpm) {
  for (std::string tcti :
       {"device:/dev/no-such-tpm", "swtpm:path=/tmp/no-such-socket",
        "no-such-tcti:x", "nonsense"}) {
    const absl::Status status = EsysTpm(tcti).Check();
    EXPECT_EQ(TpmActionOf(status), TpmAction::kUnreachable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(tcti));
    EXPECT_THAT(std::string(status.message()), HasSubstr("tpm.tcti"));
  }
}

// Debian's tpm2-openssl loads the file and signs with the key in the TPM.
TEST_F(EsysTpmTest, OpensslsTpm2ProviderSignsWithTheKeyFile) {
  auto key = tpm_->CreateKey();
  ASSERT_TRUE(key.ok()) << key.status();
  const std::string folder = getenv("TEST_TMPDIR");
  const std::string message = "signed by the TPM through openssl";
  ASSERT_TRUE(WriteFileAtomically(folder + "/key.pem",
                                  AsBytes(*SerializeTss2KeyPem(*key)), 0600)
                  .ok());
  ASSERT_TRUE(
      WriteFileAtomically(folder + "/message", AsBytes(message), 0600).ok());
  ASSERT_EQ(setenv("TPM2OPENSSL_TCTI", swtpm_->tcti().c_str(), 1), 0);
  const std::string provider =
      " -provider tpm2 -provider default -propquery '?provider=tpm2' ";
  const std::vector<std::string> commands = {
      absl::StrCat("openssl dgst -sha256 -sign ", folder, "/key.pem", provider,
                   "-out ", folder, "/signature ", folder, "/message"),
      absl::StrCat("openssl pkeyutl -sign -rawin -digest sha256 -inkey ",
                   folder, "/key.pem", provider, "-in ", folder,
                   "/message -out ", folder, "/signature"),
  };
  auto spki = TpmPublicToSpki(key->public_blob);
  ASSERT_TRUE(spki.ok());
  const Bytes ecdsa_with_sha256 = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                   0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
  for (const std::string& command : commands) {
    unlink((folder + "/signature").c_str());
    ASSERT_EQ(system(command.c_str()), 0) << command;
    auto signature = ReadFile(folder + "/signature", 1024);
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(VerifySignature(ecdsa_with_sha256, *spki, AsBytes(message),
                                AsBytes(*signature))
                    .ok())
        << command;
  }
}

}  // namespace
}  // namespace bestow::agent
