// For tests that walk through all failpoints of an operation, one at a time.
#ifndef COMMON_BASE_FAILPOINT_WALK_H_
#define COMMON_BASE_FAILPOINT_WALK_H_

#include <unistd.h>

#include <atomic>
#include <string_view>

#include "common/base/failpoint.h"

namespace bestow {

// What a process that was ended by a failpoint exits with.
inline constexpr int kEndedAtFailpoint = 42;

struct FailpointWalk {
  std::atomic<int> passed{0};
  std::atomic<int> at{0};
  std::atomic<bool> die{false};

  static FailpointWalk& Instance() {
    static FailpointWalk walk;
    return walk;
  }
  static bool Pass(std::string_view) {
    FailpointWalk& walk = Instance();
    if (++walk.passed != walk.at) return false;
    if (walk.die) _exit(kEndedAtFailpoint);
    return true;
  }
};

// Of the failpoints passed from now on, whatever their names, the one of that
// number (from 1) fails, or ends the process. Until SetFailpointHandler().
inline void FailAtPass(int number, bool die) {
  FailpointWalk& walk = FailpointWalk::Instance();
  walk.passed = 0;
  walk.at = number;
  walk.die = die;
  SetFailpointHandler(&FailpointWalk::Pass);
}

// How many were passed since; less than the number: the walk is over.
inline int PassedFailpoints() { return FailpointWalk::Instance().passed; }

}  // namespace bestow

#endif  // COMMON_BASE_FAILPOINT_WALK_H_
