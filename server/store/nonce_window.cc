#include "server/store/nonce_window.h"

namespace bestow::server {

bool NonceWindow::Take(uint32_t nc) {
  if (nc == 0) return false;
  if (nc > highest) {
    const uint32_t ahead = nc - highest;
    seen = ahead < kSize ? seen << ahead : 0;
    seen |= 1;
    highest = nc;
    return true;
  }
  const uint32_t behind = highest - nc;
  if (behind >= kSize || (seen >> behind & 1) != 0) return false;
  seen |= uint64_t{1} << behind;
  return true;
}

}  // namespace bestow::server
