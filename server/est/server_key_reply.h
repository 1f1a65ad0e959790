// The reply of /serverkeygen (RFC 7030 4.4.2).
#ifndef SERVER_EST_SERVER_KEY_REPLY_H_
#define SERVER_EST_SERVER_KEY_REPLY_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/est/transfer_encoding.h"
#include "common/net/http_message.h"
#include "server/est/server_key.h"

namespace bestow::server {

// 200 with multipart/mixed: the key, then the certificate as /simpleenroll
// gives it. Each part has Content-Type and Content-Transfer-Encoding.
absl::StatusOr<HttpResponse> ServerKeyReply(const ServerKey& key,
                                            ByteView certs_only,
                                            est::LineWrap wrap);

}  // namespace bestow::server

#endif  // SERVER_EST_SERVER_KEY_REPLY_H_
