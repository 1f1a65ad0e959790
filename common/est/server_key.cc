#include "common/est/server_key.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/est/multipart.h"
#include "common/est/protocol.h"

namespace bestow::est {
namespace {

// Base64 has no '-', so that no line of a part can be taken for a boundary.
constexpr std::string_view kBoundary = "bestowServerKeyBoundary";
constexpr size_t kPartCount = 2;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("serverkeygen reply: ", why));
}

MultipartPart MakePart(std::string_view content_type, ByteView der,
                       LineWrap wrap) {
  std::string text = EncodeBody(der, wrap);
  MultipartPart part;
  part.headers = absl::StrCat("Content-Type: ", content_type,
                              "\r\nContent-Transfer-Encoding: base64\r\n");
  // The last line's end is the boundary's.
  const std::string_view lines = absl::StripSuffix(text, "\n");
  part.body.reserve(lines.size() +
                    std::count(lines.begin(), lines.end(), '\n'));
  for (const char c : lines) {
    if (c == '\n') part.body.push_back('\r');
    part.body.push_back(c);
  }
  Cleanse(text.data(), text.size());
  return part;
}

enum class PartKind { kPlainKey, kEncryptedKey, kCertificates };

// The value of a media type's smime-type parameter, or "".
std::string_view SmimeType(std::string_view media_type) {
  for (const std::string_view parameter : absl::StrSplit(media_type, ';')) {
    const std::pair<std::string_view, std::string_view> pair =
        absl::StrSplit(parameter, absl::MaxSplits('=', 1));
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(pair.first),
                                "smime-type")) {
      continue;
    }
    std::string_view value = absl::StripAsciiWhitespace(pair.second);
    if (absl::ConsumePrefix(&value, "\"")) absl::ConsumeSuffix(&value, "\"");
    return value;
  }
  return "";
}

std::optional<PartKind> KindOf(const MultipartPart& part) {
  const std::string type = FindHeader(part, "Content-Type").value_or("");
  if (MediaTypeIs(type, kPkcs8MediaType)) return PartKind::kPlainKey;
  if (!MediaTypeIs(type, kCertsOnlyMediaType)) return std::nullopt;
  const std::string_view smime_type = SmimeType(type);
  if (absl::EqualsIgnoreCase(smime_type, "server-generated-key")) {
    return PartKind::kEncryptedKey;
  }
  if (smime_type.empty() || absl::EqualsIgnoreCase(smime_type, "certs-only")) {
    return PartKind::kCertificates;
  }
  return std::nullopt;
}

absl::StatusOr<ServerKeyReply> ReadParts(const Multipart& message) {
  if (message.parts.size() != kPartCount) {
    return Malformed("there have to be two parts");
  }
  ServerKeyReply reply;
  for (const MultipartPart& part : message.parts) {
    const std::optional<PartKind> kind = KindOf(part);
    if (!kind.has_value()) return Malformed("a part is of another type");
    absl::StatusOr<Bytes> der = DecodeBody(part.body);
    if (!der.ok()) return Malformed(der.status().message());
    if (der->empty()) return Malformed("a part is empty");
    if (*kind == PartKind::kCertificates) {
      if (!reply.certs_only.empty()) return Malformed("there is no key");
      reply.certs_only = *std::move(der);
      continue;
    }
    Secret key(*std::move(der));
    if (!reply.key.empty()) return Malformed("there is no certificate");
    reply.key = std::move(key);
    reply.encrypted = *kind == PartKind::kEncryptedKey;
  }
  return reply;
}

}  // namespace

absl::StatusOr<MimeBody> SerializeServerKeyReply(const ServerKeyReply& reply,
                                                 LineWrap wrap) {
  if (reply.key.empty() || reply.certs_only.empty()) {
    return Malformed("a part is empty");
  }
  Multipart message;
  message.parts.push_back(
      MakePart(reply.encrypted ? kServerGeneratedKeyMediaType : kPkcs8MediaType,
               reply.key.bytes(), wrap));
  message.parts.push_back(
      MakePart(kCertsOnlyMediaType, reply.certs_only, wrap));
  message.epilogue = "\r\n";
  absl::StatusOr<std::string> body = SerializeMultipart(message, kBoundary);
  CleanseParts(message);
  if (!body.ok()) return body.status();
  return MimeBody{
      absl::StrCat(kServerKeyGenMediaType, "; boundary=", kBoundary),
      *std::move(body)};
}

absl::StatusOr<ServerKeyReply> ParseServerKeyReply(
    std::string_view content_type, std::string_view body) {
  absl::StatusOr<std::string> boundary = ParseBoundary(content_type);
  if (!boundary.ok()) return Malformed(boundary.status().message());
  absl::StatusOr<Multipart> message = ParseMultipart(body, *boundary);
  if (!message.ok()) return Malformed(message.status().message());
  absl::StatusOr<ServerKeyReply> reply = ReadParts(*message);
  CleanseParts(*message);
  return reply;
}

}  // namespace bestow::est
