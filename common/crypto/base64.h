// Base64 (RFC 4648 section 4), strictly.
#ifndef COMMON_CRYPTO_BASE64_H_
#define COMMON_CRYPTO_BASE64_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow {

// One line, padded, without a line end.
std::string EncodeBase64(ByteView data);

// SP, HT, CR and LF are skipped anywhere. kInvalidArgument: a character
// outside the alphabet, wrong padding, pad bits that are not zero.
absl::StatusOr<Bytes> DecodeBase64(std::string_view text);

}  // namespace bestow

#endif  // COMMON_CRYPTO_BASE64_H_
