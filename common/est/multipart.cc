#include "common/est/multipart.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/est/protocol.h"

namespace bestow::est {
namespace {

constexpr size_t kMaxParts = 16;
constexpr size_t kMaxBoundaryCharacters = 70;  // RFC 2046 5.1.1
constexpr std::string_view kMixed = "multipart/mixed";
constexpr std::string_view kDashes = "--";

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("multipart: ", why));
}

// RFC 2046 5.1.1: boundary := 0*69<bchars> bcharsnospace
bool IsBoundary(std::string_view text) {
  return !text.empty() && text.size() <= kMaxBoundaryCharacters &&
         text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) ||
                  absl::StrContains("'()+_,-./:=? ", c);
         });
}

// Takes `prefix` off `text` when it is there.
bool Take(std::string_view* text, std::string_view prefix) {
  return absl::ConsumePrefix(text, prefix);
}

// The place of the first line that begins with `delimiter`, or npos.
size_t FindLine(std::string_view text, std::string_view delimiter) {
  for (size_t at = text.find(delimiter); at != std::string_view::npos;
       at = text.find(delimiter, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') return at;
  }
  return std::string_view::npos;
}

// `text` is a part's octets between two boundary lines, without line ends of
// theirs.
absl::StatusOr<MultipartPart> ParsePart(std::string_view text,
                                        std::string_view line_end) {
  MultipartPart part;
  std::string_view rest = text;
  while (!Take(&rest, line_end)) {
    const size_t end = rest.find(line_end);
    if (end == std::string_view::npos) {
      return Malformed("a part without a blank line after its headers");
    }
    const std::string_view line = rest.substr(0, end);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        line.find_first_of(" \t\r\n") < colon) {
      return Malformed("a part has a bad header line");
    }
    rest.remove_prefix(end + line_end.size());
  }
  part.headers =
      std::string(text.substr(0, text.size() - rest.size() - line_end.size()));
  part.body = std::string(rest);
  return part;
}

std::string Write(const Multipart& message, std::string_view boundary) {
  const std::string_view line_end = message.is_crlf ? "\r\n" : "\n";
  std::string out = message.preamble;
  absl::StrAppend(&out, kDashes, boundary);
  for (const MultipartPart& part : message.parts) {
    absl::StrAppend(&out, line_end, part.headers, line_end, part.body, line_end,
                    kDashes, boundary);
  }
  absl::StrAppend(&out, kDashes, message.epilogue);
  return out;
}

}  // namespace

absl::StatusOr<std::string> ParseBoundary(std::string_view content_type) {
  if (!MediaTypeIs(content_type, kMixed)) {
    return Malformed("the media type is not multipart/mixed");
  }
  std::optional<std::string> boundary;
  std::string_view rest = content_type;
  // *( OWS ";" OWS token "=" ( token / quoted-string ) )
  for (size_t semicolon = rest.find(';'); semicolon != std::string_view::npos;
       semicolon = rest.find(';')) {
    rest = absl::StripLeadingAsciiWhitespace(rest.substr(semicolon + 1));
    const size_t equals = rest.find_first_of("=;");
    if (equals == std::string_view::npos || rest[equals] == ';') continue;
    const std::string_view name = rest.substr(0, equals);
    rest.remove_prefix(equals + 1);
    std::string_view value;
    if (Take(&rest, "\"")) {
      const size_t quote = rest.find('"');
      if (quote == std::string_view::npos) return Malformed("an open quote");
      value = rest.substr(0, quote);
      rest.remove_prefix(quote + 1);
    } else {
      value = absl::StripAsciiWhitespace(rest.substr(0, rest.find(';')));
    }
    if (!absl::EqualsIgnoreCase(name, "boundary")) continue;
    if (boundary.has_value()) return Malformed("two boundaries");
    boundary = std::string(value);
  }
  if (!boundary.has_value() || !IsBoundary(*boundary)) {
    return Malformed("no boundary, or a bad one");
  }
  return *std::move(boundary);
}

absl::StatusOr<Multipart> ParseMultipart(std::string_view body,
                                         std::string_view boundary) {
  if (!IsBoundary(boundary)) return Malformed("a bad boundary");
  const std::string delimiter = absl::StrCat(kDashes, boundary);
  size_t at = FindLine(body, delimiter);
  if (at == std::string_view::npos) return Malformed("no boundary line");
  Multipart out;
  out.preamble = std::string(body.substr(0, at));
  std::string_view rest = body.substr(at + delimiter.size());
  if (Take(&rest, "\n")) {
    out.is_crlf = false;
  } else if (!Take(&rest, "\r\n")) {
    return Malformed("something follows the first boundary on its line");
  }
  const std::string_view line_end = out.is_crlf ? "\r\n" : "\n";
  while (true) {
    at = FindLine(rest, delimiter);
    if (at == std::string_view::npos) return Malformed("no closing boundary");
    std::string_view text = rest.substr(0, at);
    if (!absl::ConsumeSuffix(&text, line_end)) {
      return Malformed("mixed line ends, or an empty part");
    }
    absl::StatusOr<MultipartPart> part = ParsePart(text, line_end);
    if (!part.ok()) return part.status();
    if (out.parts.size() == kMaxParts) return Malformed("too many parts");
    out.parts.push_back(*std::move(part));
    rest.remove_prefix(at + delimiter.size());
    if (Take(&rest, line_end)) continue;
    if (!Take(&rest, kDashes) ||
        (!rest.empty() && !absl::StartsWith(rest, line_end))) {
      return Malformed("a line begins like a boundary and is none");
    }
    out.epilogue = std::string(rest);
    return out;
  }
}

absl::StatusOr<std::string> SerializeMultipart(const Multipart& message,
                                               std::string_view boundary) {
  std::string out = Write(message, boundary);
  const absl::StatusOr<Multipart> back = ParseMultipart(out, boundary);
  if (!back.ok()) return back.status();
  if (*back != message) {
    return Malformed("the boundary occurs in a part, or lines don't end alike");
  }
  return out;
}

std::optional<std::string> FindHeader(const MultipartPart& part,
                                      std::string_view name) {
  std::string_view rest = part.headers;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1);
    const std::string_view line = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos ||
        !absl::EqualsIgnoreCase(line.substr(0, colon), name)) {
      continue;
    }
    return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return std::nullopt;
}

}  // namespace bestow::est
