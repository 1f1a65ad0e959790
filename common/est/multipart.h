// multipart/mixed bodies (RFC 2046 5.1), as /serverkeygen replies with
// (RFC 7030 4.4.2).
#ifndef COMMON_EST_MULTIPART_H_
#define COMMON_EST_MULTIPART_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bestow::est {

struct MultipartPart {
  std::string headers;  // whole lines as found, without the blank line
  std::string body;     // as found; the line end before a boundary is not in it
  // The white space around them, as found; a writer has no use for any other.
  std::string after_boundary = "\r\n";   // from the boundary before the part
  std::string blank_line = "\r\n";       // between headers and body
  std::string before_boundary = "\r\n";  // the line end that is not the body's
  bool operator==(const MultipartPart&) const = default;
};
// Everything is kept as found, so that writing gives back the same octets.
struct Multipart {
  std::string preamble;  // ignored by readers; whole lines, or ""
  std::vector<MultipartPart> parts;
  std::string epilogue;  // ignored by readers; from the last boundary on
  bool operator==(const Multipart&) const = default;
};

// The boundary parameter of a multipart/mixed Content-Type. kInvalidArgument:
// another type, none, two, or one that RFC 2046 does not allow.
absl::StatusOr<std::string> ParseBoundary(std::string_view content_type);

// Lenient on white space, as RFC 2046 5.1.1 demands of readers and more: lines
// may end with CR LF or LF, boundaries may be followed by spaces and tabs,
// blank lines may have some, header lines may be folded or have some before the
// colon. kInvalidArgument: no part, over 16, a line that begins like a boundary
// and isn't one, no closing boundary, a part without the blank line, or a
// header line that has no name.
absl::StatusOr<Multipart> ParseMultipart(std::string_view body,
                                         std::string_view boundary);

// Overwrites the parts' bodies, which may hold a private key. The two others
// leave no copy of a body behind but what they return.
void CleanseParts(Multipart& message);

// kInvalidArgument when ParseMultipart would not read `message` back.
absl::StatusOr<std::string> SerializeMultipart(const Multipart& message,
                                               std::string_view boundary);

// The first header of that name (without regard to case), unfolded and trimmed.
std::optional<std::string> FindHeader(const MultipartPart& part,
                                      std::string_view name);

}  // namespace bestow::est

#endif  // COMMON_EST_MULTIPART_H_
