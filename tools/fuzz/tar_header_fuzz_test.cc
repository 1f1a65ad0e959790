#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "server/backup/tar_header.h"

namespace bestow::server {
namespace {

// What is read is written the same, and leads nowhere else.
void Fuzz(ByteView data) {
  const auto header = ParseTarHeader(data);
  if (!header.ok()) {
    CHECK(header.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(CheckPartName(header->name).ok());
  CHECK(header->name.find("..") != 0 && header->name[0] != '/');
  const auto written = SerializeTarHeader(*header);
  CHECK(written.ok());
  CHECK(std::equal(written->begin(), written->end(), data.begin(), data.end()));
}

}  // namespace
}  // namespace bestow::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::server::Fuzz(bestow::ByteView(data, size));
  return 0;
}
