#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/server_key.h"

namespace bestow {
namespace {

// A reply that reads is written so that it reads the same.
void Fuzz(ByteView data) {
  const auto reply =
      est::ParseServerKeyReply("multipart/mixed; boundary=b", AsText(data));
  if (!reply.ok()) {
    CHECK(reply.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const auto written = est::SerializeServerKeyReply(*reply);
  CHECK(written.ok());
  const auto again =
      est::ParseServerKeyReply(written->content_type, written->body);
  CHECK(again.ok());
  CHECK(again->encrypted == reply->encrypted);
  CHECK(again->key.text() == reply->key.text());
  CHECK(again->certs_only == reply->certs_only);
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
