#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/extension.h"

namespace bestow {
namespace {

// Whatever reads is written in the same octets.
template <typename T>
void CheckRoundTrip(ByteView data, const absl::StatusOr<T>& value,
                    const absl::StatusOr<Bytes>& back) {
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(back.ok());
  CHECK(*back == ToBytes(data));
}

template <typename Parse, typename Serialize>
void Check(ByteView data, Parse parse, Serialize serialize) {
  const auto value = parse(data);
  CheckRoundTrip(
      data, value,
      value.ok() ? serialize(*value) : absl::StatusOr<Bytes>(value.status()));
}

void CheckValue(ByteView data) {
  Check(data, ParseKeyUsage, SerializeKeyUsage);
  Check(data, ParseExtendedKeyUsage, SerializeExtendedKeyUsage);
  Check(data, ParseBasicConstraints, SerializeBasicConstraints);
  Check(data, ParseSubjectKeyIdentifier,
        [](const Bytes& id) { return SerializeSubjectKeyIdentifier(id); });
  // Issuer and serial are skipped: only the identifier comes back.
  const absl::StatusOr<Bytes> key_id = ParseAuthorityKeyIdentifier(data);
  if (key_id.ok()) {
    CHECK(*ParseAuthorityKeyIdentifier(
              *SerializeAuthorityKeyIdentifier(*key_id)) == *key_id);
  }
}

void Fuzz(ByteView data) {
  CheckValue(data);
  const auto extensions = ParseExtensionsDer(data);
  CheckRoundTrip(data, extensions,
                 extensions.ok() ? SerializeExtensionsDer(*extensions)
                                 : absl::StatusOr<Bytes>(extensions.status()));
  if (!extensions.ok()) return;
  for (const Extension& extension : *extensions) CheckValue(extension.value);
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
