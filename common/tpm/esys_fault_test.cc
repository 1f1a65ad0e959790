// EsysTpm in front of a TPM that goes wrong: whatever a command meets, the
// call ends, says what to do, and leaves nothing in the TPM.
#include <tss2/tss2_tpm2_types.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/testing/fault_proxy.h"
#include "common/tpm/testing/swtpm.h"
#include "common/tpm/testing/tpm_handles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = TpmFault::Kind;

constexpr SignatureAlgorithm kEcdsa = SignatureAlgorithm::kEcdsaP256Sha256;
// More than ESYS sends by itself.
constexpr int kOften = 8;
// Nobody sleeps here, but ESYS sends much in between.
constexpr absl::Duration kPatience = absl::Milliseconds(500);

class EsysFaultTest : public ::testing::Test {
 protected:
  struct Call {
    const char* name;
    std::function<absl::Status(Tpm&)> run;
  };

  void SetUp() override {
    auto swtpm = Swtpm::Start();
    ASSERT_TRUE(swtpm.ok()) << swtpm.status();
    swtpm_ = *std::move(swtpm);
    auto proxy = FaultProxy::Start(swtpm_->folder());
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    tpm_ = NewTpm();
    auto key = tpm_->CreateKey(KeyType::kEcP256);
    ASSERT_TRUE(key.ok()) << key.status();
    key_ = *std::move(key);
    auto blob = tpm_->Seal(Secret("sealed"));
    ASSERT_TRUE(blob.ok()) << blob.status();
    blob_ = *std::move(blob);
  }

  std::unique_ptr<EsysTpm> NewTpm() {
    return std::make_unique<EsysTpm>(EsysTpmOptions{
        .tcti = proxy_->tcti(),
        .retry = {.total = kPatience, .sleep = [this](absl::Duration pause) {
                    pauses_.push_back(pause);
                  }}});
  }

  // Seal() sends what CreateKey() does, Check() a part of it.
  std::vector<Call> Calls() {
    return {
        {"CreateKey",
         [](Tpm& tpm) { return tpm.CreateKey(KeyType::kEcP256).status(); }},
        {"Sign",
         [this](Tpm& tpm) {
           return tpm.Sign(key_, kEcdsa, AsBytes("x")).status();
         }},
        {"Unseal", [this](Tpm& tpm) { return tpm.Unseal(blob_).status(); }}};
  }
  absl::Status Sign() {
    return tpm_->Sign(key_, kEcdsa, AsBytes("x")).status();
  }

