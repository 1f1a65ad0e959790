#include "server/upstream/connection_pool.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/est/transfer_encoding.h"
#include "common/net/test_https_server.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

// The server runs on its own thread, the pool on the test's.
class ConnectionPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { loop_ = *EventLoop::Create(); }
  void TearDown() override {
    pool_.reset();
    server_.reset();
  }

  void Serve(HttpServer::Handler handler, HttpLimits limits = {}) {
    TestHttpsServer::Options options;
    options.limits = limits;
    options.handler = std::move(handler);
    server_ = std::make_unique<TestHttpsServer>(std::move(options));
  }

  void MakePool(size_t connections, size_t queued,
                absl::Duration timeout = absl::Seconds(30)) {
    ConnectionPool::Options options;
    options.server.host = "127.0.0.1";
    options.server.port = server_->port();
    options.connections = connections;
    options.queued = queued;
    options.timeout = timeout;
    pool_ = std::make_unique<ConnectionPool>(*loop_, std::move(options));
  }

  void Post(const std::string& csr) {
    pool_->PostCsr(ToBytes(AsBytes(csr)),
                   [this, csr](absl::StatusOr<EstReply> reply) {
                     codes_[csr] = reply.status().code();
                     replies_.push_back(std::move(reply));
                     if (replies_.size() == wanted_) loop_->Stop();
                   });
  }
  // Runs until there are `count` replies in all.
  void RunUntil(size_t count) {
    wanted_ = count;
    loop_->Run();
  }

  // Answers nothing but the bodies that are `answered`.
  HttpServer::Handler Silent(std::string answered = "") {
    return [this, answered](const HttpRequest& request, const HttpPeer&,
                            HttpServer::Reply reply) {
      if (!answered.empty() &&
          request.body == est::EncodeBody(AsBytes(answered))) {
        return reply(Ok(answered));
      }
      never_.push_back(std::move(reply));
    };
  }

  // A certs-only in the eyes of the pool: any bytes.
  static HttpResponse Ok(const std::string& body) {
    HttpResponse response;
    response.headers = {{"Content-Type", "application/pkcs7-mime"}};
    response.body = est::EncodeBody(AsBytes(body));
    return response;
  }

  std::unique_ptr<EventLoop> loop_;
  std::vector<HttpServer::Reply> never_;  // the server's thread's
  std::unique_ptr<TestHttpsServer> server_;
  std::unique_ptr<ConnectionPool> pool_;
  std::vector<absl::StatusOr<EstReply>> replies_;
  std::map<std::string, absl::StatusCode> codes_;  // by CSR
  size_t wanted_ = 0;
};

TEST_F(ConnectionPoolTest, KeepsConnectionsAliveAndWithinTheirNumber) {
  std::mutex mutex;
  std::vector<std::string> targets;
  Serve([&](const HttpRequest& request, const HttpPeer&,
            HttpServer::Reply reply) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      targets.push_back(request.target);
    }
    reply(Ok(request.body));
  });
  MakePool(2, 100);
  for (int i = 0; i < 20; ++i) Post(absl::StrCat("csr ", i));
  // Without TLS settings nothing begins.
  pool_->SetTls(server_->ClientContext());
  RunUntil(20);
  for (const auto& reply : replies_) {
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->status, 200);
  }
  for (const std::string& target : targets) {
    EXPECT_EQ(target, "/.well-known/est/simpleenroll");
  }
  EXPECT_TRUE(server_->WaitForConnections(2));
}

TEST_F(ConnectionPoolTest, RefusesWhatTheQueueHasNoPlaceFor) {
  Serve(nullptr);
  MakePool(1, 2);
  for (int i = 0; i < 3; ++i) Post("csr");  // no TLS: all of them wait
  RunUntil(1);
  ASSERT_EQ(replies_.size(), 1u);
  EXPECT_TRUE(absl::IsResourceExhausted(replies_[0].status()));
}

