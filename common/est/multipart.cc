#include "common/est/multipart.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/secret.h"
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

// The spaces and tabs at the front of `text`.
std::string_view Padding(std::string_view text) {
  return text.substr(0, std::min(text.find_first_not_of(" \t"), text.size()));
}

// RFC 2046 5.1.1: transport-padding and the line end. Nothing when something
// else stands there.
std::string_view RestOfLine(std::string_view text) {
  const size_t padding = Padding(text).size();
  for (const std::string_view end : {"\n", "\r\n"}) {
    if (absl::StartsWith(text.substr(padding), end)) {
      return text.substr(0, padding + end.size());
    }
  }
  return {};
}

bool IsHeaderLine(std::string_view line, bool is_first) {
  // A folded line goes on with the one before it.
  if (absl::StartsWith(line, " ") || absl::StartsWith(line, "\t")) {
    return !is_first;
  }
  const std::string_view name =
      absl::StripTrailingAsciiWhitespace(line.substr(0, line.find(':')));
  return absl::StrContains(line, ':') && !name.empty() &&
         name.find_first_of(" \t\r") == std::string_view::npos;
}

// `text` is a part's octets between two boundary lines, without line ends of
// theirs.
absl::Status ParsePart(std::string_view text, MultipartPart* part) {
  std::string_view rest = text;
  while (true) {
    const std::string_view blank = RestOfLine(rest);
    if (!blank.empty()) {
      part->headers = std::string(text.substr(0, text.size() - rest.size()));
      part->blank_line = std::string(blank);
      part->body = std::string(rest.substr(blank.size()));
      return absl::OkStatus();
    }
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) {
      return Malformed("a part without a blank line after its headers");
    }
    const std::string_view line = absl::StripSuffix(rest.substr(0, end), "\r");
    if (!IsHeaderLine(line, rest.size() == text.size())) {
      return Malformed("a part has a bad header line");
    }
    rest.remove_prefix(end + 1);
  }
}

absl::Status ReadMultipart(std::string_view body, std::string_view boundary,
                           Multipart* out) {
  if (!IsBoundary(boundary)) return Malformed("a bad boundary");
  const std::string delimiter = absl::StrCat(kDashes, boundary);
  size_t at = FindLine(body, delimiter);
  if (at == std::string_view::npos) return Malformed("no boundary line");
  out->preamble = std::string(body.substr(0, at));
  std::string_view rest = body.substr(at + delimiter.size());
  while (true) {
    const std::string_view end_of_line = RestOfLine(rest);
    if (end_of_line.empty()) break;
    if (out->parts.size() == kMaxParts) return Malformed("too many parts");
    rest.remove_prefix(end_of_line.size());
    at = FindLine(rest, delimiter);
    if (at == std::string_view::npos) return Malformed("no closing boundary");
    std::string_view text = rest.substr(0, at);
    MultipartPart part;
    part.after_boundary = std::string(end_of_line);
    if (!absl::ConsumeSuffix(&text, "\n")) return Malformed("an empty part");
    part.before_boundary = absl::ConsumeSuffix(&text, "\r") ? "\r\n" : "\n";
    const absl::Status status = ParsePart(text, &part);
    if (!status.ok()) return status;
    out->parts.push_back(std::move(part));
    rest.remove_prefix(at + delimiter.size());
  }
  if (out->parts.empty()) {
    return Malformed("something follows the first boundary on its line");
  }
  if (!Take(&rest, kDashes) ||
      (rest.size() != Padding(rest).size() && RestOfLine(rest).empty())) {
    return Malformed("a line begins like a boundary and isn't one");
  }
  out->epilogue = std::string(rest);
  return absl::OkStatus();
}

size_t WrittenBytes(const Multipart& message, std::string_view boundary) {
  const size_t delimiter = kDashes.size() + boundary.size();
  size_t bytes = message.preamble.size() + delimiter + kDashes.size() +
                 message.epilogue.size();
  for (const MultipartPart& part : message.parts) {
    bytes += part.after_boundary.size() + part.headers.size() +
             part.blank_line.size() + part.body.size() +
             part.before_boundary.size() + delimiter;
  }
  return bytes;
}

std::string Write(const Multipart& message, std::string_view boundary) {
  std::string out;
  // A string that grows leaves what it had behind, and that may be a key.
  out.reserve(WrittenBytes(message, boundary));
  absl::StrAppend(&out, message.preamble, kDashes, boundary);
  for (const MultipartPart& part : message.parts) {
    absl::StrAppend(&out, part.after_boundary, part.headers, part.blank_line);
    absl::StrAppend(&out, part.body, part.before_boundary, kDashes, boundary);
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
  Multipart out;
  const absl::Status status = ReadMultipart(body, boundary, &out);
  if (status.ok()) return out;
  CleanseParts(out);
  return status;
}

void CleanseParts(Multipart& message) {
  for (MultipartPart& part : message.parts) {
    Cleanse(part.body.data(), part.body.size());
  }
}

absl::StatusOr<std::string> SerializeMultipart(const Multipart& message,
                                               std::string_view boundary) {
  std::string out = Write(message, boundary);
  absl::StatusOr<Multipart> back = ParseMultipart(out, boundary);
  const bool is_same = back.ok() && *back == message;
  if (back.ok()) CleanseParts(*back);
  if (is_same) return out;
  Cleanse(out.data(), out.size());
  if (!back.ok()) return back.status();
  return Malformed("the boundary occurs in a part, or lines don't end alike");
}

std::optional<std::string> FindHeader(const MultipartPart& part,
                                      std::string_view name) {
  std::optional<std::string> value;
  std::string_view rest = part.headers;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1);
    const std::string_view line = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
    if (!Padding(line).empty()) {
      if (!value.has_value()) continue;
      absl::StrAppend(&*value, " ", absl::StripAsciiWhitespace(line));
      continue;
    }
    if (value.has_value()) break;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos ||
        !absl::EqualsIgnoreCase(
            absl::StripTrailingAsciiWhitespace(line.substr(0, colon)), name)) {
      continue;
    }
    value = std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return value;
}

}  // namespace bestow::est
