#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/pki/encrypted_pkcs8.h"

namespace bestow {
namespace {

// More would only make fuzzing slow.
bool IsQuick(const Pbes2& scheme) {
  if (const auto* kdf = std::get_if<Pbkdf2>(&scheme.kdf); kdf != nullptr) {
    return kdf->iterations <= 16;
  }
  const Scrypt& scrypt = std::get<Scrypt>(scheme.kdf);
  return scrypt.n <= 16 && scrypt.r <= 8 && scrypt.p <= 2;
}

// What reads is written from its parts in the same octets, stays within the
// limits, and its decryption ends in a key or one of two errors.
void Fuzz(ByteView data) {
  const absl::StatusOr<EncryptedPrivateKeyInfo> value =
      ParseEncryptedPrivateKeyInfoDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  const absl::StatusOr<Bytes> back =
      SerializeEncryptedPrivateKeyInfoDer(*value);
  CHECK(back.ok() && ByteView(*back) == data);
  const absl::StatusOr<Bytes> scheme = SerializePbes2Der(value->scheme);
  CHECK(scheme.ok() && ParsePbes2Der(*scheme).ok());
  if (!IsQuick(value->scheme)) return;
  const absl::StatusOr<Secret> key =
      DecryptPrivateKeyInfo(*value, Secret(std::string_view("correct horse")));
  CHECK(key.ok() || absl::IsPermissionDenied(key.status()) ||
        absl::IsInvalidArgument(key.status()));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
