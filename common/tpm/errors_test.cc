#include "common/tpm/errors.h"

#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;

TEST(TpmErrorTest, SuccessIsOk) {
  EXPECT_TRUE(TpmError(TSS2_RC_SUCCESS, "x", "y").ok());
}

TEST(TpmErrorTest, CodesLeadToActionsAndAdvice) {
  constexpr struct {
    uint32_t code;
    TpmAction action;
    const char* advice;
  } kCases[] = {
      {TPM2_RC_RETRY, TpmAction::kRetry, "busy"},
      {TPM2_RC_YIELDED, TpmAction::kRetry, "busy"},
      {TPM2_RC_CANCELED, TpmAction::kRetry, "busy"},
      {TPM2_RC_TESTING, TpmAction::kRetry, "testing itself"},
      {TPM2_RC_NEEDS_TEST, TpmAction::kRetry, "test itself first"},
      {TPM2_RC_NV_RATE, TpmAction::kRetry, "spares its flash"},
      {TPM2_RC_NV_UNAVAILABLE, TpmAction::kRetry, "can't write its flash"},
      {TPM2_RC_REFERENCE_H0, TpmAction::kStartOver, "reset meanwhile"},
      {TPM2_RC_REFERENCE_H1, TpmAction::kStartOver, "reset meanwhile"},
      {TPM2_RC_REFERENCE_S0, TpmAction::kStartOver, "reset meanwhile"},
      {TSS2_ESYS_RC_RSP_AUTH_FAILED, TpmAction::kStartOver, "bus"},
      {0x902, TpmAction::kFreeMemory, "tpm2_flushcontext -t"},
      {TPM2_RC_MEMORY, TpmAction::kFreeMemory, "tpm2_flushcontext -t"},
      {TPM2_RC_OBJECT_HANDLES, TpmAction::kFreeMemory, "tpm2_flushcontext -t"},
      {TPM2_RC_SESSION_MEMORY, TpmAction::kFreeMemory, "tpm2_flushcontext -l"},
      {TPM2_RC_SESSION_HANDLES, TpmAction::kFreeMemory, "tpm2_flushcontext -l"},
      {TPM2_RC_CONTEXT_GAP, TpmAction::kFreeMemory, "tpm2_flushcontext -s"},
      // A resource manager in user space says it in its own layer.
      {TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_OBJECT_MEMORY, TpmAction::kFreeMemory,
       "/dev/tpmrm0"},
      {TPM2_RC_TOO_MANY_CONTEXTS, TpmAction::kNeedsRestart, "restart"},
      {TPM2_RC_INITIALIZE, TpmAction::kNeedsRestart, "TPM2_Startup"},
      {TPM2_RC_FAILURE, TpmAction::kNeedsRestart, "tpm2_gettestresult"},
      {TPM2_RC_REBOOT, TpmAction::kNeedsRestart, "restart"},
      {TPM2_RC_UPGRADE, TpmAction::kNeedsRestart, "upgrade"},
      {TPM2_RC_LOCKOUT, TpmAction::kLockedOut, "--clear-lockout"},
      {TPM2_RC_HIERARCHY | TPM2_RC_H | TPM2_RC_1, TpmAction::kNoRoot,
       "switched the TPM's storage hierarchy off"},
      // The private blob is Load's first parameter.
      {TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1, TpmAction::kKeyLost,
       "enrolled again"},
      {TPM2_RC_BINDING | TPM2_RC_P | TPM2_RC_2, TpmAction::kKeyLost,
       "enrolled again"},
      {TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1, TpmAction::kWrongAuth,
       "key_auth_file"},
      {TPM2_RC_AUTH_FAIL | TPM2_RC_S | TPM2_RC_1, TpmAction::kWrongAuth,
       "key_auth_file"},
      {TPM2_RC_PCR_CHANGED, TpmAction::kStartOver, "PCRs changed"},
      {TPM2_RC_COMMAND_CODE, TpmAction::kGiveUp, ""},
      {TSS2_TCTI_RC_IO_ERROR, TpmAction::kUnreachable, "group tss"},
      {TSS2_TCTI_RC_NO_CONNECTION, TpmAction::kUnreachable, "group tss"},
      {TSS2_ESYS_RC_BAD_VALUE, TpmAction::kGiveUp, ""},
      {TSS2_ESYS_RC_BAD_SEQUENCE, TpmAction::kGiveUp, ""},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.code);
    EXPECT_EQ(TpmActionForCode(c.code), c.action);
    const absl::Status status = TpmError(c.code, "try", "device:/dev/tpm0");
    EXPECT_EQ(TpmActionOf(status), c.action);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.advice));
    EXPECT_FALSE(TpmRetryAfterOf(status).has_value());
  }
}

