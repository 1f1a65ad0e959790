// Named places at which a test can make the process die or an operation fail.
// A shipped binary has no handler and can't get one: the handler that reads
// the environment is a separate library (:failpoint_env) that only test
// binaries link.
#ifndef COMMON_BASE_FAILPOINT_H_
#define COMMON_BASE_FAILPOINT_H_

#include <string_view>

namespace bestow {

// True means "fail here": the caller returns an error of its kind. A handler
// may also end the process or block. Without a handler: false, at the cost of
// one load. Thread-safe.
using FailpointHandler = bool (*)(std::string_view name);
bool Failpoint(std::string_view name);

// For tests. Not to be called while threads pass failpoints.
void SetFailpointHandler(FailpointHandler handler);

}  // namespace bestow

#endif  // COMMON_BASE_FAILPOINT_H_
