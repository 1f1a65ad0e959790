// One HTTP exchange over a unix socket, for tools that wait for the answer.
#ifndef COMMON_NET_UNIX_CALL_H_
#define COMMON_NET_UNIX_CALL_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/net/http_message.h"

namespace bestow {

struct UnixCallLimits {
  size_t answer_bytes = 1024 * 1024;
  // For each read; what is asked for may take long.
  absl::Duration patience = absl::Seconds(30);
};

// Sends `request` to the one at the other end of `fd` (ConnectUnix()), which it
// closes, and waits for the answer. What was sent is cleansed.
// kPermissionDenied: hung up on before a word was said; kUnavailable: no
// answer, and whether it was done is not known.
absl::StatusOr<HttpResponse> CallUnix(int fd, HttpRequest request,
                                      const UnixCallLimits& limits);

}  // namespace bestow

#endif  // COMMON_NET_UNIX_CALL_H_
