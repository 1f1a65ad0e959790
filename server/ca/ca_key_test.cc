#include "server/ca/ca_key.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/tpm/testing/swtpm.h"
#include "gtest/gtest.h"
#include "testdata/openssl.h"

namespace bestow::server {
namespace {

const Bytes kEcdsaWithSha256 = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

std::string Scratch(std::string_view name, std::string_view content,
                    mode_t mode = 0600) {
  const std::string path = testdata::WriteScratch(name, AsBytes(content));
  EXPECT_EQ(chmod(path.c_str(), mode), 0);
  return path;
}

CaKeyOptions UnderPassphrase(std::string_view passphrase) {
  CaKeyOptions options;
  options.passphrase_file =
      Scratch("passphrase", absl::StrCat(passphrase, "\n"));
  return options;
}

void ExpectSigns(Signer& signer) {
  const Bytes message = ToBytes(AsBytes("message"));
  const auto signature = SignAndWait(signer, message);
  ASSERT_TRUE(signature.ok()) << signature.status();
  EXPECT_TRUE(VerifySignature(kEcdsaWithSha256, signer.public_key_spki(),
                              message, *signature)
                  .ok());
}

void ExpectRefused(const absl::Status& status, std::string_view file,
                   std::string_view what) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), file)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), what)) << status;
}

TEST(CaKeyTest, AKeyInAFileComesBack) {
  for (const CaKeyOptions& options :
       {CaKeyOptions(), UnderPassphrase("correct horse")}) {
    auto made = MakeCaKey(KeyType::kEcP256, KeyStorage::kFile, options);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(
        absl::StartsWith(made->pem.text(), "-----BEGIN ENCRYPTED PRIVATE KEY"),
        !options.passphrase_file.empty());
    const std::string path = Scratch("ca.key.pem", made->pem.text());
    auto opened = OpenCaKey(path, options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ((*opened)->public_key_spki(), made->signer->public_key_spki());
    ExpectSigns(**opened);
    EXPECT_EQ(*CaKeyStorage(path), KeyStorage::kFile);
  }
}

TEST(CaKeyTest, OpensslOpensWhatIsUnderAPassphrase) {
  const CaKeyOptions options = UnderPassphrase("correct horse");
  auto made = MakeCaKey(KeyType::kEcP384, KeyStorage::kFile, options);
  ASSERT_TRUE(made.ok());
  const auto seen = testdata::RunOpenssl(absl::StrCat(
      "pkey -noout -check -in ", Scratch("key.pem", made->pem.text()),
      " -passin file:", options.passphrase_file));
  EXPECT_EQ(seen.exit_code, 0) << seen.output;
}

TEST(CaKeyTest, SaysWhatIsWrongWithAPassphrase) {
  auto made = MakeCaKey(KeyType::kEcP256, KeyStorage::kFile,
                        UnderPassphrase("correct horse"));
  ASSERT_TRUE(made.ok());
  const std::string path = Scratch("ca.key.pem", made->pem.text());
  ExpectRefused(OpenCaKey(path, UnderPassphrase("correct")).status(),
                "ca.key.pem", "is not this key's");
  ExpectRefused(OpenCaKey(path, {}).status(), "ca.key.pem", "[ca_keys]");
  CaKeyOptions missing;
  missing.passphrase_file = "/nowhere/passphrase";
  ExpectRefused(OpenCaKey(path, missing).status(), "/nowhere/passphrase",
                "No such file");
}

TEST(CaKeyTest, APassphraseIsOneLineForItsOwnersEyes) {
  struct Case {
    std::string_view content;
    mode_t mode;
    std::string_view what;  // "": taken
  };
  for (const Case& c :
       {Case{"one line", 0600, ""}, Case{"one line\n", 0400, ""},
        Case{"one line\r\n", 0640, ""},  // root:bestow
        Case{"one line\n", 0604, "open to others"},
        Case{"one line\n", 0644, "open to others"},
        Case{"one line\n", 0660, "open to others"},
        Case{"one line\n", 0602, "open to others"},
        Case{"", 0600, "holds no passphrase"},
        Case{"\n", 0600, "holds no passphrase"},
        Case{"one\ntwo\n", 0600, "is one line"},
        Case{std::string_view("one\0two", 7), 0600, "is one line"}}) {
    const auto read = ReadPassphrase(Scratch("passphrase", c.content, c.mode));
    if (c.what.empty()) {
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->text(), "one line");
    } else {
      ExpectRefused(read.status(), "/passphrase", c.what);
    }
  }
  ExpectRefused(
      ReadPassphrase(Scratch("passphrase", std::string(1025, 'p'))).status(),
      "/passphrase", "longer than 1024");
  ExpectRefused(ReadPassphrase("/dev/null").status(), "/dev/null", "no file");
}

