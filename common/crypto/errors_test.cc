#include "common/crypto/errors.h"

#include <openssl/err.h>

#include "gtest/gtest.h"

namespace bestow {
namespace {

TEST(CryptoErrorTest, NamesTheOldestReasonAndDrainsTheQueue) {
  ERR_clear_error();
  ERR_put_error(ERR_LIB_PEM, 0, ERR_R_MALLOC_FAILURE, __FILE__, __LINE__);
  ERR_put_error(ERR_LIB_PEM, 0, ERR_R_OVERFLOW, __FILE__, __LINE__);
  const absl::Status status = CryptoError("reading");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "reading: malloc failure");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(CryptoErrorTest, IsNeverEmptyAndNeverOk) {
  ERR_clear_error();
  EXPECT_EQ(CryptoError("x").message(), "x: unknown cause");
  EXPECT_FALSE(CryptoError("x", absl::StatusCode::kOk).ok());
  EXPECT_EQ(CryptoError("x", absl::StatusCode::kInvalidArgument).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bestow
