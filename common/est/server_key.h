// The reply of /serverkeygen as a value: multipart/mixed of a private key and
// its certificate (RFC 7030 4.4.2, RFC 8951 3.2.4).
#ifndef COMMON_EST_SERVER_KEY_H_
#define COMMON_EST_SERVER_KEY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/est/transfer_encoding.h"

namespace bestow::est {

struct ServerKeyReply {
  bool encrypted = false;
  // DER: a PKCS#8 PrivateKeyInfo, or, encrypted, a CMS ContentInfo of
  // EnvelopedData.
  Secret key;
  Bytes certs_only;  // DER, as /simpleenroll's
};

struct MimeBody {
  std::string content_type;  // with the boundary
  std::string body;          // may hold a private key: cleanse it
};

// The key's part first. Each part has Content-Type and
// Content-Transfer-Encoding; lines end with CR LF, those of base64 as `wrap`
// says. kInvalidArgument: an empty part.
absl::StatusOr<MimeBody> SerializeServerKeyReply(
    const ServerKeyReply& reply, LineWrap wrap = LineWrap::kAuto);

// Exactly two parts, in either order: a key (application/pkcs8, or
// application/pkcs7-mime with smime-type=server-generated-key) and certificates
// (application/pkcs7-mime with smime-type=certs-only or without). Base64,
// whatever Content-Transfer-Encoding says (RFC 8951 2.1); preamble and epilogue
// are ignored; white space as ParseMultipart has it. kInvalidArgument: anything
// else. The caller limits the length of `body`, and cleanses it. NOT checked:
// what the two DERs are.
absl::StatusOr<ServerKeyReply> ParseServerKeyReply(
    std::string_view content_type, std::string_view body);

}  // namespace bestow::est

#endif  // COMMON_EST_SERVER_KEY_H_