TEST(TpmErrorTest, OfACodesPositionsOnlyItsMeaningCounts) {
  EXPECT_EQ(BareTpmCode(TPM2_RC_HANDLE | TPM2_RC_H | TPM2_RC_1),
            TPM2_RC_HANDLE);
  EXPECT_EQ(BareTpmCode(TPM2_RC_HANDLE | TPM2_RC_P | TPM2_RC_3),
            TPM2_RC_HANDLE);
  EXPECT_EQ(BareTpmCode(TPM2_RC_LOCKOUT), TPM2_RC_LOCKOUT);
  EXPECT_EQ(BareTpmCode(TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_RETRY),
            TPM2_RC_RETRY);
  EXPECT_EQ(BareTpmCode(TSS2_ESYS_RC_BAD_VALUE), TSS2_ESYS_RC_BAD_VALUE);
  EXPECT_TRUE(TpmWantsSelfTest(TPM2_RC_NEEDS_TEST));
  EXPECT_TRUE(TpmWantsSelfTest(TPM2_RC_TESTING));
  EXPECT_FALSE(TpmWantsSelfTest(TPM2_RC_RETRY));
}

TEST(TpmErrorTest, CarriesWhenToTryAgain) {
  absl::Status status = TpmError(TPM2_RC_LOCKOUT, "sign", "x");
  SetTpmRetryAfter(&status, absl::Seconds(600));
  EXPECT_EQ(TpmRetryAfterOf(status), absl::Seconds(600));
  EXPECT_EQ(TpmActionOf(status), TpmAction::kLockedOut);
  EXPECT_FALSE(TpmRetryAfterOf(absl::OkStatus()).has_value());
}

TEST(TpmErrorTest, TellsAKindOfKeyThatTheTpmLacksFromOtherFailures) {
  for (uint32_t rc : {TPM2_RC_CURVE, TPM2_RC_VALUE, TPM2_RC_KEY_SIZE,
                      TPM2_RC_HASH, TPM2_RC_SCHEME, TPM2_RC_ASYMMETRIC}) {
    EXPECT_TRUE(TpmLacksParameters(rc | TPM2_RC_P | TPM2_RC_1)) << rc;
    EXPECT_TRUE(TpmLacksParameters(TSS2_RESMGR_TPM_RC_LAYER | rc | TPM2_RC_P))
        << rc;
  }
  EXPECT_FALSE(TpmLacksParameters(TSS2_RC_SUCCESS));
  EXPECT_FALSE(TpmLacksParameters(TPM2_RC_RETRY));
  EXPECT_FALSE(TpmLacksParameters(TPM2_RC_OBJECT_MEMORY));
  EXPECT_FALSE(TpmLacksParameters(TSS2_ESYS_RC_BAD_VALUE));
  EXPECT_EQ(TpmStatus(TpmAction::kUnsupported, "x").code(),
            absl::StatusCode::kUnimplemented);
}

TEST(TpmErrorTest, SaysWhatWhereAndWhatToDo) {
  const absl::Status status =
      TpmError(TSS2_TCTI_RC_IO_ERROR, "open the TPM", "device:/dev/tpmrm0");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(TpmActionOf(status), TpmAction::kUnreachable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("open the TPM"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("device:/dev/tpmrm0"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("tpm.tcti"));

  const absl::Status full = TpmError(0x902, "load the key", "x");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("flush"));
}

TEST(TpmErrorTest, OtherErrorsGiveUp) {
  EXPECT_EQ(TpmActionOf(absl::InternalError("x")), TpmAction::kGiveUp);
}

}  // namespace
}  // namespace bestow
