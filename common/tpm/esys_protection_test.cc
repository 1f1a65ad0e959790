// Keys with passwords and PCR policies, on swtpm.
#include <stdlib.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/key_policy.h"
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

constexpr char kPassword[] = "a password of the key";
// For tests: it can be reset (PC Client profile).
constexpr int kDebugPcr = 16;

std::shared_ptr<const Secret> Password(std::string_view text) {
  return std::make_shared<const Secret>(text);
}

class EsysProtectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto swtpm = Swtpm::Start();
    ASSERT_TRUE(swtpm.ok()) << swtpm.status();
    swtpm_ = *std::move(swtpm);
    auto proxy = FaultProxy::Start(swtpm_->folder());
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    tpm_ = std::make_unique<EsysTpm>(proxy_->tcti());
  }
  void TearDown() override {
    auto handles = LoadedTpmHandles(proxy_->tcti());
    ASSERT_TRUE(handles.ok()) << handles.status();
    EXPECT_THAT(*handles, IsEmpty());
  }

  TpmKey NewKey(const KeyProtection& protection,
                KeyType type = KeyType::kEcP256) {
    auto key = tpm_->CreateKey(type, protection);
    EXPECT_TRUE(key.ok()) << key.status();
    return key.ok() ? *key : TpmKey();
  }
  absl::Status Sign(const TpmKey& key) {
    const SignatureAlgorithm algorithm =
        SignatureAlgorithmOf(ParseTpmPublic(key.public_blob)->type);
    auto signature = tpm_->Sign(key, algorithm, AsBytes("x"));
    if (!signature.ok()) return signature.status();
    der::Writer writer;
    AddSignatureAlgorithm(writer, algorithm);
    return VerifySignature(*writer.Finish(), *TpmPublicToSpki(key.public_blob),
                           AsBytes("x"), *signature);
  }
  // As a key file gives it back, with the password that is put to it.
  static TpmKey FromFile(const TpmKey& key,
                         std::shared_ptr<const Secret> auth) {
    auto back = ParseProtectedTss2KeyPem(*SerializeTss2KeyPem(key));
    EXPECT_TRUE(back.ok()) << back.status();
    TpmKey out = back.ok() ? *back : TpmKey();
    out.auth = std::move(auth);
    return out;
  }
  void Tool(const std::string& arguments) {
    const std::string command =
        absl::StrCat("tpm2_", arguments, " -Q -T ", swtpm_->tcti());
    EXPECT_EQ(system(command.c_str()), 0) << command;
  }
  void ExtendPcr() {
    Tool(absl::StrCat("pcrextend ", kDebugPcr,
                      ":sha256=", std::string(64, 'a')));
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<EsysTpm> tpm_;
};

TEST_F(EsysProtectionTest, APasswordIsNeededAndNeverCrossesTheBus) {
  for (KeyType type : {KeyType::kEcP256, KeyType::kRsa2048}) {
    SCOPED_TRACE(KeyTypeName(type));
    const TpmKey key = NewKey({.auth = Password(kPassword)}, type);
    EXPECT_TRUE(key.wants_auth);
    EXPECT_EQ(ParseTpmPublic(key.public_blob)->attributes & kNoDa, 0u);
    EXPECT_TRUE(Sign(key).ok()) << Sign(key);
    EXPECT_TRUE(Sign(FromFile(key, Password(kPassword))).ok());
    EXPECT_EQ(TpmActionOf(Sign(FromFile(key, nullptr))), TpmAction::kWrongAuth);
    const absl::Status wrong = Sign(FromFile(key, Password("another")));
    EXPECT_EQ(TpmActionOf(wrong), TpmAction::kWrongAuth) << wrong;
    EXPECT_TRUE(Sign(key).ok());
  }
  const std::string traffic = proxy_->traffic();
  // The watch works.
  EXPECT_GT(traffic.size(), 1000u);
  EXPECT_FALSE(absl::StrContains(traffic, kPassword));
  EXPECT_FALSE(absl::StrContains(traffic, "another"));
}

// The digest that is signed and the private part are no secrets by themselves;
// that they don't show says that every command that could be encrypted was.
TEST_F(EsysProtectionTest, AListenerOnTheBusSeesNeitherDigestsNorBlobs) {
  const TpmKey key = NewKey({});
  EXPECT_TRUE(Sign(key).ok());
  const std::string traffic = proxy_->traffic();
  const Sha256Digest digest = Sha256(AsBytes("x"));
  EXPECT_TRUE(
      absl::StrContains(traffic, AsText(ByteView(key.public_blob).subspan(2))));
  EXPECT_FALSE(absl::StrContains(traffic, AsText(digest)));
  EXPECT_FALSE(absl::StrContains(
      traffic, AsText(ByteView(key.private_blob).subspan(2))));
}

