// HTTP/1.1 messages of ours as bytes: customary header case, Content-Length,
// never chunked.
#ifndef COMMON_NET_HTTP_WRITER_H_
#define COMMON_NET_HTTP_WRITER_H_

#include <string>

#include "absl/time/time.h"
#include "common/net/http_message.h"

namespace bestow {

struct HttpReplyContext {
  bool head_request = false;  // then no body, but its length
  bool close = false;         // says Connection: close
  absl::Time now;             // for Date
};

// 204 and 304 have no body and no length. Control characters in header values
// become spaces, so that no value can end its line.
std::string SerializeHttpResponse(const HttpResponse& response,
                                  const HttpReplyContext& context);

// `authority` is the value of Host. A request with a body, and every POST and
// PUT, has Content-Length.
std::string SerializeHttpRequest(const HttpRequest& request,
                                 const std::string& authority);

}  // namespace bestow

#endif  // COMMON_NET_HTTP_WRITER_H_
