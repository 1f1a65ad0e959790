#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/tpm/tpm_public.h"
#include "common/tpm/tss2_key_file.h"

namespace bestow {
namespace {

// What reads reads the same from what we write.
void FuzzSealed(ByteView data) {
  const auto blob = ParseTss2SealedDer(data);
  if (!blob.ok()) {
    CHECK(blob.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const auto written = SerializeTss2SealedDer(*blob);
  CHECK(written.ok());
  const auto back = ParseTss2SealedDer(*written);
  CHECK(back.ok() && *back == *blob);
}

// A key also has a public key; one that needs no protection is read either way.
void Fuzz(ByteView data) {
  const auto key = ParseProtectedTss2KeyDer(data);
  const auto plain = ParseTss2KeyDer(data);
  CHECK(!plain.ok() || (key.ok() && *plain == *key));
  if (!key.ok()) {
    CHECK(key.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(TpmPublicToSpki(key->public_blob).ok());
  const auto written = SerializeTss2KeyDer(*key);
  CHECK(written.ok());
  const auto back = ParseProtectedTss2KeyDer(*written);
  CHECK(back.ok() && *back == *key);
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  bestow::FuzzSealed(bestow::ByteView(data, size));
  return 0;
}
