#include "common/net/http_writer.h"

#include <gtest/gtest.h>

namespace bestow {
namespace {

HttpReplyContext Context() {
  return {.now = absl::FromUnixSeconds(784111777)};  // RFC 9110 5.6.7
}

TEST(HttpWriterTest, WritesReplies) {
  HttpResponse response;
  response.headers = {{"Content-Type", "text/plain"}};
  response.body = "hi\n";
  EXPECT_EQ(SerializeHttpResponse(response, Context()),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 3\r\n\r\nhi\n");
}

TEST(HttpWriterTest, WritesAnEmptyBodyWithItsLength) {
  HttpResponse response;
  response.status = 401;
  HttpReplyContext context = Context();
  context.close = true;
  EXPECT_EQ(SerializeHttpResponse(response, context),
            "HTTP/1.1 401 Unauthorized\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Length: 0\r\n"
            "Connection: close\r\n\r\n");
}

TEST(HttpWriterTest, LeavesBodyOutWhereThereIsNone) {
  HttpResponse response;
  response.body = "never sent";
  response.status = 204;
  EXPECT_EQ(SerializeHttpResponse(response, Context()),
            "HTTP/1.1 204 No Content\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
  response.status = 200;
  HttpReplyContext head = Context();
  head.head_request = true;
  EXPECT_EQ(SerializeHttpResponse(response, head),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Length: 10\r\n\r\n");
}

TEST(HttpWriterTest, ValuesCannotEndTheirLine) {
  HttpResponse response;
  response.headers = {{"X", "a\r\nSet-Cookie: b"}, {"content-length", "99"}};
  EXPECT_EQ(SerializeHttpResponse(response, Context()),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "X: a  Set-Cookie: b\r\n"
            "Content-Length: 0\r\n\r\n");
}

TEST(HttpWriterTest, ErrorIsOneLineOfTextAndCloses) {
  const HttpResponse error = HttpErrorResponse(404, "no such path");
  EXPECT_EQ(error.status, 404);
  EXPECT_EQ(error.body, "no such path\n");
  EXPECT_TRUE(error.close);
  EXPECT_EQ(FindHeader(error.headers, "content-type"),
            "text/plain; charset=utf-8");
}

TEST(HttpWriterTest, WritesRequests) {
  EXPECT_EQ(SerializeHttpRequest({.method = "GET", .target = "/a"}, "h:1"),
            "GET /a HTTP/1.1\r\nHost: h:1\r\nUser-Agent: bestow\r\n\r\n");
  EXPECT_EQ(SerializeHttpRequest({.method = "POST",
                                  .target = "/a",
                                  .headers = {{"Host", "evil"}, {"A", "b"}},
                                  .body = "xyz"},
                                 "h"),
            "POST /a HTTP/1.1\r\nHost: h\r\nUser-Agent: bestow\r\nA: b\r\n"
            "Content-Length: 3\r\n\r\nxyz");
  EXPECT_EQ(SerializeHttpRequest({.method = "POST", .target = "/"}, "h"),
            "POST / HTTP/1.1\r\nHost: h\r\nUser-Agent: bestow\r\n"
            "Content-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace bestow
