// Deadlines, limits and the end of an HttpServer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <future>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/net/http_server.h"
#include "common/net/test_https_server.h"

namespace bestow {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr absl::Duration kShort = absl::Milliseconds(300);
constexpr absl::Duration kDrip = absl::Milliseconds(20);
constexpr char kGet[] = "GET /g HTTP/1.1\r\nHost: h\r\n\r\n";

// Says one byte after another until the server has had enough of it.
std::string Drip(RawTls& client, absl::Duration* took) {
  const absl::Time start = absl::Now();
  while (!client.ended() && absl::Now() - start < absl::Seconds(8)) {
    client.Send("a");
    if (client.ReadSome(kDrip)) break;
  }
  *took = absl::Now() - start;
  return client.ReadUntilEnd();
}

TEST(HttpServerLimitsTest, DrippingHeaderMeetsTheTotalDeadline) {
  HttpLimits limits;
  limits.header_timeout = kShort;
  TestHttpsServer server({.limits = limits});
  RawTls client = server.Connect();
  client.Send("GET / HTTP/1.1\r\nX: ");
  absl::Duration took;
  const std::string reply = Drip(client, &took);
  EXPECT_THAT(reply, AllOf(StartsWith("HTTP/1.1 408 Request Timeout"),
                           EndsWith("longer than 300ms\n")));
  EXPECT_GE(took, kShort - kDrip);
  EXPECT_LT(took, 10 * kShort);
  ASSERT_TRUE(server.WaitForRefused(1));
  EXPECT_THAT(server.refused()[0], StartsWith("408 the header took longer"));
}

TEST(HttpServerLimitsTest, DrippingBodyMeetsTheTotalDeadline) {
  HttpLimits limits;
  limits.body_timeout = kShort;
  TestHttpsServer server({.limits = limits});
  RawTls client = server.Connect();
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
  absl::Duration took;
  EXPECT_THAT(Drip(client, &took), StartsWith("HTTP/1.1 408"));
  EXPECT_LT(took, 10 * kShort);
}

TEST(HttpServerLimitsTest, EmptyLinesDoNotProlongIdleness) {
  HttpLimits limits;
  limits.header_timeout = limits.idle_timeout = kShort;
  TestHttpsServer server({.limits = limits});
  RawTls client = server.Connect();
  client.Send(kGet);
  client.ReadUntil("GET /g ");
  const absl::Time start = absl::Now();
  client.Send("\r\n");
  EXPECT_THAT(client.ReadUntilEnd(), IsEmpty());
  EXPECT_TRUE(client.ended_cleanly());
  EXPECT_LT(absl::Now() - start, 10 * kShort);
}

TEST(HttpServerLimitsTest, SilentHandshakeIsCut) {
  HttpLimits limits;
  limits.handshake_timeout = kShort;
  TestHttpsServer server({.limits = limits});
  const int fd = ConnectLoopback(server.port());
  char byte;
  EXPECT_EQ(recv(fd, &byte, 1, 0), 0);
  close(fd);
  ASSERT_TRUE(server.WaitForRefused(1));
  EXPECT_EQ(server.refused()[0], "no TLS handshake within 300ms");
  EXPECT_TRUE(server.WaitForConnections(0));
}

TEST(HttpServerLimitsTest, ReaderThatStopsReadingIsCut) {
  HttpLimits limits;
  limits.reply_timeout = kShort;
  TestHttpsServer server({.limits = limits,
                          .handler = [](const HttpRequest&, const HttpPeer&,
                                        HttpServer::Reply reply) {
                            HttpResponse response;
                            response.body = std::string(32 << 20, 'z');
                            reply(response);
                          }});
  RawTls client = server.Connect();
  client.Send(kGet);
  EXPECT_TRUE(server.WaitForConnections(1));
  EXPECT_TRUE(server.WaitForConnections(0));
  client.ReadUntilEnd();
  EXPECT_FALSE(client.ended_cleanly());
}

TEST(HttpServerLimitsTest, PlainHttpIsRefusedWithItsReason) {
  TestHttpsServer server({});
  const int fd = ConnectLoopback(server.port());
  ASSERT_GT(send(fd, kGet, sizeof(kGet) - 1, MSG_NOSIGNAL), 0);
  char buffer[256];
  while (recv(fd, buffer, sizeof(buffer), 0) > 0) {
  }
  close(fd);
  ASSERT_TRUE(server.WaitForRefused(1));
  EXPECT_THAT(server.refused()[0], HasSubstr("HTTP_REQUEST"));
}

TEST(HttpServerLimitsTest, ConnectionsBeyondTheLimitWaitTheirTurn) {
  TestHttpsServer server({.max_connections = 2});
  std::optional<RawTls> first(server.Connect());
  RawTls second = server.Connect();
  RawTls third =
      RawTls::Client(ConnectLoopback(server.port()), server.ClientContext());
  ASSERT_TRUE(server.WaitForRefused(1));
  EXPECT_THAT(server.refused()[0], HasSubstr("limit of 2 connections"));
  // The others are served as ever.
  second.Send(kGet);
  EXPECT_THAT(second.ReadUntil("GET /g "), StartsWith("HTTP/1.1 200"));
  first.reset();
  ASSERT_TRUE(third.Handshake().ok());
  third.Send(kGet);
  EXPECT_THAT(third.ReadUntil("GET /g "), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server.refused().size(), 1u) << "logged more than once";
}

TEST(HttpServerLimitsTest, RunningOutOfDescriptorsNeitherSpinsNorKills) {
  TestHttpsServer server({});
  const int fd = ConnectLoopback(server.port());  // accepted or about to be
  ASSERT_TRUE(server.WaitForConnections(1));
  const int next = dup(fd);
  ASSERT_GE(next, 0);
  rlimit old_limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old_limit), 0);
  const int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(waiting, 0);
  // No number is free below the new limit: accept(2) says EMFILE.
  std::vector<int> fillers;
  const rlim_t few = static_cast<rlim_t>(waiting) + 1;
  rlimit low = {few, old_limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (int filler; (filler = dup(fd)) >= 0;) fillers.push_back(filler);
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  ASSERT_EQ(getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(connect(waiting, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_TRUE(server.WaitForRefused(1));
  EXPECT_THAT(server.refused()[0], HasSubstr("Too many open files"));
  timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  absl::SleepFor(absl::Milliseconds(500));  // the time in which it could spin
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  EXPECT_LT(
      absl::DurationFromTimespec(after) - absl::DurationFromTimespec(before),
      absl::Milliseconds(200));
  EXPECT_EQ(server.refused().size(), 1u);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old_limit), 0);
  RawTls client = RawTls::Client(waiting, server.ClientContext());
  EXPECT_TRUE(client.Handshake().ok()) << "it accepts again";
  for (int filler : fillers) close(filler);
  close(next);
  close(fd);
}

class HttpServerDrainTest : public ::testing::Test {
 protected:
  HttpServerDrainTest()
      : server_({.handler = [this](const HttpRequest& request, const HttpPeer&,
                                   HttpServer::Reply reply) {
          if (request.target != "/wait") {
            return TestHttpsServer::Echo(request, {}, reply);
          }
          reply_ = reply;
          asked_.set_value();
        }}) {}

  void StartDraining(absl::Duration deadline) {
    server_.OnLoop([&](EventLoop&, HttpServer& server) {
      server.Drain(deadline, [this] { drained_.set_value(); });
    });
  }
  bool Drained(absl::Duration within) {
    return drained_.get_future().wait_for(absl::ToChronoMilliseconds(within)) ==
           std::future_status::ready;
  }

  HttpServer::Reply reply_;  // on the loop's thread
  std::promise<void> asked_, drained_;
  TestHttpsServer server_;
};

TEST_F(HttpServerDrainTest, FinishesWhatIsUnderWayAndClosesTheRest) {
  RawTls idle = server_.Connect();
  idle.Send(kGet);
  idle.ReadUntil("GET /g ");
  RawTls busy = server_.Connect();
  busy.Send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  asked_.get_future().wait();
  RawTls sending = server_.Connect();
  sending.Send("POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nh");
  ASSERT_TRUE(server_.WaitForConnections(3));
  // Its own first byte has been read when a later connection is served.
  RawTls probe = server_.Connect();
  probe.Send(kGet);
  probe.ReadUntil("GET /g ");

  StartDraining(absl::Seconds(30));
  EXPECT_THAT(idle.ReadUntilEnd(), IsEmpty());
  EXPECT_TRUE(idle.ended_cleanly());
  sending.Send("i");
  EXPECT_THAT(sending.ReadUntilEnd(), AllOf(HasSubstr("Connection: close\r\n"),
                                            EndsWith("POST /half hi")));
  server_.OnLoop([&](EventLoop&, HttpServer&) {
    HttpResponse response;
    response.body = "done";
    reply_(response);
  });
  EXPECT_THAT(busy.ReadUntilEnd(),
              AllOf(HasSubstr("Connection: close\r\n"), EndsWith("done")));
  { RawTls closes_busy = std::move(busy); }
  { RawTls closes_sending = std::move(sending); }
  EXPECT_TRUE(Drained(absl::Seconds(10)));
}

TEST_F(HttpServerDrainTest, CutsAtTheDeadline) {
  RawTls busy = server_.Connect();
  busy.Send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  asked_.get_future().wait();
  StartDraining(kShort);
  EXPECT_TRUE(Drained(absl::Seconds(10)));
  EXPECT_THAT(busy.ReadUntilEnd(), IsEmpty());
  server_.OnLoop([&](EventLoop&, HttpServer&) { reply_(HttpResponse()); });
}

TEST_F(HttpServerDrainTest, IsDrainedAtOnceWithoutConnections) {
  StartDraining(absl::Seconds(30));
  EXPECT_TRUE(Drained(absl::Seconds(10)));
}

}  // namespace
}  // namespace bestow