  // What it sends when nothing is wrong.
  std::vector<uint32_t> CommandsOf(const Call& call) {
    EXPECT_TRUE(tpm_->Check().ok());  // nothing is left from before
    proxy_->Forget();
    EXPECT_TRUE(call.run(*tpm_).ok());
    return proxy_->commands();
  }
  std::vector<uint32_t> Handles() {
    auto handles = LoadedTpmHandles(proxy_->tcti());
    EXPECT_TRUE(handles.ok()) << handles.status();
    return handles.ok() ? *handles : std::vector<uint32_t>{1};
  }
  // The fault is over: the next call succeeds, and nothing stays behind.
  void ExpectWhole() {
    proxy_->Mend();
    proxy_->Return();
    const absl::Status status = Sign();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_THAT(Handles(), IsEmpty());
  }
  absl::Duration Slept() const {
    absl::Duration sum;
    for (absl::Duration pause : pauses_) sum += pause;
    return sum;
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<FaultProxy> proxy_;
  std::vector<absl::Duration> pauses_;
  std::unique_ptr<EsysTpm> tpm_;
  TpmKey key_;
  SealedBlob blob_;
};

TEST_F(EsysFaultTest, AnyCommandMayBeBusyForAWhile) {
  for (const Call& call : Calls()) {
    const std::vector<uint32_t> commands = CommandsOf(call);
    ASSERT_FALSE(commands.empty());
    for (int i = 0; i < commands.size(); ++i) {
      SCOPED_TRACE(absl::StrCat(call.name, " command ", i));
      for (int times : {1, kOften}) {
        pauses_.clear();
        proxy_->Inject({.skip = i, .times = times, .code = TPM2_RC_RETRY});
        const absl::Status status = call.run(*tpm_);
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_EQ(pauses_.empty(), times == 1);
      }
      EXPECT_THAT(Handles(), IsEmpty());
    }
  }
}

TEST_F(EsysFaultTest, AnyCommandMayBeBusyForEver) {
  for (const Call& call : Calls()) {
    const std::vector<uint32_t> commands = CommandsOf(call);
    int last_work = 0;
    for (int i = 0; i < commands.size(); ++i) {
      if (commands[i] != TPM2_CC_FlushContext) last_work = i;
    }
    for (int i = 0; i < commands.size(); ++i) {
      SCOPED_TRACE(absl::StrCat(call.name, " command ", i));
      pauses_.clear();
      proxy_->Inject(
          {.skip = i, .times = TpmFault::kForEver, .code = TPM2_RC_RETRY});
      const absl::Status status = call.run(*tpm_);
      if (i > last_work) {
        EXPECT_TRUE(status.ok()) << status;  // what was wanted was done before
      } else {
        EXPECT_EQ(TpmActionOf(status), TpmAction::kRetry) << status;
      }
      EXPECT_LE(Slept(), kPatience);
      EXPECT_GE(Slept(), kPatience / 2);
      ExpectWhole();
    }
  }
}

TEST_F(EsysFaultTest, AnyAnswerMayComeLate) {
  for (const Call& call : Calls()) {
    const size_t count = CommandsOf(call).size();
    for (int i = 0; i < count; ++i) {
      SCOPED_TRACE(absl::StrCat(call.name, " command ", i));
      proxy_->Inject(
          {.kind = Kind::kLate, .skip = i, .delay = absl::Milliseconds(10)});
      const absl::Status status = call.run(*tpm_);
      EXPECT_TRUE(status.ok()) << status;
    }
    EXPECT_THAT(Handles(), IsEmpty());
  }
}

TEST_F(EsysFaultTest, TheTpmMayVanishAtAnyCommand) {
  for (const Call& call : Calls()) {
    const std::vector<uint32_t> commands = CommandsOf(call);
    for (int i = 0; i < commands.size(); ++i) {
      for (Kind kind : {Kind::kReplyLost, Kind::kVanish}) {
        SCOPED_TRACE(absl::StrCat(call.name, " command ", i, " fault ",
                                  static_cast<int>(kind)));
        proxy_->Inject({.kind = kind, .skip = i});
        absl::Status status = call.run(*tpm_);
        // What was wanted may have been done before a flush.
        if (commands[i] != TPM2_CC_FlushContext || !status.ok()) {
          EXPECT_EQ(TpmActionOf(status), TpmAction::kUnreachable) << status;
        }
        if (kind == Kind::kVanish) {
          EXPECT_EQ(TpmActionOf(tpm_->Check()), TpmAction::kUnreachable);
        }
        proxy_->Return();
        status = call.run(*tpm_);
        EXPECT_TRUE(status.ok()) << status;
      }
    }
    EXPECT_THAT(Handles(), IsEmpty());
  }
}

TEST_F(EsysFaultTest, NothingIsLeftAfterAHundredRoundsOfFaults) {
  constexpr Kind kKinds[] = {Kind::kCode,        Kind::kLost,
                             Kind::kReplyLost,   Kind::kVanish,
                             Kind::kReplyVanish, Kind::kDamaged};
  constexpr uint32_t kCodes[] = {TPM2_RC_RETRY,         TPM2_RC_NV_RATE,
                                 TPM2_RC_OBJECT_MEMORY, TPM2_RC_LOCKOUT,
                                 TPM2_RC_REFERENCE_H0,  TPM2_RC_FAILURE,
                                 TPM2_RC_SESSION_MEMORY};
  std::mt19937 random(5);
  const std::vector<Call> calls = Calls();
  for (int round = 0; round < 100; ++round) {
    proxy_->Inject({.kind = kKinds[random() % std::size(kKinds)],
                    .skip = static_cast<int>(random() % 8),
                    .times = static_cast<int>(1 + random() % 3),
                    .code = kCodes[random() % std::size(kCodes)]});
    // Some faults hit the next call.
    calls[random() % calls.size()].run(*tpm_).IgnoreError();
    calls[random() % calls.size()].run(*tpm_).IgnoreError();
    proxy_->Mend();
    proxy_->Return();
    if (round % 10 == 9) ExpectWhole();
  }
}

// A process that was killed flushed nothing. The next one does, and touches
// nothing of others.
TEST_F(EsysFaultTest, AFreshProcessFlushesWhatAKilledOneLeft) {
  ASSERT_TRUE(LeaveForeignObject(proxy_->tcti()).ok());
  {
    auto esys = EsysSession::Open(proxy_->tcti());
    ASSERT_TRUE(esys.ok()) << esys.status();
    auto primary = (*esys)->CreatePrimary();
    ASSERT_TRUE(primary.ok()) << primary.status();
    auto session = (*esys)->StartSession(*primary);
    ASSERT_TRUE(session.ok()) << session.status();
    auto loaded = (*esys)->Load(*primary, *session, key_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    for (TpmHandle* handle : {&*primary, &*session, &*loaded}) {
      handle->Release();
    }
  }
  EXPECT_THAT(Handles(), SizeIs(4));
  tpm_ = NewTpm();
  const absl::Status status = Sign();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Handles(), SizeIs(1));
}

TEST(LacksResourceManagerTest, KnowsWhereOthersCleanUp) {
  for (const char* tcti : {"swtpm:path=/x", "mssim:port=2321",
                           "device:/dev/tpm0", "pcap:swtpm:path=/x"}) {
    EXPECT_TRUE(LacksResourceManager(tcti)) << tcti;
  }
  for (const char* tcti : {"device:/dev/tpmrm0", "tabrmd:bus_type=system",
                           "pcap:device:/dev/tpmrm0", "cmd:ssh tpm", ""}) {
    EXPECT_FALSE(LacksResourceManager(tcti)) << tcti;
  }
}

TEST_F(EsysFaultTest, PausesGrowWhereTheTpmRatesItsFlash) {
  proxy_->Inject(
      {.command = TPM2_CC_Load, .times = 3, .code = TPM2_RC_NV_RATE});
  EXPECT_TRUE(Sign().ok());
  EXPECT_THAT(pauses_,
              ElementsAre(absl::Milliseconds(20), absl::Milliseconds(40),
                          absl::Milliseconds(80)));
}

// Part 3, 10.2.
TEST_F(EsysFaultTest, ATpmThatWantsToTestItselfIsToldToOnce) {
  // ESYS itself sends again on TESTING.
  constexpr struct {
    uint32_t code;
    int times;
  } kCases[] = {{TPM2_RC_NEEDS_TEST, 3}, {TPM2_RC_TESTING, 2 * kOften}};
  for (const auto& [code, times] : kCases) {
    ASSERT_TRUE(tpm_->Check().ok());
    proxy_->Forget();
    proxy_->Inject({.command = TPM2_CC_Load, .times = times, .code = code});
    const absl::Status status = Sign();
    EXPECT_TRUE(status.ok()) << status;
    int tests = 0;
    for (uint32_t command : proxy_->commands()) {
      tests += command == TPM2_CC_SelfTest ? 1 : 0;
    }
    EXPECT_EQ(tests, 1);
  }
  // And when the test fails, that is said.
  proxy_->Inject({.command = TPM2_CC_Load, .code = TPM2_RC_NEEDS_TEST});
  proxy_->Inject({.command = TPM2_CC_SelfTest, .code = TPM2_RC_FAILURE});
  EXPECT_EQ(TpmActionOf(Sign()), TpmAction::kNeedsRestart);
}

TEST_F(EsysFaultTest, WhatIsGoneIsLoadedOnceMore) {
  for (uint32_t command : {TPM2_CC_Load, TPM2_CC_Sign}) {
    for (uint32_t code : {TPM2_RC_REFERENCE_H0, TPM2_RC_REFERENCE_S0}) {
      proxy_->Inject({.command = command, .code = code});
      const absl::Status status = Sign();
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_THAT(Handles(), IsEmpty());
    }
  }
  ASSERT_TRUE(tpm_->Check().ok());
  proxy_->Forget();
  proxy_->Inject({.command = TPM2_CC_Sign,
                  .times = TpmFault::kForEver,
                  .code = TPM2_RC_REFERENCE_H0});
  EXPECT_EQ(TpmActionOf(Sign()), TpmAction::kStartOver);
  int tries = 0;
  for (uint32_t command : proxy_->commands()) {
    tries += command == TPM2_CC_Sign ? 1 : 0;
  }
  EXPECT_EQ(tries, 2);
  ExpectWhole();
}

// The session's HMAC covers the answer.
TEST_F(EsysFaultTest, AChangedAnswerIsNotBelieved) {
  proxy_->Inject({.kind = Kind::kDamaged,
                  .command = TPM2_CC_Sign,
                  .times = TpmFault::kForEver});
  const absl::Status status = Sign();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("not the TPM's own"));
  ExpectWhole();
}

