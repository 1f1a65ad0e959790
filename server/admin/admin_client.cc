#include "server/admin/admin_client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/net/http_parser.h"
#include "common/net/http_writer.h"

namespace bestow::server {
namespace {

// A backup of a large store may take a while.
constexpr timeval kPatience = {3600, 0};
constexpr timeval kSendPatience = {30, 0};
constexpr size_t kReadBytes = 64 * 1024;

absl::Status Broken(std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("the running server did not answer (", why,
                   "): whether it has done it, its log says"));
}

absl::Status SendAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    // A server that refuses says why before it hangs up.
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
      return absl::OkStatus();
    if (n <= 0) return Broken(std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Json> CallServer(int fd, const AdminCall& call) {
  const absl::Cleanup close_fd = [fd] { close(fd); };
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kSendPatience,
             sizeof(kSendPatience));
  HttpRequest request = RequestOf(call);
  std::string message = SerializeHttpRequest(request, "localhost");
  Cleanse(request.body.data(), request.body.size());
  absl::Status sent = SendAll(fd, message);
  Cleanse(message.data(), message.size());
  if (!sent.ok()) return sent;

  HttpLimits limits;
  limits.body_bytes = kMaxAnswerBytes;
  HttpResponseParser parser(limits);
  parser.Expect(/*head_request=*/false);
  std::string buffer(kReadBytes, '\0');
  while (parser.phase() != HttpParsePhase::kDone) {
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    // Who is turned away is hung up on before a word is said.
    if (parser.phase() == HttpParsePhase::kIdle &&
        (n == 0 || (n < 0 && errno == ECONNRESET))) {
      return absl::PermissionDeniedError(
          "the running server hung up: only root, its own user and the group "
          "of [admin] may ask it (its log says why)");
    }
    if (n < 0) return Broken(std::strerror(errno));
    absl::Status fed = n == 0 ? parser.FeedEnd()
                              : parser.Feed(AsBytes(std::string_view(
                                    buffer.data(), static_cast<size_t>(n))));
    if (!fed.ok()) return Broken(fed.message());
  }
  return AnswerOf(parser.TakeResponse());
}

}  // namespace bestow::server
