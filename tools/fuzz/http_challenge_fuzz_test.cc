#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/net/http_auth.h"

namespace bestow {
namespace {

// A Digest challenge that is understood is written so that it reads the same.
void Fuzz(ByteView data) {
  const auto challenges = ParseChallenges({ToText(data)});
  if (!challenges.ok()) {
    CHECK(challenges.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(!challenges->empty());
  for (const HttpChallenge& challenge : *challenges) {
    CHECK(!challenge.scheme.empty());
    CHECK(challenge.token68.empty() || challenge.parameters.empty());
    const auto digest = ReadDigestChallenge(challenge);
    if (!digest.ok()) continue;
    const auto again = ParseChallenges({FormatDigestChallenge(*digest)});
    CHECK(again.ok() && again->size() == 1);
    CHECK(*ReadDigestChallenge(again->front()) == *digest);
  }
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
