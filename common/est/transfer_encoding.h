// EST's transfer encoding: base64 always, whatever the headers say (RFC 8951
// section 2 and 3).
#ifndef COMMON_EST_TRANSFER_ENCODING_H_
#define COMMON_EST_TRANSFER_ENCODING_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow::est {

enum class LineWrap {
  kAuto,    // one line and a LF up to 1,000 characters, else lines of 64
  kNever,   // one line and a LF
  kAlways,  // lines of 64
};

std::string EncodeBody(ByteView der, LineWrap wrap = LineWrap::kAuto);

// White space (SP, HT, CR, LF) is skipped anywhere; RFC 4648's alphabet with
// right padding and zero pad bits; anything else is kInvalidArgument.
// Empty input is an empty value. The caller limits `text`'s length.
absl::StatusOr<Bytes> DecodeBody(std::string_view text);

}  // namespace bestow::est

#endif  // COMMON_EST_TRANSFER_ENCODING_H_
