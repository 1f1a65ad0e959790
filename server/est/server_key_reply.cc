#include "server/est/server_key_reply.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/base/secret.h"
#include "common/est/multipart.h"
#include "common/est/protocol.h"

namespace bestow::server {
namespace {

// Two dashes at the start of a line are never base64.
constexpr char kBoundary[] = "bestowServerKeyBoundary";

est::MultipartPart Part(std::string_view content_type, ByteView der,
                        est::LineWrap wrap) {
  std::string text = est::EncodeBody(der, wrap);
  est::MultipartPart part;
  part.headers = absl::StrCat("Content-Type: ", content_type,
                              "\r\nContent-Transfer-Encoding: base64\r\n");
  part.body =
      absl::StrReplaceAll(absl::StripSuffix(text, "\n"), {{"\n", "\r\n"}});
  Cleanse(text.data(), text.size());
  return part;
}

}  // namespace

absl::StatusOr<HttpResponse> ServerKeyReply(const ServerKey& key,
                                            ByteView certs_only,
                                            est::LineWrap wrap) {
  est::Multipart message;
  message.parts = {Part(key.is_encrypted ? est::kServerGeneratedKeyMediaType
                                         : est::kPkcs8MediaType,
                        key.key.bytes(), wrap),
                   Part(est::kCertsOnlyMediaType, certs_only, wrap)};
  message.epilogue = "\r\n";
  absl::StatusOr<std::string> body =
      est::SerializeMultipart(message, kBoundary);
  std::string& key_text = message.parts.front().body;
  Cleanse(key_text.data(), key_text.size());
  if (!body.ok()) return body.status();
  HttpResponse response;
  response.headers = {{"Content-Type", absl::StrCat(est::kServerKeyGenMediaType,
                                                    "; boundary=", kBoundary)}};
  response.body = *std::move(body);
  return response;
}

}  // namespace bestow::server
