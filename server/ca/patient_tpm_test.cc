#include "server/ca/patient_tpm.h"

#include <memory>

#include "absl/status/status.h"
#include "common/base/bytes.h"
#include "common/tpm/errors.h"
#include "common/tpm/fake_tpm.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

class PatientTpmTest : public testing::Test {
 protected:
  PatientTpmTest() {
    auto fake = std::make_unique<FakeTpm>();
    fake_ = fake.get();
    tpm_ = std::make_unique<PatientTpm>(std::move(fake),
                                        [this](absl::Duration pause) {
                                          ++sleeps_;
                                          slept_ += pause;
                                          if (sleeps_ < fails_) Fail();
                                        });
  }
  void Fail() { fake_->FailAfter(0, TpmStatus(action_, "no")); }

  FakeTpm* fake_;
  std::unique_ptr<PatientTpm> tpm_;
  TpmAction action_ = TpmAction::kFreeMemory;
  int fails_ = 0;  // how often the TPM fails
  int sleeps_ = 0;
  absl::Duration slept_;
};

TEST_F(PatientTpmTest, WaitsForSlotsOfOthers) {
  auto key = tpm_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(key.ok());
  for (TpmAction action : {TpmAction::kFreeMemory, TpmAction::kRetry}) {
    action_ = action;
    sleeps_ = 0;
    fails_ = 5;
    Fail();
    const auto signature = tpm_->Sign(
        *key, SignatureAlgorithm::kEcdsaP256Sha256, AsBytes("message"));
    EXPECT_TRUE(signature.ok()) << signature.status();
    EXPECT_EQ(sleeps_, 5);
  }
}

TEST_F(PatientTpmTest, GivesUpAfterSomeSeconds) {
  fails_ = 1000;
  Fail();
  const absl::Status status = tpm_->CreateKey(KeyType::kEcP256).status();
  EXPECT_EQ(TpmActionOf(status), TpmAction::kFreeMemory);
  EXPECT_GT(slept_, absl::Seconds(2));
  EXPECT_LT(slept_, absl::Seconds(10));
}

TEST_F(PatientTpmTest, DoesNotWaitForWhatWaitingMendsNot) {
  for (TpmAction action : {TpmAction::kKeyLost, TpmAction::kUnreachable,
                           TpmAction::kLockedOut, TpmAction::kGiveUp}) {
    action_ = action;
    Fail();
    EXPECT_EQ(TpmActionOf(tpm_->Check()), action);
  }
  EXPECT_EQ(sleeps_, 0);
}

}  // namespace
}  // namespace bestow::server
