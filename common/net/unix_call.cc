#include "common/net/unix_call.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/net/http_parser.h"
#include "common/net/http_writer.h"

namespace bestow {
namespace {

constexpr timeval kSendPatience = {30, 0};
constexpr size_t kReadBytes = 64 * 1024;

absl::Status SendAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    // Who refuses says why before he hangs up.
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
      return absl::OkStatus();
    }
    if (n <= 0) return absl::UnavailableError(std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HttpResponse> CallUnix(int fd, HttpRequest request,
                                      const UnixCallLimits& limits) {
  const absl::Cleanup close_fd = [fd] { close(fd); };
  const timeval patience = absl::ToTimeval(limits.patience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kSendPatience,
             sizeof(kSendPatience));
  std::string message = SerializeHttpRequest(request, "localhost");
  Cleanse(request.body.data(), request.body.size());
  absl::Status sent = SendAll(fd, message);
  Cleanse(message.data(), message.size());
  if (!sent.ok()) return sent;

  HttpLimits http;
  http.body_bytes = limits.answer_bytes;
  HttpResponseParser parser(http);
  parser.Expect(/*head_request=*/false);
  std::string buffer(kReadBytes, '\0');
  while (parser.phase() != HttpParsePhase::kDone) {
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (parser.phase() == HttpParsePhase::kIdle &&
        (n == 0 || (n < 0 && errno == ECONNRESET))) {
      return absl::PermissionDeniedError("it hung up");
    }
    if (n < 0) return absl::UnavailableError(std::strerror(errno));
    absl::Status fed = n == 0 ? parser.FeedEnd()
                              : parser.Feed(AsBytes(std::string_view(
                                    buffer.data(), static_cast<size_t>(n))));
    if (!fed.ok()) return absl::UnavailableError(fed.message());
  }
  return parser.TakeResponse();
}

}  // namespace bestow
