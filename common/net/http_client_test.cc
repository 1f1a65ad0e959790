#include "common/net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/net/test_https_server.h"

namespace bestow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Runs a client on a loop of its own, step by step.
class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    auto loop = EventLoop::Create();
    CHECK(loop.ok());
    loop_ = *std::move(loop);
  }

  std::unique_ptr<HttpClient> Make(std::string host, uint16_t port,
                                   std::shared_ptr<const TlsContext> tls) {
    return std::make_unique<HttpClient>(
        *loop_, HttpClient::Options{.host = std::move(host),
                                    .port = port,
                                    .tls = std::move(tls),
                                    .limits = limits_,
                                    .connect_timeout = connect_timeout_});
  }

  absl::Status Connect(HttpClient& client) {
    std::optional<absl::Status> result;
    client.Connect([&](absl::Status status) {
      result = status;
      loop_->Stop();
    });
    EXPECT_FALSE(result.has_value()) << "called inline";
    Run();
    return result.value_or(absl::UnknownError("not called"));
  }

  absl::StatusOr<HttpResponse> Send(HttpClient& client, HttpRequest request) {
    std::optional<absl::StatusOr<HttpResponse>> result;
    client.Send(std::move(request), [&](auto response) {
      result = std::move(response);
      loop_->Stop();
    });
    EXPECT_FALSE(result.has_value()) << "called inline";
    Run();
    if (!result) return absl::UnknownError("not called");
    return *std::move(result);
  }

  void Run() {
    auto guard = loop_->RunAfter(absl::Seconds(20), [&] { loop_->Stop(); });
    loop_->Run();
  }

  // A server of one connection: reads a request's header, then says `reply`
  // and ends as told.
  enum class End { kCloseNotify, kAbrupt, kStaysOpen };
  void ServeOnce(std::string reply, End end) {
    auto fd = OpenListeningSocket("127.0.0.1:0");
    CHECK(fd.ok());
    raw_port_ = LocalPort(*fd);
    TlsServerOptions options;
    options.credential = ca_.Credential(TestServerLeaf());
    auto context = TlsContext::CreateServer(options, clock_);
    CHECK(context.ok());
    raw_thread_ = std::thread([fd = *fd, context = *context, reply, end] {
      int peer;
      while ((peer = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC)) < 0) {
        absl::SleepFor(absl::Milliseconds(2));  // a non-blocking listener
      }
      close(fd);
      RawTls tls = RawTls::Server(peer, context);
      if (!tls.Handshake().ok()) return;
      tls.ReadUntil("\r\n\r\n");
      if (!reply.empty()) tls.Send(reply);
      if (end == End::kCloseNotify) tls.SendCloseNotify();
      if (end == End::kAbrupt) shutdown(tls.fd(), SHUT_WR);
      tls.ReadUntilEnd();
    });
  }
  absl::StatusOr<HttpResponse> AskRawServer() {
    TlsClientOptions options;
    options.server_anchors = ca_.anchors();
    auto client = Make("127.0.0.1", raw_port_,
                       *TlsContext::CreateClient(options, clock_));
    absl::Status status = Connect(*client);
    if (!status.ok()) return status;
    auto response = Send(*client, {.method = "GET", .target = "/"});
    reusable_ = client->reusable();
    client.reset();
    raw_thread_.join();
    return response;
  }

  const SystemClock clock_;
  const TestCa ca_{"Test CA"};
  HttpLimits limits_;
  absl::Duration connect_timeout_ = absl::Seconds(10);
  std::unique_ptr<EventLoop> loop_;
  uint16_t raw_port_ = 0;
  bool reusable_ = false;
  std::thread raw_thread_;
};

