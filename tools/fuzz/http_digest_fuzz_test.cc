#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/net/http_auth.h"

namespace bestow {
namespace {

// Credentials that are taken are written so that they read the same, and none
// are both Basic and Digest.
void Fuzz(ByteView data) {
  const auto basic = ParseBasicAuthorization(AsText(data));
  const auto digest = ParseDigestAuthorization(AsText(data));
  CHECK(basic.ok() || absl::IsUnauthenticated(basic.status()));
  CHECK(digest.ok() || absl::IsUnauthenticated(digest.status()));
  CHECK(!basic.ok() || !digest.ok());
  if (basic.ok()) {
    const auto header = FormatBasicAuthorization(basic->name, basic->password);
    const auto again = ParseBasicAuthorization(header->text());
    CHECK(again->name == basic->name);
    CHECK(again->password.text() == basic->password.text());
  }
  if (digest.ok()) {
    CHECK(*ParseDigestAuthorization(FormatDigestAuthorization(*digest)) ==
          *digest);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
