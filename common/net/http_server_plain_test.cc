// An HttpServer without TLS: the same answers, limits and ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/net/http_server.h"
#include "common/net/raw_tls.h"
#include "common/net/test_https_server.h"

namespace bestow {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::Duration kShort = absl::Milliseconds(300);
constexpr char kEnd[] = "HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";

// A blocking peer that says exactly the bytes it is told.
class RawPlain {
 public:
  explicit RawPlain(uint16_t port) : fd_(ConnectLoopback(port)) {
    const timeval patience = {10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~RawPlain() { close(fd_); }
  RawPlain(const RawPlain&) = delete;
  RawPlain& operator=(const RawPlain&) = delete;

  void Send(std::string_view text) {
    (void)!send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }
  std::string Read(size_t at_least) {
    std::string text;
    char buffer[64 * 1024];
    while (text.size() < at_least) {
      const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }
  std::string ReadUntilEnd() { return Read(std::string::npos); }

 private:
  const int fd_;
};

TEST(HttpServerPlainTest, AnswersRawRequestsWholeAndByteByByte) {
  struct Case {
    const char* name;
    std::string raw;
    std::string start;
    std::string end;
  };
  const Case cases[] = {
      {"Get", absl::StrCat("GET /x ", kEnd, "\r\n"), "HTTP/1.1 200 OK\r\n",
       "Connection: close\r\n\r\nGET /x "},
      {"Post", absl::StrCat("POST /x ", kEnd, "Content-Length: 2\r\n\r\nhi"),
       "HTTP/1.1 200 OK\r\n", "\r\n\r\nPOST /x hi"},
      {"Head", absl::StrCat("HEAD /x ", kEnd, "\r\n"), "HTTP/1.1 200 OK\r\n",
       "Content-Length: 8\r\nConnection: close\r\n\r\n"},
      {"Oversized",
       absl::StrCat("POST /x ", kEnd, "Content-Length: 99\r\n\r\n"),
       "HTTP/1.1 413 Content Too Large\r\n", "longer than 50 bytes\n"},
      // A TLS client that took the wrong port.
      {"ClientHello", std::string("\x16\x03\x01\x00\x05hello\r\n\r\n", 14),
       "HTTP/1.1 400 Bad Request\r\n", "\n"},
  };
  HttpLimits limits;
  limits.body_bytes = 50;
  TestHttpsServer server({.limits = limits, .plain = true});
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    for (size_t step : {c.raw.size(), size_t{1}}) {
      RawPlain client(server.port());
      for (size_t at = 0; at < c.raw.size(); at += step) {
        client.Send(c.raw.substr(at, step));
      }
      EXPECT_THAT(client.ReadUntilEnd(),
                  AllOf(StartsWith(c.start), EndsWith(c.end)))
          << "by " << step;
    }
  }
}

TEST(HttpServerPlainTest, TellsItsHandlerThatThereIsNoTls) {
  TestHttpsServer server({.handler =
                              [](const HttpRequest&, const HttpPeer& peer,
                                 HttpServer::Reply reply) {
                                HttpResponse response;
                                response.body =
                                    absl::StrCat(peer.tls == nullptr, " ",
                                                 peer.remote_address);
                                reply(response);
                              },
                          .plain = true});
  RawPlain client(server.port());
  client.Send(absl::StrCat("GET / ", kEnd, "\r\n"));
  EXPECT_THAT(client.ReadUntilEnd(), HasSubstr("\r\n\r\n1 127.0.0.1:"));
}

TEST(HttpServerPlainTest, KeepsTheConnectionAndSeesItsEnd) {
  TestHttpsServer server({.plain = true});
  RawPlain client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /k HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.Read(1), AllOf(StartsWith("HTTP/1.1 200 OK"),
                                      Not(HasSubstr("Connection: close"))));
  }
  client.EndSending();
  EXPECT_THAT(client.ReadUntilEnd(), IsEmpty());
  EXPECT_TRUE(server.WaitForConnections(0));
}

TEST(HttpServerPlainTest, AnswersWhoEndsSendingAfterTheRequest) {
  TestHttpsServer server({.plain = true});
  RawPlain client(server.port());
  client.Send("GET /k HTTP/1.1\r\nHost: h\r\n\r\n");
  client.EndSending();
  EXPECT_THAT(client.ReadUntilEnd(),
              AllOf(StartsWith("HTTP/1.1 200 OK"), EndsWith("GET /k ")));
}

TEST(HttpServerPlainTest, SendsAReplyOfMegabytesWhole) {
  const std::string body(5'000'000, 'r');
  TestHttpsServer server(
      {.handler =
           [&](const HttpRequest&, const HttpPeer&, HttpServer::Reply reply) {
             HttpResponse response;
             response.body = body;
             reply(response);
           },
       .plain = true});
  RawPlain client(server.port());
  client.Send(absl::StrCat("GET / ", kEnd, "\r\n"));
  const std::string reply = client.ReadUntilEnd();
  EXPECT_THAT(reply.substr(0, 15), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_TRUE(absl::EndsWith(reply, body)) << reply.size();
}

TEST(HttpServerPlainTest, SilentClientMeetsTheHeaderDeadline) {
  HttpLimits limits;
  limits.header_timeout = kShort;
  TestHttpsServer server({.limits = limits, .plain = true});
  RawPlain client(server.port());
  const absl::Time start = absl::Now();
  EXPECT_THAT(client.ReadUntilEnd(), IsEmpty());
  EXPECT_LT(absl::Now() - start, 10 * kShort);
}

TEST(HttpServerPlainTest, HeaderThatNeverEndsMeetsTheDeadline) {
  HttpLimits limits;
  limits.header_timeout = kShort;
  TestHttpsServer server({.limits = limits, .plain = true});
  RawPlain client(server.port());
  client.Send("GET / HTTP/1.1\r\nX: ");
  EXPECT_THAT(client.ReadUntilEnd(), StartsWith("HTTP/1.1 408"));
}

}  // namespace
}  // namespace bestow