TEST_F(HttpClientTest, SendsRequestAfterRequestOnOneConnection) {
  TestHttpsServer server({});
  auto client = Make("localhost", server.port(), server.ClientContext());
  EXPECT_EQ(client->tls(), nullptr);
  ASSERT_TRUE(Connect(*client).ok());
  ASSERT_NE(client->tls(), nullptr);
  EXPECT_EQ(client->tls()->version(), "TLSv1.3");
  for (int i = 0; i < 3; ++i) {
    auto response = Send(*client, {.method = "POST",
                                   .target = absl::StrCat("/", i),
                                   .body = std::string(1000 * i, 'b')});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body,
              absl::StrCat("POST /", i, " ", std::string(1000 * i, 'b')));
    EXPECT_TRUE(client->reusable());
  }
  auto last = Send(
      *client,
      {.method = "GET", .target = "/", .headers = {{"Connection", "close"}}});
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_FALSE(client->reusable());
  EXPECT_EQ(Send(*client, {.method = "GET", .target = "/"}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(HttpClientTest, SaysWhichAddressesCannotBeReachedAndWhy) {
  // A port that was free a moment ago.
  auto fd = OpenListeningSocket("127.0.0.1:0");
  ASSERT_TRUE(fd.ok());
  const uint16_t port = LocalPort(*fd);
  close(*fd);
  TlsClientOptions options;
  options.server_anchors = ca_.anchors();
  auto tls = *TlsContext::CreateClient(options, clock_);
  auto client = Make("127.0.0.1", port, tls);
  absl::Status status = Connect(*client);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr(absl::StrCat("can't reach 127.0.0.1:", port,
                             ": 127.0.0.1:", port, ": Connection refused")));
  // .invalid never resolves (RFC 6761), with or without a name server.
  connect_timeout_ = absl::Seconds(5);
  auto nowhere = Make("no-such-host.invalid", port, tls);
  status = Connect(*nowhere);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no-such-host.invalid"));
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status));
}

TEST_F(HttpClientTest, TriesTheNextAddress) {
  // localhost is ::1 too on most machines; the server is on 127.0.0.1 alone.
  TestHttpsServer server({});
  auto client = Make("localhost", server.port(), server.ClientContext());
  EXPECT_TRUE(Connect(*client).ok());
}

TEST_F(HttpClientTest, ForeignOrMisnamedServerIsRefused) {
  TestHttpsServer server({});
  TlsClientOptions options;
  options.server_anchors = ca_.anchors();  // another CA of the same name
  auto foreign = Make("localhost", server.port(),
                      *TlsContext::CreateClient(options, clock_));
  absl::Status status = Connect(*foreign);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("CN=test server"), HasSubstr("not trusted")));
  auto misnamed = Make("127.0.0.2", server.port(), server.ClientContext());
  // The listener is on 127.0.0.1: not even reached.
  EXPECT_EQ(Connect(*misnamed).code(), absl::StatusCode::kUnavailable);
}

TEST_F(HttpClientTest, SilentServerMeetsTheHandshakeDeadline) {
  auto fd = OpenListeningSocket("127.0.0.1:0");  // the kernel accepts
  ASSERT_TRUE(fd.ok());
  limits_.handshake_timeout = absl::Milliseconds(200);
  TlsClientOptions options;
  options.server_anchors = ca_.anchors();
  auto client = Make("127.0.0.1", LocalPort(*fd),
                     *TlsContext::CreateClient(options, clock_));
  absl::Status status = Connect(*client);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no TLS handshake within 200ms"));
  close(*fd);
}

TEST_F(HttpClientTest, SilentHandlerMeetsTheReplyDeadline) {
  std::vector<HttpServer::Reply> never;
  TestHttpsServer server(
      {.handler = [&](const HttpRequest&, const HttpPeer&,
                      HttpServer::Reply reply) { never.push_back(reply); }});
  limits_.header_timeout = absl::Milliseconds(200);
  auto client = Make("localhost", server.port(), server.ClientContext());
  ASSERT_TRUE(Connect(*client).ok());
  auto response = Send(*client, {.method = "GET", .target = "/"});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(response.status().message()),
              AllOf(HasSubstr("127.0.0.1:"), HasSubstr("no reply within")));
  EXPECT_FALSE(client->reusable());
}

