#include "common/base/secret.h"

#include <openssl/mem.h>

namespace bestow {

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Cleanse();
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
  }
  return *this;
}

void Secret::Cleanse() { bestow::Cleanse(bytes_.data(), bytes_.size()); }

bool ConstantTimeEquals(ByteView a, ByteView b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Cleanse(void* data, size_t size_bytes) {
  if (size_bytes != 0) OPENSSL_cleanse(data, size_bytes);
}

}  // namespace bestow
