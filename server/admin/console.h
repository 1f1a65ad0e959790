// What every command of bestow-server works with.
#ifndef SERVER_ADMIN_CONSOLE_H_
#define SERVER_ADMIN_CONSOLE_H_

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"

namespace bestow::server {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitState = 3,  // the state folder or the config
};

// Results go to `out`, problems with the next step to `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
  const Clock& clock;
};

// Prints "bestow-server: <message>" and returns `code`.
int Report(const Console& console, int code, const absl::Status& status);

// The items of a flag, separated by commas, without white space; no empty ones.
std::vector<std::string> SplitList(std::string_view text);

// "2026-11-21T12:00:00Z"
std::string UtcText(absl::Time time);
// Lower-case hexadecimal.
std::string HexText(ByteView bytes);
// With its quotes.
std::string JsonString(std::string_view text);
// One object; the values are strings.
std::string JsonObject(
    const std::vector<std::pair<std::string_view, std::string>>& fields);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CONSOLE_H_
