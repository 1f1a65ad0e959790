// Which counts of a Digest nonce were used (RFC 7616 3.4).
#ifndef SERVER_STORE_NONCE_WINDOW_H_
#define SERVER_STORE_NONCE_WINDOW_H_

#include <cstdint>

namespace bestow::server {

// Counts may come out of order by up to kSize, as parallel connections send
// them; older ones count as used.
struct NonceWindow {
  static constexpr uint32_t kSize = 64;
  uint32_t highest = 0;
  uint64_t seen = 0;  // bit i: highest - i

  // Uses `nc`. False: it was used, or is no count (the first is 1).
  [[nodiscard]] bool Take(uint32_t nc);
};

}  // namespace bestow::server

#endif  // SERVER_STORE_NONCE_WINDOW_H_
