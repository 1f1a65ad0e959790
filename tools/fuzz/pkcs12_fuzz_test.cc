#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/pkcs12.h"

namespace bestow {
namespace {

// Every file is read to its end or refused for what it is. (Key derivations
// are BoringSSL's, and would only make fuzzing slow.)
void Fuzz(ByteView data) {
  const absl::Status status = CheckPkcs12Der(data);
  CHECK(status.ok() || absl::IsInvalidArgument(status));
  if (!status.ok()) return;
  // What it read, it read to the last octet.
  Bytes more = ToBytes(data);
  more.push_back(0);
  CHECK(absl::IsInvalidArgument(CheckPkcs12Der(more)));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
