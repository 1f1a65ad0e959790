// Which storage root a key has, and what follows when that is gone.
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/testing/fault_proxy.h"
#include "common/tpm/testing/swtpm.h"
#include "common/tpm/testing/tpm_handles.h"
#include "common/tpm/tpm_public.h"
#include "common/tpm/tss2_key_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr SignatureAlgorithm kEcdsa = SignatureAlgorithm::kEcdsaP256Sha256;
constexpr uint32_t kHandle = 0x81000001;
// TCG's template for an SRK, by tpm2-tools.
constexpr char kStorageKey[] =
    "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|"
    "decrypt";

absl::Status Verify(const TpmKey& key, ByteView signature) {
  der::Writer writer;
  AddSignatureAlgorithm(writer, kEcdsa);
  return VerifySignature(*writer.Finish(), *TpmPublicToSpki(key.public_blob),
                         AsBytes("x"), signature);
}

class EsysRootTest : public ::testing::Test {
 protected:
  void SetUp() override { swtpm_ = NewSwtpm(); }

  static std::unique_ptr<Swtpm> NewSwtpm() {
    auto swtpm = Swtpm::Start();
    EXPECT_TRUE(swtpm.ok()) << swtpm.status();
    return *std::move(swtpm);
  }
  EsysTpm Tpm(uint32_t parent) {
    return EsysTpm(EsysTpmOptions{.tcti = swtpm_->tcti(), .parent = parent});
  }
  void Tool(const std::string& tool, const std::string& arguments) {
    const std::string command =
        absl::StrCat("tpm2_", tool, " -Q -T ", swtpm_->tcti(), " ", arguments);
    EXPECT_EQ(system(command.c_str()), 0) << command;
  }
  // As a platform does in the factory.
  void Provision(const std::string& algorithm, const std::string& attributes) {
    const std::string context = absl::StrCat(swtpm_->folder(), "/primary.ctx");
    Tool("createprimary", absl::StrCat("-C o -g sha256 -G ", algorithm, " -a '",
                                       attributes, "' -c ", context));
    Tool("flushcontext", "-t");
    Tool("evictcontrol",
         absl::StrCat("-C o -c ", context, " 0x", absl::Hex(kHandle)));
    Tool("flushcontext", "-t");
  }
  void ExpectSigns(uint32_t configured_parent, const TpmKey& key) {
    auto signature = Tpm(configured_parent).Sign(key, kEcdsa, AsBytes("x"));
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(Verify(key, *signature).ok());
  }
  TpmKey NewKey(uint32_t parent) {
    auto key = Tpm(parent).CreateKey(KeyType::kEcP256);
    EXPECT_TRUE(key.ok()) << key.status();
    return key.ok() ? *key : TpmKey();
  }
  void ExpectLost(const absl::Status& status) {
    EXPECT_EQ(TpmActionOf(status), TpmAction::kKeyLost) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("cleared or replaced"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("enrolled again"));
  }

  std::unique_ptr<Swtpm> swtpm_;
};

TEST_F(EsysRootTest, KeysOfBothRootsLoadWhateverTheConfigSaysNow) {
  Provision("ecc:aes128cfb", kStorageKey);
  const TpmKey provisioned = NewKey(kHandle);
  const TpmKey derived = NewKey(kParentOwner);
  EXPECT_EQ(provisioned.parent, kHandle);
  EXPECT_EQ(derived.parent, kParentOwner);
  for (const TpmKey& key : {provisioned, derived}) {
    EXPECT_FALSE(key.parent_name.empty());
    // As a key file carries it.
    auto back = ParseTss2KeyPem(*SerializeTss2KeyPem(key));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->parent, key.parent);
    for (uint32_t configured : {kParentOwner, kHandle}) {
      ExpectSigns(configured, key);
      ExpectSigns(configured, *back);
    }
  }
  auto handles = LoadedTpmHandles(swtpm_->tcti());
  ASSERT_TRUE(handles.ok());
  EXPECT_THAT(*handles, IsEmpty());
}

TEST_F(EsysRootTest, SecretsAreSealedUnderTheProvisionedRoot) {
  Provision("ecc:aes128cfb", kStorageKey);
  auto blob = Tpm(kHandle).Seal(Secret("secret"));
  ASSERT_TRUE(blob.ok()) << blob.status();
  EXPECT_EQ(blob->parent, kHandle);
  auto secret = Tpm(kParentOwner).Unseal(*blob);
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_EQ(secret->text(), "secret");
}

TEST_F(EsysRootTest, AnRsaRootServesToo) {
  Provision("rsa2048:aes128cfb", kStorageKey);
  ExpectSigns(kHandle, NewKey(kHandle));
}

TEST_F(EsysRootTest, OpensslUsesAKeyOfTheProvisionedRoot) {
  Provision("ecc:aes128cfb", kStorageKey);
  const TpmKey key = NewKey(kHandle);
  const std::string folder = swtpm_->folder();
  ASSERT_TRUE(WriteFileAtomically(folder + "/key.pem",
                                  AsBytes(*SerializeTss2KeyPem(key)), 0600)
                  .ok());
  ASSERT_TRUE(
      WriteFileAtomically(folder + "/message", AsBytes("x"), 0600).ok());
  ASSERT_EQ(setenv("TPM2OPENSSL_TCTI", swtpm_->tcti().c_str(), 1), 0);
  const std::string command = absl::StrCat(
      "openssl dgst -sha256 -provider tpm2 -provider default -propquery "
      "'?provider=tpm2' -sign ",
      folder, "/key.pem -out ", folder, "/signature ", folder, "/message");
  ASSERT_EQ(system(command.c_str()), 0) << command;
  auto signature = ReadFile(folder + "/signature", 1024);
  ASSERT_TRUE(signature.ok()) << signature.status();
  EXPECT_TRUE(Verify(key, AsBytes(*signature)).ok());
}