TEST_F(HttpClientTest, ReadsWhatRawServersSay) {
  struct Case {
    const char* name;
    std::string reply;
    End end;
    absl::StatusCode code;
    std::string body;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const Case cases[] = {
      {"UntilCloseNotify", ok + "\r\nall", End::kCloseNotify,
       absl::StatusCode::kOk, "all"},
      {"UntilAbruptEnd", ok + "\r\nall", End::kAbrupt,
       absl::StatusCode::kDataLoss, ""},
      {"WholeThenAbrupt", ok + "Content-Length: 2\r\n\r\nhi", End::kAbrupt,
       absl::StatusCode::kOk, "hi"},
      {"CutCleanly", ok + "Content-Length: 3\r\n\r\nhi", End::kCloseNotify,
       absl::StatusCode::kDataLoss, ""},
      {"CutChunks", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
       End::kCloseNotify, absl::StatusCode::kDataLoss, ""},
      {"Nothing", "", End::kCloseNotify, absl::StatusCode::kUnavailable, ""},
      {"NothingAbrupt", "", End::kAbrupt, absl::StatusCode::kUnavailable, ""},
      {"Interim",
       "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi",
       End::kStaysOpen, absl::StatusCode::kOk, "hi"},
      {"Garbage", "SMTP or so\r\n\r\n", End::kStaysOpen,
       absl::StatusCode::kInvalidArgument, ""},
      {"TooLong", ok + "Content-Length: 999999999\r\n\r\n", End::kStaysOpen,
       absl::StatusCode::kResourceExhausted, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ServeOnce(c.reply, c.end);
    auto response = AskRawServer();
    EXPECT_EQ(response.status().code(), c.code) << response.status();
    if (response.ok()) {
      EXPECT_EQ(response->body, c.body);
    } else {
      EXPECT_THAT(std::string(response.status().message()),
                  HasSubstr(absl::StrCat("127.0.0.1:", raw_port_)));
    }
  }
}

TEST_F(HttpClientTest, ExtraBytesAfterTheReplyEndTheConnection) {
  ServeOnce("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK",
            End::kStaysOpen);
  auto response = AskRawServer();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "hi");
  EXPECT_FALSE(reusable_);
}

TEST_F(HttpClientTest, MayBeDestroyedInItsCallbackAndAtAnyStage) {
  TestHttpsServer server({});
  auto tls = server.ClientContext();
  std::unique_ptr<HttpClient> client = Make("localhost", server.port(), tls);
  client->Connect([&](absl::Status status) {
    EXPECT_TRUE(status.ok()) << status;
    client.reset();
    loop_->Stop();
  });
  Run();
  EXPECT_EQ(client, nullptr);
  client = Make("localhost", server.port(), tls);
  ASSERT_TRUE(Connect(*client).ok());
  client->Send({.method = "GET", .target = "/"}, [&](auto response) {
    EXPECT_TRUE(response.ok());
    client.reset();
    loop_->Stop();
  });
  Run();
  EXPECT_EQ(client, nullptr);
  client = Make("localhost", server.port(), tls);
  client->Connect([](absl::Status) { FAIL() << "called after destruction"; });
  client.reset();
  client = Make("localhost", server.port(), tls);
  ASSERT_TRUE(Connect(*client).ok());
  client->Send({.method = "GET", .target = "/"},
               [](auto) { FAIL() << "called after destruction"; });
  client.reset();
  loop_->Stop();
  Run();
}

TEST_F(HttpClientTest, ServerLogsThatItsCertificateWasRefused) {
  TestHttpsServer server({});
  TlsClientOptions options;
  options.server_anchors = ca_.anchors();
  auto client = Make("localhost", server.port(),
                     *TlsContext::CreateClient(options, clock_));
  EXPECT_EQ(Connect(*client).code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(server.WaitForRefused(1));
  EXPECT_THAT(server.refused()[0], HasSubstr("refused our certificate"));
}

}  // namespace
}  // namespace bestow