TEST_F(ConnectionPoolTest, GivesUpInTimeInTheQueueAndUnderWay) {
  Serve(Silent());
  MakePool(1, 10, absl::Milliseconds(300));
  pool_->SetTls(server_->ClientContext());
  Post("under way");
  Post("in the queue");
  RunUntil(2);
  for (const auto& reply : replies_) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(reply.status())) << reply.status();
  }
}

// Not the server's silence, but our queue.
TEST_F(ConnectionPoolTest, TellsALongQueueFromASilentServer) {
  Serve(Silent(/*answered=*/"first"));
  MakePool(1, 10, absl::Seconds(3));
  pool_->SetTls(server_->ClientContext());
  Post("first");
  Post("under way");
  Post("in the queue");
  RunUntil(3);
  EXPECT_EQ(codes_["first"], absl::StatusCode::kOk);
  EXPECT_EQ(codes_["under way"], absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(codes_["in the queue"], absl::StatusCode::kResourceExhausted);
}

TEST_F(ConnectionPoolTest, AReplyBeyondTheLimitsIsNoFullQueue) {
  Serve([](const HttpRequest&, const HttpPeer&, HttpServer::Reply reply) {
    reply(Ok(std::string(512 * 1024, 'x')));
  });
  MakePool(1, 10);
  pool_->SetTls(server_->ClientContext());
  Post("csr");
  RunUntil(1);
  EXPECT_TRUE(absl::IsInvalidArgument(replies_[0].status()))
      << replies_[0].status();
}

TEST_F(ConnectionPoolTest, EndsEveryExchangeWithAWord) {
  Serve(Silent());
  MakePool(2, 10);
  pool_->SetTls(server_->ClientContext());
  for (int i = 0; i < 4; ++i) Post("csr");  // two under way, two in the queue
  const auto timer = loop_->RunAfter(absl::Milliseconds(200), [this] {
    pool_->EndAll(absl::AbortedError("over"));
    pool_.reset();
  });
  RunUntil(4);
  for (const auto& reply : replies_) {
    EXPECT_TRUE(absl::IsAborted(reply.status())) << reply.status();
  }
}

TEST_F(ConnectionPoolTest, SendsAgainWhatAKeptAliveConnectionLost) {
  HttpLimits limits;
  // The server closes while the pool still thinks that it may be used.
  limits.idle_timeout = absl::Milliseconds(50);
  Serve([](const HttpRequest& request, const HttpPeer&,
           HttpServer::Reply reply) { reply(Ok(request.body)); },
        limits);
  MakePool(1, 10);
  pool_->SetTls(server_->ClientContext());
  Post("first");
  RunUntil(1);
  ASSERT_TRUE(server_->WaitForConnections(0));
  Post("second");
  RunUntil(2);
  ASSERT_TRUE(replies_[1].ok()) << replies_[1].status();
  EXPECT_EQ(replies_[1]->status, 200);
}

TEST_F(ConnectionPoolTest, SaysWhyThereIsNoConnection) {
  Serve(nullptr);
  MakePool(1, 10);
  // It trusts another CA.
  const TestCa other("other");
  SystemClock clock;
  TlsClientOptions tls;
  tls.server_anchors = other.anchors();
  pool_->SetTls(*TlsContext::CreateClient(std::move(tls), clock));
  Post("told to nobody");
  RunUntil(1);
  EXPECT_TRUE(absl::IsPermissionDenied(replies_[0].status()));
  // The next exchange takes what TLS says now.
  pool_->SetTls(server_->ClientContext());
  Post("told");
  RunUntil(2);
  EXPECT_FALSE(absl::IsPermissionDenied(replies_[1].status()));
}

TEST_F(ConnectionPoolTest, MayGoWhileExchangesAreUnderWay) {
  Serve(Silent());
  MakePool(1, 10);
  pool_->SetTls(server_->ClientContext());
  Post("never answered");
  const auto timer = loop_->RunAfter(absl::Milliseconds(200), [this] {
    pool_.reset();
    loop_->Post([this] { loop_->Stop(); });
  });
  loop_->Run();
  EXPECT_TRUE(replies_.empty());
}

}  // namespace
}  // namespace bestow::server
