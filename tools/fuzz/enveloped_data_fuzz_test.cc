#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/cms/decrypt.h"
#include "common/cms/enveloped_data.h"

namespace bestow::cms {
namespace {

// What reads is written from its parts in the same octets; no key opens it.
void Fuzz(ByteView data) {
  const absl::StatusOr<EnvelopedData> value = ParseEnvelopedDataDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const absl::StatusOr<Bytes> back = SerializeEnvelopedDataDer(*value);
  CHECK(back.ok());
  CHECK(*back == ToBytes(data));
  for (const RecipientInfo& info : value->recipients) {
    if (info.kind != RecipientInfo::Kind::kKek) continue;
    CHECK(!DecryptWithKek(*value, info.kek_identifier, Secret(Bytes(16, 0x7F)))
               .ok());
  }
}

}  // namespace
}  // namespace bestow::cms

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::cms::Fuzz(bestow::ByteView(data, size));
  return 0;
}
