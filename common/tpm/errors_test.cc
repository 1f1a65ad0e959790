#include "common/tpm/errors.h"

#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;

TEST(TpmErrorTest, SuccessIsOk) {
  EXPECT_TRUE(TpmError(TSS2_RC_SUCCESS, "x", "y").ok());
}

TEST(TpmErrorTest, CodesLeadToActions) {
  EXPECT_EQ(TpmActionForCode(TPM2_RC_RETRY), TpmAction::kRetry);
  EXPECT_EQ(TpmActionForCode(TPM2_RC_YIELDED), TpmAction::kRetry);
  EXPECT_EQ(TpmActionForCode(TPM2_RC_TESTING), TpmAction::kRetry);
  EXPECT_EQ(TpmActionForCode(0x902), TpmAction::kFreeMemory);
  EXPECT_EQ(TpmActionForCode(TPM2_RC_SESSION_MEMORY), TpmAction::kFreeMemory);
  // A resource manager in user space says it in its own layer.
  EXPECT_EQ(TpmActionForCode(TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_OBJECT_MEMORY),
            TpmAction::kFreeMemory);
  EXPECT_EQ(TpmActionForCode(TPM2_RC_LOCKOUT), TpmAction::kLockedOut);
  // The private blob is Load's first parameter.
  EXPECT_EQ(TpmActionForCode(TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1),
            TpmAction::kKeyLost);
  EXPECT_EQ(TpmActionForCode(TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1),
            TpmAction::kGiveUp);
  EXPECT_EQ(TpmActionForCode(TSS2_TCTI_RC_IO_ERROR), TpmAction::kUnreachable);
  EXPECT_EQ(TpmActionForCode(TSS2_TCTI_RC_NO_CONNECTION),
            TpmAction::kUnreachable);
  EXPECT_EQ(TpmActionForCode(TSS2_ESYS_RC_BAD_VALUE), TpmAction::kGiveUp);
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
