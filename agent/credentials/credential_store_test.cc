#include "agent/credentials/credential_store.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "common/crypto/signer.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A self-signed certificate for a key of a fake TPM.
Credential MakeCredential(const std::string& name) {
  FakeTpm tpm;
  Credential credential;
  credential.key = *tpm.CreateKey(KeyType::kEcP256);
  CertificateTemplate contents;
  contents.serial = {0x17};
  contents.issuer = contents.subject = *Name::FromCommonName(name);
  contents.not_before = absl::FromUnixSeconds(1'800'000'000);
  contents.not_after = absl::FromUnixSeconds(1'900'000'000);
  contents.spki = *TpmPublicToSpki(credential.key.public_blob);
  constexpr auto kAlgorithm = SignatureAlgorithm::kEcdsaP256Sha256;
  Bytes tbs = *SerializeTbsCertificateDer(contents, kAlgorithm);
  credential.certificate = *ParseCertificateDer(*AssembleCertificateDer(
      tbs, kAlgorithm, *tpm.Sign(credential.key, kAlgorithm, tbs)));
  credential.obtained_at = absl::FromUnixSeconds(1'800'000'060);
  credential.renewal_draw = 0.25;
  return credential;
}

class CredentialStoreTest : public ::testing::Test {
 protected:
  CredentialStoreTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    fs::remove_all(folder_);
  }
  ~CredentialStoreTest() override { SetFailpointHandler(nullptr); }

  std::unique_ptr<CredentialStore> Open() {
    auto store = CredentialStore::Open(folder_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  // Names in the folder that a finished write does not leave.
  std::vector<std::string> Leftovers() {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      if (name.find(".tmp.") != name.npos || name.find(".new") != name.npos) {
        names.push_back(entry.path().string());
      }
    }
    return names;
  }

  std::string folder_;
};

TEST_F(CredentialStoreTest, StartsEmpty) {
  auto store = Open();
  EXPECT_EQ(*store->Current(), std::nullopt);
  EXPECT_EQ(*store->PendingKey(), std::nullopt);
  EXPECT_TRUE(store->CaCerts("x")->empty());
}

TEST_F(CredentialStoreTest, KeepsACredentialWithItsChain) {
  Credential credential = MakeCredential("gw-17");
  credential.chain = {MakeCredential("issuer").certificate,
                      MakeCredential("upper").certificate};
  ASSERT_TRUE(Open()->Save(credential).ok());
  EXPECT_EQ(*Open()->Current(), credential);
  EXPECT_EQ(*CredentialReader(folder_).Current(), credential);
}

TEST_F(CredentialStoreTest, FilesAreForTheirOwnerAlone) {
  auto store = Open();
  ASSERT_TRUE(store->SavePendingKey(MakeCredential("x").key).ok());
  struct stat st;
  ASSERT_EQ(stat((folder_ + "/pending/key.pem").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  ASSERT_TRUE(store->Save(MakeCredential("x")).ok());
  ASSERT_EQ(stat((folder_ + "/current/key.pem").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  ASSERT_EQ(stat(folder_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
}

TEST_F(CredentialStoreTest, APendingKeyOutlivesARestart) {
  const TpmKey key = MakeCredential("x").key;
  ASSERT_TRUE(Open()->SavePendingKey(key).ok());
  EXPECT_EQ(*Open()->PendingKey(), key);
  ASSERT_TRUE(Open()->DropPending().ok());
  EXPECT_EQ(*Open()->PendingKey(), std::nullopt);
}

TEST_F(CredentialStoreTest, SavingDropsThePendingKeyAndOldGenerations) {
  auto store = Open();
  Credential last;
  for (int i = 0; i < 5; ++i) {
    last = MakeCredential(absl::StrCat("gw-", i));
    ASSERT_TRUE(store->SavePendingKey(last.key).ok());
    ASSERT_TRUE(store->Save(last).ok());
    EXPECT_EQ(*store->PendingKey(), std::nullopt);
  }
  EXPECT_EQ(*store->Current(), last);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ + "/generations"),
                          fs::directory_iterator()),
            2);
}

TEST_F(CredentialStoreTest, SaysWhichFolderCantBeWritten) {
  for (std::string folder : {"/proc/bestow-agent", "/dev/null/state"}) {
    auto store = CredentialStore::Open(folder);
    ASSERT_FALSE(store.ok());
    EXPECT_THAT(std::string(store.status().message()), HasSubstr(folder));
  }
}

TEST_F(CredentialStoreTest, NamesTheDamagedFile) {
  ASSERT_TRUE(Open()->Save(MakeCredential("x")).ok());
  for (std::string name : {"key.pem", "cert.pem", "chain.pem", "meta.toml"}) {
    const std::string path = folder_ + "/current/" + name;
    const std::string whole = *ReadFile(path, 1 << 20);
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes("x = "), 0600).ok());
    auto current = Open()->Current();
    EXPECT_EQ(current.status().code(), absl::StatusCode::kDataLoss) << name;
    EXPECT_THAT(std::string(current.status().message()), HasSubstr(name));
    ASSERT_TRUE(WriteFileAtomically(path, AsBytes(whole), 0600).ok());
  }
  // Another key's certificate.
  ASSERT_TRUE(WriteFileAtomically(folder_ + "/current/cert.pem",
                                  AsBytes(SerializeCertificatePem(
                                      MakeCredential("y").certificate.der)),
                                  0644)
                  .ok());
  EXPECT_EQ(Open()->Current().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(CredentialStoreTest, KeepsTheCaCertificates) {
  const std::vector<Certificate> certificates = {
      MakeCredential("a").certificate, MakeCredential("b").certificate};
  ASSERT_TRUE(Open()->SaveCaCerts("pin ab", certificates).ok());
  EXPECT_EQ(*Open()->CaCerts("pin ab"), certificates);
  EXPECT_TRUE(Open()->CaCerts("pin a")->empty());
  EXPECT_TRUE(Open()->CaCerts("pin abc")->empty());
  // What could not be read again is not written.
  const std::vector<Certificate> too_many(65, certificates[0]);
  EXPECT_EQ(Open()->SaveCaCerts("pin ab", too_many).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*Open()->CaCerts("pin ab"), certificates);
}

TEST_F(CredentialStoreTest, SavesNothingThatItWouldNotReadBack) {
  auto store = Open();
  Credential credential = MakeCredential("gw-17");
  credential.chain.assign(16, MakeCredential("issuer").certificate);
  ASSERT_TRUE(store->Save(credential).ok());
  EXPECT_EQ(*store->Current(), credential);

  Credential too_many = credential;
  too_many.chain.push_back(too_many.chain[0]);
  Credential long_chain = credential;
  long_chain.chain.resize(1);
  long_chain.chain[0].der.resize(200'000);  // 270,833 bytes of PEM
  Credential long_certificate = credential;
  long_certificate.certificate.der.resize(200'000);
  for (const Credential& refused : {too_many, long_chain, long_certificate}) {
    EXPECT_EQ(store->Save(refused).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(*store->Current(), credential);
  }
  store.reset();
  EXPECT_EQ(*Open()->Current(), credential);
  EXPECT_THAT(Leftovers(), ::testing::IsEmpty());
}

TEST_F(CredentialStoreTest, ClearsNothingWhenTheLinkCantBeRead) {
  const Credential credential = MakeCredential("gw-17");
  ASSERT_TRUE(Open()->Save(credential).ok());
  const std::string link = folder_ + "/current";
  const fs::path target = fs::read_symlink(link);
  // Not a link; a link to no generation.
  fs::remove(link);
  fs::create_directory(link);
  EXPECT_FALSE(Open()->Current().ok());
  fs::remove(link);
  fs::create_symlink("generations/x", link);
  EXPECT_FALSE(Open()->Current().ok());
  fs::remove(link);
  fs::create_symlink(target, link);
  EXPECT_EQ(*Open()->Current(), credential);
  // None at all: nothing was ever in use.
  fs::remove(link);
  EXPECT_EQ(*Open()->Current(), std::nullopt);
  EXPECT_TRUE(fs::is_empty(folder_ + "/generations"));
}

// Every step of a save fails once: the old or the new credential is there, a
// second try succeeds in the same process.
TEST_F(CredentialStoreTest, EveryStepMayFail) {
  const Credential old_one = MakeCredential("old");
  const Credential new_one = MakeCredential("new");
  int at = 1;
  for (;; ++at) {
    ASSERT_LT(at, 200);
    fs::remove_all(folder_);
    auto store = Open();
    ASSERT_TRUE(store->Save(old_one).ok());
    ASSERT_TRUE(store->SavePendingKey(new_one.key).ok());
    FailAtPass(at, /*die=*/false);
    const absl::Status status = store->Save(new_one);
    SetFailpointHandler(nullptr);
    auto current = store->Current();
    ASSERT_TRUE(current.ok()) << "step " << at << ": " << current.status();
    EXPECT_EQ(**current, status.ok() ? new_one : old_one) << "step " << at;
    if (!status.ok()) {
      EXPECT_EQ(*store->PendingKey(), new_one.key) << "step " << at;
    }
    ASSERT_TRUE(store->Save(new_one).ok()) << "step " << at;
    EXPECT_EQ(**store->Current(), new_one);
    store.reset();
    store = Open();
    EXPECT_EQ(**store->Current(), new_one);
    EXPECT_THAT(Leftovers(), ::testing::IsEmpty()) << "step " << at;
    if (PassedFailpoints() < at) break;
  }
  EXPECT_GT(at, 15);  // it went through all of them
}

// The process ends at every step: after a restart the old or the new one is
// there, whole, and the pending key exactly when it is the old.
TEST_F(CredentialStoreTest, TheProcessMayEndAtEveryStep) {
  const Credential old_one = MakeCredential("old");
  const Credential new_one = MakeCredential("new");
  bool seen_old = false, seen_new = false;
  for (int at = 1;; ++at) {
    ASSERT_LT(at, 200);
    fs::remove_all(folder_);
    ASSERT_TRUE(Open()->Save(old_one).ok());
    const pid_t child = fork();
    if (child == 0) {
      auto store = CredentialStore::Open(folder_);
      if (!store.ok() || !(*store)->SavePendingKey(new_one.key).ok()) _exit(1);
      FailAtPass(at, /*die=*/true);
      _exit((*store)->Save(new_one).ok() ? 0 : 1);
    }
    int wait_status = 0;
    ASSERT_EQ(waitpid(child, &wait_status, 0), child);
    ASSERT_TRUE(WIFEXITED(wait_status));
    auto store = Open();
    ASSERT_NE(store, nullptr);
    auto current = store->Current();
    ASSERT_TRUE(current.ok() && current->has_value()) << "step " << at;
    EXPECT_TRUE(**current == old_one || **current == new_one);
    const bool is_new = **current == new_one;
    (is_new ? seen_new : seen_old) = true;
    EXPECT_EQ(store->PendingKey()->has_value(), !is_new) << "step " << at;
    EXPECT_THAT(Leftovers(), ::testing::IsEmpty()) << "step " << at;
    ASSERT_TRUE(store->Save(new_one).ok());
    EXPECT_EQ(**store->Current(), new_one);
    if (WEXITSTATUS(wait_status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(wait_status), kEndedAtFailpoint);
  }
  EXPECT_TRUE(seen_old && seen_new);
}

}  // namespace
}  // namespace bestow::agent
