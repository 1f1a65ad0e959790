#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/crl.h"

namespace bestow {
namespace {

// What reads is written from its parts in the same octets; what it says can be
// said again.
void Fuzz(ByteView data) {
  absl::StatusOr<Crl> value = ParseCrlDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  value->der.clear();
  CHECK(*SerializeCrlDer(*value) == ToBytes(data));
  const absl::StatusOr<Bytes> tbs =
      SerializeTbsCrlDer(value->contents, SignatureAlgorithm::kEcdsaP256Sha256);
  if (!tbs.ok()) return;  // serial 0, dates the wrong way round
  const absl::StatusOr<Crl> again = ParseCrlDer(
      *AssembleCrlDer(*tbs, SignatureAlgorithm::kEcdsaP256Sha256, Bytes{0x00}));
  CHECK(again.ok()) << again.status();
  CHECK(again->contents.entries == value->contents.entries);
  CHECK(again->contents.number == value->contents.number);
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