TEST(CaKeyTest, RefusesWhatIsNoKey) {
  const auto key = SoftwareSigner::Generate();
  ASSERT_TRUE(key.ok());
  const std::string good((*key)->ToPkcs8Pem()->text());
  ASSERT_TRUE(OpenCaKey(Scratch("ca.key.pem", good), {}).ok());
  const std::string sec1 = Scratch("sec1.pem", good);
  const auto converted = testdata::RunOpenssl("ec -in " + sec1);
  for (const auto& [content, what] :
       {std::pair<std::string, std::string>("", "no PEM block"),
        {good.substr(0, good.size() / 2), ""},
        {good + good, ""},
        {converted.output.substr(converted.output.find("-----BEGIN")),
         "openssl pkcs8 -topk8"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         "is a \"CERTIFICATE\""},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", ""},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
         "-----END ENCRYPTED PRIVATE KEY-----\n",
         "malformed"},
        {"-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n"
         "-----END TSS2 PRIVATE KEY-----\n",
         ""}}) {
    ExpectRefused(OpenCaKey(Scratch("ca.key.pem", content), {}).status(),
                  "ca.key.pem", what);
  }
  ExpectRefused(OpenCaKey("/nowhere/ca.key.pem", {}).status(),
                "/nowhere/ca.key.pem", "");
}

class CaKeyTpmTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Swtpm::Start();
    ASSERT_TRUE(started.ok()) << started.status();
    swtpm_ = *std::move(started);
    options_.tpm = swtpm_->tcti();
    auto made = MakeCaKey(KeyType::kEcP256, KeyStorage::kTpm, options_);
    ASSERT_TRUE(made.ok()) << made.status();
    ExpectSigns(*made->signer);
    path_ = Scratch("ca.key.pem", made->pem.text());
  }
  // A key's thread is let go of, and may be cleaning up still.
  void TearDown() override {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (Threads() > threads_ && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_EQ(Threads(), threads_);
  }
  static long Threads() {
    std::filesystem::directory_iterator begin("/proc/self/task"), end;
    return std::distance(begin, end);
  }

  const long threads_ = Threads();

  std::unique_ptr<Swtpm> swtpm_;
  CaKeyOptions options_;
  std::string path_;
};

TEST_F(CaKeyTpmTest, AKeyInTheTpmComesBackAfterARestart) {
  EXPECT_EQ(*CaKeyStorage(path_), KeyStorage::kTpm);
  swtpm_->Stop();
  ASSERT_TRUE(swtpm_->Resume().ok());
  auto opened = OpenCaKey(path_, options_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ExpectSigns(**opened);
}

TEST_F(CaKeyTpmTest, SaysThatNoTpmAnswers) {
  swtpm_->Stop();
  ExpectRefused(OpenCaKey(path_, options_).status(), "ca.key.pem",
                "[ca_keys] tpm");
  const absl::Status making =
      MakeCaKey(KeyType::kEcP256, KeyStorage::kTpm, options_).status();
  ExpectRefused(making, "", "[ca_keys] tpm");
}

TEST_F(CaKeyTpmTest, SaysThatTheTpmHasLostTheKey) {
  // As a cleared one: its storage seed is another.
  auto other = Swtpm::Start();
  ASSERT_TRUE(other.ok());
  CaKeyOptions options;
  options.tpm = (*other)->tcti();
  ExpectRefused(OpenCaKey(path_, options).status(), "ca.key.pem", "cleared");
}

TEST_F(CaKeyTpmTest, SaysThatNoTpmMakesEd25519) {
  ExpectRefused(
      MakeCaKey(KeyType::kEd25519, KeyStorage::kTpm, options_).status(), "",
      "");
}

TEST_F(CaKeyTpmTest, IsLetGoOfWhileItSigns) {
  auto opened = OpenCaKey(path_, options_);
  ASSERT_TRUE(opened.ok());
  absl::Notification first, second;
  const auto algorithm = (*opened)->algorithm();
  for (absl::Notification* done : {&first, &second}) {
    (*opened)->Sign(algorithm, AsBytes("x"),
                    [done](absl::StatusOr<Bytes> signature) {
                      EXPECT_TRUE(signature.ok()) << signature.status();
                      done->Notify();
                    });
  }
  opened->reset();
  first.WaitForNotification();
  second.WaitForNotification();
}

}  // namespace
}  // namespace bestow::server
