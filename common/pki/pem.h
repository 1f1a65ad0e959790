// PEM blocks (RFC 7468).
#ifndef COMMON_PKI_PEM_H_
#define COMMON_PKI_PEM_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"

namespace bestow {

struct PemBlock {
  std::string label;  // "CERTIFICATE"
  Bytes content;
};

// Every block in order; text outside of blocks is ignored. kInvalidArgument:
// a block that does not end, with another label, with headers, or that is not
// base64; more than `max_count`.
absl::StatusOr<std::vector<PemBlock>> ParsePem(std::string_view pem,
                                               size_t max_count);

// Lines of 64 and a line end after the last boundary.
std::string SerializePem(std::string_view label, ByteView content);

}  // namespace bestow

#endif  // COMMON_PKI_PEM_H_