TEST_F(EsysRootTest, ARootThatIsNoStorageKeyOfThisTpmIsRefused) {
  const struct {
    const char* algorithm;
    const char* attributes;
  } kCases[] = {
      // Could be duplicated to another TPM, and all below it.
      {"ecc:aes128cfb",
       "sensitivedataorigin|userwithauth|noda|restricted|decrypt"},
      // Signs.
      {"ecc256:ecdsa-sha256:null",
       "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|"
       "sign"},
      // Decrypts what it is given.
      {"ecc", "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.attributes);
    swtpm_ = NewSwtpm();
    Provision(c.algorithm, c.attributes);
    const absl::Status status = Tpm(kHandle).Check();
    EXPECT_EQ(TpmActionOf(status), TpmAction::kNoRoot) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no storage root"));
  }
}

TEST_F(EsysRootTest, ARootThatIsNotThereIsSaid) {
  const absl::Status status = Tpm(kHandle).Check();
  EXPECT_EQ(TpmActionOf(status), TpmAction::kNoRoot) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("0x81000001"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("tpm2_evictcontrol"));
  for (uint32_t no_parent :
       {0x40000007u, 0x4000000Bu, 0x81800000u, 0x01C00002u, 0x80000000u}) {
    EXPECT_EQ(TpmActionOf(Tpm(no_parent).Check()), TpmAction::kGiveUp);
  }
}

TEST_F(EsysRootTest, AnOwnerPasswordIsSaidAndAProvisionedRootNeedsNone) {
  Provision("ecc:aes128cfb", kStorageKey);
  Tool("changeauth", "-c owner secret");
  const absl::Status status = Tpm(kParentOwner).Check();
  EXPECT_EQ(TpmActionOf(status), TpmAction::kNoRoot) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("tpm.parent"));
  ExpectSigns(kHandle, NewKey(kHandle));
}

TEST_F(EsysRootTest, AClearedTpmIsRecognised) {
  const TpmKey key = NewKey(kParentOwner);
  ExpectSigns(kParentOwner, key);
  Tool("clear", "");
  ExpectLost(Tpm(kParentOwner).CheckKey(key));
  ExpectLost(Tpm(kParentOwner).Sign(key, kEcdsa, AsBytes("x")).status());
  // A key whose root's name nobody wrote down is lost as well.
  TpmKey without = key;
  without.parent_name.clear();
  EXPECT_EQ(TpmActionOf(Tpm(kParentOwner).CheckKey(without)),
            TpmAction::kKeyLost);
  ExpectSigns(kParentOwner, NewKey(kParentOwner));
}

TEST_F(EsysRootTest, ATpmWhoseStateIsWipedIsRecognised) {
  const TpmKey key = NewKey(kParentOwner);
  swtpm_->Stop();
  for (const auto& entry :
       std::filesystem::directory_iterator(swtpm_->folder())) {
    std::filesystem::remove_all(entry.path());
  }
  ASSERT_TRUE(swtpm_->Resume().ok());
  ExpectLost(Tpm(kParentOwner).CheckKey(key));
}

TEST_F(EsysRootTest, AnotherTpmIsRecognised) {
  const TpmKey key = NewKey(kParentOwner);
  const std::unique_ptr<Swtpm> first = std::move(swtpm_);
  swtpm_ = NewSwtpm();
  ExpectLost(Tpm(kParentOwner).CheckKey(key));
  EXPECT_TRUE(EsysTpm(first->tcti()).CheckKey(key).ok());
}

// Until the platform provisions it again, which says more: the same root comes
// back from the same seed, another one from another.
TEST_F(EsysRootTest, AProvisionedRootThatIsGoneIsNotYetALostKey) {
  Provision("ecc:aes128cfb", kStorageKey);
  const TpmKey key = NewKey(kHandle);
  Tool("evictcontrol", absl::StrCat("-C o -c 0x", absl::Hex(kHandle)));
  EXPECT_EQ(TpmActionOf(Tpm(kHandle).CheckKey(key)), TpmAction::kNoRoot);
  Provision("ecc:aes128cfb", kStorageKey);
  ExpectSigns(kHandle, key);
  Tool("clear", "");
  EXPECT_EQ(TpmActionOf(Tpm(kHandle).CheckKey(key)), TpmAction::kNoRoot);
  // Who has gone on to the template does not wait for it.
  EXPECT_EQ(TpmActionOf(Tpm(kParentOwner).CheckKey(key)), TpmAction::kKeyLost);
  Provision("ecc:aes128cfb", kStorageKey);
  ExpectLost(Tpm(kHandle).CheckKey(key));
}

TEST_F(EsysRootTest, ABusyTpmHasLostNothing) {
  const TpmKey key = NewKey(kParentOwner);
  auto proxy = FaultProxy::Start(swtpm_->folder());
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  EsysTpm tpm(EsysTpmOptions{.tcti = (*proxy)->tcti(),
                             .retry = {.total = absl::ZeroDuration()}});
  (*proxy)->Inject({.times = TpmFault::kForEver, .code = 0x922});  // RETRY
  EXPECT_EQ(TpmActionOf(tpm.CheckKey(key)), TpmAction::kRetry);
  (*proxy)->Mend();
  (*proxy)->Vanish();
  EXPECT_EQ(TpmActionOf(tpm.CheckKey(key)), TpmAction::kUnreachable);
  (*proxy)->Return();
  EXPECT_TRUE(tpm.CheckKey(key).ok());
}

}  // namespace
}  // namespace bestow