TEST_F(EsysFaultTest, CodesThatPatienceDoesNotMend) {
  constexpr struct {
    uint32_t command;
    uint32_t code;
    TpmAction action;
  } kCases[] = {
      {TPM2_CC_CreatePrimary, TPM2_RC_INITIALIZE, TpmAction::kNeedsRestart},
      {TPM2_CC_CreatePrimary, TPM2_RC_FAILURE, TpmAction::kNeedsRestart},
      {TPM2_CC_CreatePrimary, TPM2_RC_UPGRADE, TpmAction::kNeedsRestart},
      {TPM2_CC_CreatePrimary, TPM2_RC_REBOOT, TpmAction::kNeedsRestart},
      {TPM2_CC_CreatePrimary, TPM2_RC_HIERARCHY | TPM2_RC_H | TPM2_RC_1,
       TpmAction::kNoRoot},
      {TPM2_CC_CreatePrimary, TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1,
       TpmAction::kNoRoot},
      {TPM2_CC_CreatePrimary, TPM2_RC_OBJECT_MEMORY, TpmAction::kFreeMemory},
      {TPM2_CC_StartAuthSession, TPM2_RC_SESSION_MEMORY,
       TpmAction::kFreeMemory},
      {TPM2_CC_StartAuthSession, TPM2_RC_SESSION_HANDLES,
       TpmAction::kFreeMemory},
      {TPM2_CC_StartAuthSession, TPM2_RC_CONTEXT_GAP, TpmAction::kFreeMemory},
      {TPM2_CC_Load, TPM2_RC_MEMORY, TpmAction::kFreeMemory},
      {TPM2_CC_Load, TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1,
       TpmAction::kKeyLost},
      {TPM2_CC_Sign, TPM2_RC_LOCKOUT, TpmAction::kLockedOut},
      {TPM2_CC_Sign, TPM2_RC_COMMAND_CODE, TpmAction::kGiveUp},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.code);
    pauses_.clear();
    proxy_->Inject(
        {.command = c.command, .times = TpmFault::kForEver, .code = c.code});
    const absl::Status status = Sign();
    EXPECT_EQ(TpmActionOf(status), c.action) << status;
    EXPECT_THAT(pauses_, IsEmpty());
    ExpectWhole();
  }
}

TEST_F(EsysFaultTest, ALockoutIsSaidWithItsEnd) {
  ASSERT_TRUE(tpm_->Check().ok());
  proxy_->Forget();
  proxy_->Inject({.command = TPM2_CC_Sign,
                  .times = TpmFault::kForEver,
                  .code = TPM2_RC_LOCKOUT});
  const absl::Status status = Sign();
  EXPECT_EQ(TpmActionOf(status), TpmAction::kLockedOut);
  ASSERT_TRUE(TpmRetryAfterOf(status).has_value()) << status;
  EXPECT_GT(*TpmRetryAfterOf(status), absl::ZeroDuration());
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("one is forgiven every"));
  // Each try would be one more failure.
  int tries = 0;
  for (uint32_t command : proxy_->commands()) {
    tries += command == TPM2_CC_Sign ? 1 : 0;
  }
  EXPECT_EQ(tries, 1);
}

}  // namespace
}  // namespace bestow
