#include "common/base/failpoint.h"

#include <atomic>

namespace bestow {
namespace {
std::atomic<FailpointHandler> g_handler{nullptr};
}  // namespace

bool Failpoint(std::string_view name) {
  FailpointHandler handler = g_handler.load(std::memory_order_acquire);
  return handler != nullptr && handler(name);
}

void SetFailpointHandler(FailpointHandler handler) {
  g_handler.store(handler, std::memory_order_release);
}

}  // namespace bestow
