// What a server says to raw bytes, over TLS on a loopback socket.
#include "common/net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/net/test_https_server.h"

namespace bestow {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

HttpLimits SmallLimits() {
  HttpLimits limits;
  limits.header_bytes = 1024;
  limits.body_bytes = 100;
  return limits;
}

TEST(HttpServerTest, AnswersRawRequestsWholeAndByteByByte) {
  struct Case {
    const char* name;
    std::string raw;
    std::string reply_start;
    std::string reply_end;
  };
  const std::string end = "HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  const std::string post = "POST /x " + end;
  const Case cases[] = {
      {"Get", "GET /x " + end + "\r\n", "HTTP/1.1 200 OK\r\n",
       "Content-Length: 7\r\nConnection: close\r\n\r\nGET /x "},
      {"Post", post + "Content-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\n",
       "\r\n\r\nPOST /x hi"},
      {"Chunked",
       post + "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
       "HTTP/1.1 200 OK\r\n", "\r\n\r\nPOST /x hi"},
      {"Head", "HEAD /x " + end + "\r\n", "HTTP/1.1 200 OK\r\n",
       "Content-Length: 8\r\nConnection: close\r\n\r\n"},
      {"Http10", "GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n",
       "Connection: close\r\n\r\nGET /x "},
      {"ExpectContinue",
       post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
       "HTTP/1.1 ", "\r\n\r\nPOST /x hi"},
      {"TwoContentLengths",
       post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
       "HTTP/1.1 400 Bad Request\r\n", "more than one Content-Length\n"},
      {"LengthAndCoding",
       post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
       "HTTP/1.1 400 Bad Request\r\n", "\n"},
      {"Folded", "GET / " + end + "X: a\r\n b\r\n\r\n",
       "HTTP/1.1 400 Bad Request\r\n", "folded over lines\n"},
      {"NoHost", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
       "exactly one Host\n"},
      {"Oversized", post + "Content-Length: 101\r\n\r\n",
       "HTTP/1.1 413 Content Too Large\r\n", "longer than 100 bytes\n"},
      {"OversizedHeader",
       "GET / HTTP/1.1\r\nX: " + std::string(1100, 'x') + "\r\n\r\n",
       "HTTP/1.1 431 Request Header Fields Too Large\r\n",
       "longer than 1024 bytes\n"},
      {"UnknownExpectation", post + "Expect: tea\r\n\r\n",
       "HTTP/1.1 417 Expectation Failed\r\n", "100-continue\n"},
      {"UnknownCoding", post + "Transfer-Encoding: gzip\r\n\r\n",
       "HTTP/1.1 501 Not Implemented\r\n", "chunked\n"},
      {"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       "HTTP/1.1 505 HTTP Version Not Supported\r\n", "\n"},
  };
  TestHttpsServer server({.limits = SmallLimits()});
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    for (size_t step : {c.raw.size(), size_t{1}}) {
      RawTls client = server.Connect();
      for (size_t at = 0; at < c.raw.size(); at += step) {
        client.Send(c.raw.substr(at, step));
      }
      const std::string reply = client.ReadUntilEnd();
      EXPECT_THAT(reply,
                  AllOf(StartsWith(c.reply_start), EndsWith(c.reply_end)))
          << "by " << step;
      EXPECT_TRUE(client.ended_cleanly()) << "no close_notify";
      if (!absl::StartsWith(c.reply_start, "HTTP/1.1 200")) {
        if (std::string(c.name) != "ExpectContinue") {
          EXPECT_THAT(reply, HasSubstr("Content-Type: text/plain"));
          EXPECT_THAT(reply, HasSubstr("Connection: close\r\n"));
        }
      }
      // Let go of the connection: fewer than 16 headers, and a Date.
      EXPECT_THAT(reply, HasSubstr("\r\nDate: "));
      EXPECT_THAT(reply, Not(HasSubstr("chunked\r\n")));
    }
  }
}

TEST(HttpServerTest, KeepsTheConnectionUpToItsNumberOfRequests) {
  HttpLimits limits = SmallLimits();
  limits.requests_per_connection = 3;
  TestHttpsServer server({.limits = limits});
  RawTls client = server.Connect();
  for (int i = 0; i < 2; ++i) {
    client.Send("GET /k HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(client.ReadUntil("GET /k "),
                Not(HasSubstr("Connection: close")));
  }
  client.Send("GET /k HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.ReadUntilEnd(),
              AllOf(HasSubstr("Connection: close"), EndsWith("GET /k ")));
  EXPECT_TRUE(client.ended_cleanly());
}

TEST(HttpServerTest, SaysContinueOnlyForAcceptableHeaders) {
  TestHttpsServer server({.limits = SmallLimits()});
  RawTls client = server.Connect();
  client.Send(
      "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
      "Content-Length: 2\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hi");
  EXPECT_THAT(client.ReadUntil("POST /e hi"), StartsWith("HTTP/1.1 200 OK"));
  client.Send(
      "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
      "Content-Length: 2000\r\n\r\n");
  EXPECT_THAT(client.ReadUntilEnd(), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServerTest, ServesPipelinedRequestsInOrderOneAtATime) {
  std::atomic<int> under_way{0};
  // Answers from a later turn of the loop.
  EventLoop* loop = nullptr;
  TestHttpsServer server(
      {.handler = [&](const HttpRequest& request, const HttpPeer&,
                      HttpServer::Reply reply) {
        EXPECT_EQ(++under_way, 1);
        loop->Post([&, target = request.target, reply] {
          --under_way;
          HttpResponse response;
          response.body = absl::StrCat("<", target, ">");
          reply(response);
        });
      }});
  server.OnLoop([&](EventLoop& its, HttpServer&) { loop = &its; });
  RawTls client = server.Connect();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&all, "GET /", i, " HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  client.Send(all);
  for (int i = 0; i < 50; ++i) {
    const std::string reply = client.ReadUntil(">");
    EXPECT_THAT(reply, AllOf(StartsWith("HTTP/1.1 200"),
                             EndsWith(absl::StrCat("</", i, ">"))));
  }
}

TEST(HttpServerTest, SendsLargeReplyToSlowReader) {
  const std::string body(8 * 1024 * 1024, 'z');
  TestHttpsServer server({.handler = [&](const HttpRequest&, const HttpPeer&,
                                         HttpServer::Reply reply) {
    HttpResponse response;
    response.body = body;
    response.close = true;
    reply(response);
  }});
  RawTls client = server.Connect();
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string reply = client.ReadUntilEnd();
  EXPECT_TRUE(client.ended_cleanly());
  EXPECT_EQ(reply.substr(reply.find("\r\n\r\n") + 4), body);
}

TEST(HttpServerTest, ClientSeesTheRefusalOfABodyItIsStillSending) {
  TestHttpsServer server({.limits = SmallLimits()});
  RawTls client = server.Connect();
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n");
  client.Send(std::string(500'000, 'b'));
  EXPECT_THAT(client.ReadUntilEnd(), StartsWith("HTTP/1.1 413"));
  EXPECT_TRUE(client.ended_cleanly());
  ASSERT_TRUE(server.WaitForRefused(1));
  EXPECT_THAT(server.refused()[0], HasSubstr("413 the body is longer"));
}

TEST(HttpServerTest, LateAndDoubleRepliesAreDropped) {
  std::vector<HttpServer::Reply> replies;  // on the loop's thread
  TestHttpsServer server(
      {.handler = [&](const HttpRequest&, const HttpPeer&,
                      HttpServer::Reply reply) { replies.push_back(reply); }});
  {
    RawTls gone = server.Connect();
    gone.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(server.WaitForConnections(1));
    while (true) {
      size_t count = 0;
      server.OnLoop([&](auto&, auto&) { count = replies.size(); });
      if (count == 1) break;
    }
  }
  RawTls client = server.Connect();
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  while (true) {
    size_t count = 0;
    server.OnLoop([&](auto&, auto&) { count = replies.size(); });
    if (count == 2) break;
  }
  server.OnLoop([&](EventLoop&, HttpServer&) {
    HttpResponse response;
    response.body = "for nobody";
    replies[0](response);
    replies[0](response);
    response.body = "<first>";
    replies[1](response);
    response.body = "<second>";
    replies[1](response);
    replies.clear();
  });
  EXPECT_THAT(client.ReadUntil("<first>"), EndsWith("<first>"));
  EXPECT_FALSE(client.ReadSome(absl::Milliseconds(50))) << "a second reply";
}

TEST(HttpServerTest, WhatAHandlerGivesUpIsAnswered) {
  // Dropped at once, or by another thread.
  TestHttpsServer server({.handler = [](const HttpRequest& request,
                                        const HttpPeer&,
                                        HttpServer::Reply reply) {
    if (request.target == "/at-once") return;
    std::thread([kept = std::move(reply)]() mutable { kept = nullptr; }).join();
  }});
  for (const char* target : {"/at-once", "/by-another-thread"}) {
    SCOPED_TRACE(target);
    RawTls client = server.Connect();
    client.Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_THAT(
        client.ReadUntilEnd(),
        AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("Connection: close\r\n"),
              HasSubstr("the request was given up")));
  }
  ASSERT_TRUE(server.WaitForRefused(2));
  EXPECT_THAT(server.refused()[1], StartsWith("500 "));
  // Their connections' places are free again.
  EXPECT_TRUE(server.WaitForConnections(0));
}

TEST(HttpServerTest, HandlerKnowsThePeer) {
  TestHttpsServer server({.handler = [](const HttpRequest&,
                                        const HttpPeer& peer,
                                        HttpServer::Reply reply) {
    HttpResponse response;
    const TlsPeer& tls = peer.tls->peer();
    response.body = absl::StrCat(
        absl::StartsWith(peer.remote_address, "127.0.0.1:") ? "local " : "?",
        tls.chain.empty() ? "nobody" : tls.chain[0].subject.ToText(),
        tls.verified() ? " verified" : " unverified", "\n");
    reply(response);
  }});
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  RawTls known = RawTls::Client(
      ConnectLoopback(server.port()),
      server.ClientContext(server.ca().Credential(TestClientLeaf())));
  ASSERT_TRUE(known.Handshake().ok());
  known.Send(get);
  known.ReadUntil("\r\n\r\n");
  EXPECT_EQ(known.ReadUntil("\n"), "local CN=gw-17 verified\n");
  const TestCa foreign("Foreign CA");
  RawTls stranger = RawTls::Client(
      ConnectLoopback(server.port()),
      server.ClientContext(foreign.Credential(TestClientLeaf())));
  ASSERT_TRUE(stranger.Handshake().ok());
  stranger.Send(get);
  stranger.ReadUntil("\r\n\r\n");
  EXPECT_EQ(stranger.ReadUntil("\n"), "local CN=gw-17 unverified\n");
  RawTls nobody = server.Connect();
  nobody.Send(get);
  nobody.ReadUntil("\r\n\r\n");
  EXPECT_EQ(nobody.ReadUntil("\n"), "local nobody unverified\n");
}

TEST(HttpServerTest, SeveralWorkersShareOneSocket) {
  TestHttpsServer server({.workers = 3});
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 15; ++j) {
        RawTls client = server.Connect();
        client.Send("GET /s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        if (absl::EndsWith(client.ReadUntilEnd(), "GET /s ")) ++good;
      }
    });
  }
  for (std::thread& t : clients) t.join();
  EXPECT_EQ(good, 60);
}

TEST(HttpServerTest, HalfClosingClientGetsItsReply) {
  TestHttpsServer server({});
  RawTls client = server.Connect();
  client.Send("GET /h HTTP/1.1\r\nHost: h\r\n\r\n");
  client.SendCloseNotify();
  EXPECT_THAT(client.ReadUntilEnd(), EndsWith("GET /h "));
}

}  // namespace
}  // namespace bestow
