#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/cms/server_generated_key.h"
#include "common/cms/signed_data.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

// An error has one of two codes; what verifies names a signer that is inside,
// has its content within the octets, and is the same in a ContentInfo.
void Fuzz(ByteView data) {
  const absl::StatusOr<SignedContent> value = ParseAndVerifySignedDataDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument ||
          value.status().code() == absl::StatusCode::kPermissionDenied);
    CHECK(!OpenSignedKeyPackage(oids::CmsSignedData(), data).ok());
    return;
  }
  CHECK(std::find(value->certificates.begin(), value->certificates.end(),
                  value->signer) != value->certificates.end());
  const ByteView content = value->content.bytes();
  CHECK(std::search(data.begin(), data.end(), content.begin(), content.end()) !=
            data.end() ||
        content.empty());
  const absl::StatusOr<Secret> wrapped = WrapSignedData(data);
  CHECK(wrapped.ok());
  const absl::StatusOr<SignedContent> again =
      ParseAndVerifySignedDataDer(wrapped->bytes());
  // One that was in a ContentInfo is now in two.
  CHECK(!again.ok() || again->content.bytes() == content);
}

}  // namespace
}  // namespace bestow::cms

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::cms::Fuzz(bestow::ByteView(data, size));
  return 0;
}
