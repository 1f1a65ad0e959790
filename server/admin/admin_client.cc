#include "server/admin/admin_client.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/net/unix_call.h"

namespace bestow::server {
namespace {

// A backup of a large store may take a while.
constexpr absl::Duration kPatience = absl::Hours(1);

absl::Status Broken(std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("the running server did not answer (", why,
                   "): whether it has done it, its log says"));
}

}  // namespace

absl::StatusOr<Json> CallServer(int fd, const AdminCall& call) {
  absl::StatusOr<HttpResponse> response =
      CallUnix(fd, RequestOf(call),
               {.answer_bytes = kMaxAnswerBytes, .patience = kPatience});
  // Who is turned away is hung up on before a word is said.
  if (absl::IsPermissionDenied(response.status())) {
    return absl::PermissionDeniedError(
        "the running server hung up: only root, its own user and the group of "
        "[admin] may ask it (its log says why)");
  }
  if (!response.ok()) return Broken(response.status().message());
  return AnswerOf(*response);
}

}  // namespace bestow::server