TEST_F(EsysProtectionTest, WrongPasswordsLeadToTheLockoutUnlessTheyDoNotCount) {
  const TpmKey counted = NewKey({.auth = Password(kPassword)});
  const TpmKey free = NewKey({.auth = Password(kPassword), .no_da = true});
  EXPECT_NE(ParseTpmPublic(free.public_blob)->attributes & kNoDa, 0u);
  Tool("dictionarylockout -s -n 2 -t 600 -l 600");
  for (const char* wrong : {"1", "2", "3"}) {
    EXPECT_EQ(TpmActionOf(Sign(FromFile(free, Password(wrong)))),
              TpmAction::kWrongAuth);
  }
  EXPECT_TRUE(Sign(counted).ok());
  for (const char* wrong : {"1", "2"}) {
    EXPECT_EQ(TpmActionOf(Sign(FromFile(counted, Password(wrong)))),
              TpmAction::kWrongAuth);
  }
  const absl::Status locked = Sign(counted);
  EXPECT_EQ(TpmActionOf(locked), TpmAction::kLockedOut) << locked;
  EXPECT_EQ(TpmRetryAfterOf(locked), absl::Seconds(600));
  EXPECT_THAT(std::string(locked.message()), HasSubstr("600 seconds"));
  EXPECT_TRUE(Sign(free).ok());
  Tool("dictionarylockout -c");
  EXPECT_TRUE(Sign(counted).ok());
}

TEST_F(EsysProtectionTest, ARefusedPasswordIsNotTriedAgain) {
  const TpmKey key = NewKey({.auth = Password(kPassword)});
  const TpmKey wrong = FromFile(key, Password("another"));
  EXPECT_EQ(TpmActionOf(Sign(wrong)), TpmAction::kWrongAuth);
  proxy_->Forget();
  EXPECT_EQ(TpmActionOf(Sign(wrong)), TpmAction::kWrongAuth);
  EXPECT_THAT(proxy_->commands(), IsEmpty());
  EXPECT_TRUE(Sign(key).ok());
}

TEST_F(EsysProtectionTest, AKeyIsBoundToPcrs) {
  for (std::shared_ptr<const Secret> auth :
       {std::shared_ptr<const Secret>(), Password(kPassword)}) {
    const TpmKey key = NewKey({.auth = auth, .pcrs = {0, 7, kDebugPcr}});
    ASSERT_TRUE(key.pcr_policy.has_value());
    const TpmPublic pub = *ParseTpmPublic(key.public_blob);
    EXPECT_EQ(pub.attributes & kUserWithAuth, 0u);
    EXPECT_EQ(pub.policy, PolicyDigest(*key.pcr_policy, auth != nullptr));
    EXPECT_TRUE(Sign(key).ok()) << Sign(key);
    EXPECT_TRUE(Sign(FromFile(key, auth)).ok());
    EXPECT_TRUE(tpm_->CheckKey(key).ok());
    ExtendPcr();
    for (const absl::Status& status : {Sign(key), tpm_->CheckKey(key)}) {
      EXPECT_EQ(TpmActionOf(status), TpmAction::kKeyLost) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("sha256:0,7,16"));
    }
    // A new one is bound to what is now.
    EXPECT_TRUE(Sign(NewKey({.auth = auth, .pcrs = {kDebugPcr}})).ok());
    Tool(absl::StrCat("pcrreset ", kDebugPcr));
    EXPECT_TRUE(Sign(key).ok());
    if (auth == nullptr) continue;
    EXPECT_EQ(TpmActionOf(Sign(FromFile(key, Password("another")))),
              TpmAction::kWrongAuth);
  }
  EXPECT_FALSE(absl::StrContains(proxy_->traffic(), kPassword));
}

TEST_F(EsysProtectionTest, MoreThanEightPcrsAndRsa) {
  std::vector<int> pcrs;
  for (int pcr = 0; pcr <= kLastPcr; ++pcr) pcrs.push_back(pcr);
  const TpmKey key = NewKey({.auth = nullptr, .pcrs = pcrs}, KeyType::kRsa2048);
  EXPECT_TRUE(Sign(key).ok()) << Sign(key);
  auto pss = tpm_->Sign(key, SignatureAlgorithm::kRsaPssSha256, AsBytes("x"));
  EXPECT_TRUE(pss.ok()) << pss.status();
}

TEST_F(EsysProtectionTest, RefusesWhatNoTpmTakes) {
  for (const KeyProtection& wrong :
       std::vector<KeyProtection>{{.auth = Password("")},
                                  {.auth = Password(std::string(33, 'x'))},
                                  {.auth = Password(std::string("x\0", 2))},
                                  {.pcrs = {24}},
                                  {.pcrs = {-1}},
                                  {.pcrs = {7, 7}},
                                  {.pcrs = {7, 0}}}) {
    EXPECT_EQ(tpm_->CreateKey(KeyType::kEcP256, wrong).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(
      Sign(NewKey({.auth = Password(std::string(kMaxAuthBytes, 'x'))})).ok());
}

TEST_F(EsysProtectionTest, OpensslAsksForThePassword) {
  const TpmKey key = NewKey({.auth = Password(kPassword)});
  const std::string folder = swtpm_->folder();
  ASSERT_TRUE(WriteFileAtomically(folder + "/key.pem",
                                  AsBytes(*SerializeTss2KeyPem(key)), 0600)
                  .ok());
  ASSERT_TRUE(
      WriteFileAtomically(folder + "/message", AsBytes("x"), 0600).ok());
  ASSERT_EQ(setenv("TPM2OPENSSL_TCTI", swtpm_->tcti().c_str(), 1), 0);
  auto sign = [&](const std::string& password) {
    const std::string command = absl::StrCat(
        "openssl pkeyutl -sign -rawin -digest sha256 -provider tpm2 -provider "
        "default -propquery '?provider=tpm2' -inkey ",
        folder, "/key.pem -passin 'pass:", password, "' -in ", folder,
        "/message -out ", folder, "/signature");
    return system(command.c_str());
  };
  EXPECT_EQ(sign(kPassword), 0);
  EXPECT_NE(sign("another"), 0);
}

}  // namespace
}  // namespace bestow
