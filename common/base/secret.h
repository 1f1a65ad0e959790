// Secrets zero themselves when they go, and are compared in constant time.
#ifndef COMMON_BASE_SECRET_H_
#define COMMON_BASE_SECRET_H_

#include <string>
#include <string_view>
#include <utility>

#include "common/base/bytes.h"

namespace bestow {

// A password, token or key in memory. Move-only; the buffer is cleansed on
// destruction and on move-from. Never printed: it has no stream operator.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : bytes_(ToBytes(AsBytes(text))) {}
  explicit Secret(Bytes bytes) : bytes_(std::move(bytes)) {}
  Secret(Secret&& other) noexcept { *this = std::move(other); }
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Cleanse(); }

  ByteView bytes() const { return bytes_; }
  std::string_view text() const { return AsText(bytes_); }
  bool empty() const { return bytes_.empty(); }
  Secret Copy() const { return Secret(Bytes(bytes_)); }

 private:
  void Cleanse();
  Bytes bytes_;
};

// True iff equal; time depends on the lengths alone.
bool ConstantTimeEquals(ByteView a, ByteView b);

// Overwrites memory so that the compiler can't leave it out.
void Cleanse(void* data, size_t size_bytes);

}  // namespace bestow

#endif  // COMMON_BASE_SECRET_H_
