// Test binaries only. BESTOW_FAILPOINTS="name=kill:3,other=fail:1" makes the
// third pass of `name` end the process with SIGKILL, and the first pass of
// `other` return true. Without a number: the first pass. "fail:1+" means every
// pass from the first on. The name "*" counts the passes of every failpoint
// that has no plan of its own: "*=kill:N" walks all of them. With
// BESTOW_FAILPOINTS_FROM="start" passes count from that failpoint's first on.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/log/check.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/failpoint.h"

namespace bestow {
namespace {

struct Plan {
  bool kill = false;
  bool onwards = false;
  int at_pass = 1;
  int passes = 0;
};

std::mutex g_mutex;
std::string& From() {  // empty: passes count
  static auto* from = new std::string;
  return *from;
}
std::map<std::string, Plan, std::less<>>& Plans() {
  static auto* plans = new std::map<std::string, Plan, std::less<>>;
  return *plans;
}

bool Handle(std::string_view name) {
  std::lock_guard<std::mutex> lock(g_mutex);
  if (!From().empty()) {
    if (name != From()) return false;
    From().clear();
  }
  auto it = Plans().find(name);
  if (it == Plans().end()) it = Plans().find("*");
  if (it == Plans().end()) return false;
  Plan& plan = it->second;
  ++plan.passes;
  if (plan.passes != plan.at_pass &&
      !(plan.onwards && plan.passes > plan.at_pass)) {
    return false;
  }
  if (plan.kill) kill(getpid(), SIGKILL);
  return true;
}

[[maybe_unused]] const bool g_installed = [] {
  const char* text = getenv("BESTOW_FAILPOINTS");
  if (text == nullptr || *text == '\0') return false;
  for (std::string_view item : absl::StrSplit(text, ',')) {
    std::pair<std::string, std::string_view> kv = absl::StrSplit(item, '=');
    std::pair<std::string_view, std::string_view> action =
        absl::StrSplit(kv.second, absl::MaxSplits(':', 1));
    Plan plan;
    plan.kill = action.first == "kill";
    CHECK(plan.kill || action.first == "fail") << "BESTOW_FAILPOINTS: " << item;
    plan.onwards = absl::ConsumeSuffix(&action.second, "+");
    if (!action.second.empty()) {
      CHECK(absl::SimpleAtoi(action.second, &plan.at_pass)) << item;
    }
    Plans()[kv.first] = plan;
  }
  if (const char* from = getenv("BESTOW_FAILPOINTS_FROM")) From() = from;
  SetFailpointHandler(&Handle);
  return true;
}();

}  // namespace
}  // namespace bestow
