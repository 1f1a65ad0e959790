#include "server/upstream/connection_pool.h"

#include <algorithm>
#include <utility>

#include "common/est/protocol.h"

namespace bestow::server {

struct ConnectionPool::Exchange {
  Bytes csr_der;
  Done done;  // empty once called
  std::unique_ptr<EventLoop::Timer> deadline;
  std::shared_ptr<Connection> connection;  // while it is under way
  bool again = false;                      // sent over a second connection
  int64_t answers_before = 0;              // of the pool, when it came
};

struct ConnectionPool::Connection {
  std::unique_ptr<EstClient> client;
  std::shared_ptr<const TlsContext> tls;  // what it was made with
  bool busy = false;
  bool used = false;  // has carried an exchange
};

namespace {

// Nothing came back, so that nobody knows whether the server is there.
bool IsSilence(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDataLoss(status) ||
         absl::IsDeadlineExceeded(status);
}

void Forget(auto& exchanges, const auto& exchange) {
  const auto it = std::find(exchanges.begin(), exchanges.end(), exchange);
  if (it != exchanges.end()) exchanges.erase(it);
}

}  // namespace

ConnectionPool::ConnectionPool(EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {}

ConnectionPool::~ConnectionPool() {
  *alive_ = false;
  // A client under way holds its callback, and that holds the connection.
  for (const auto& connection : connections_) connection->client.reset();
}

void ConnectionPool::SetTls(std::shared_ptr<const TlsContext> tls) {
  tls_ = std::move(tls);
  for (size_t i = connections_.size(); i-- > 0;) {
    if (!connections_[i]->busy) Drop(connections_[i]);
  }
  Begin();
}

void ConnectionPool::PostCsr(Bytes csr_der, Done done) {
  if (waiting_.size() >= options_.queued) {
    loop_.Post([done = std::move(done)] {
      done(absl::ResourceExhaustedError(
          "too many requests wait for the upstream already"));
    });
    return;
  }
  auto exchange = std::make_shared<Exchange>();
  exchange->csr_der = std::move(csr_der);
  exchange->done = std::move(done);
  exchange->answers_before = answers_;
  // The timer goes with the exchange: it can't fire without one.
  exchange->deadline =
      loop_.RunAfter(options_.timeout, [this, weak = std::weak_ptr(exchange)] {
        const std::shared_ptr<Exchange> late = weak.lock();
        if (late != nullptr) EndLate(late);
      });
  waiting_.push_back(std::move(exchange));
  Begin();
}

void ConnectionPool::EndLate(const std::shared_ptr<Exchange>& exchange) {
  // Of a server that answers others the queue knows nothing but that it is
  // long.
  const bool was_asked = exchange->connection != nullptr;
  const bool is_silent =
      tls_ != nullptr && answers_ == exchange->answers_before;
  if (was_asked) Drop(exchange->connection);
  End(exchange,
      was_asked || is_silent
          ? absl::DeadlineExceededError("the upstream has not answered in time")
          : absl::ResourceExhaustedError(
                "the time was over before the upstream could be asked"));
  Begin();
}

void ConnectionPool::EndAll(const absl::Status& why) {
  std::vector<std::shared_ptr<Exchange>> all = under_way_;
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  for (const auto& exchange : all) End(exchange, why);
}

// On the loop's next turn, so that no callback comes from inside.
void ConnectionPool::Begin() {
  loop_.Post([this, alive = alive_] {
    if (!*alive || tls_ == nullptr) return;
    while (!waiting_.empty()) {
      const bool has_idle =
          std::any_of(connections_.begin(), connections_.end(),
                      [](const auto& connection) { return !connection->busy; });
      if (!has_idle && connections_.size() >= options_.connections) return;
      const std::shared_ptr<Exchange> next = std::move(waiting_.front());
      waiting_.pop_front();
      Run(next);
    }
  });
}

void ConnectionPool::Run(const std::shared_ptr<Exchange>& exchange) {
  under_way_.push_back(exchange);
  for (size_t i = connections_.size(); i-- > 0;) {
    const std::shared_ptr<Connection> idle = connections_[i];
    if (idle->busy) continue;
    if (!exchange->again && idle->tls == tls_ && idle->client->reusable()) {
      return Send(exchange, idle);
    }
    Drop(idle);
  }
  auto connection = std::make_shared<Connection>();
  connection->tls = tls_;
  connection->busy = true;
  connection->client =
      std::make_unique<EstClient>(loop_, options_.server, connection->tls);
  connections_.push_back(connection);
  exchange->connection = connection;
  connection->client->Connect(
      [this, exchange, connection](absl::Status status) {
        if (!status.ok()) return OnReply(exchange, connection, status);
        if (connection->client == nullptr) return;  // dropped: too late
        Send(exchange, connection);
      });
}

void ConnectionPool::Send(const std::shared_ptr<Exchange>& exchange,
                          const std::shared_ptr<Connection>& connection) {
  connection->busy = true;
  exchange->connection = connection;
  connection->client->PostCsr(
      est::Operation::kSimpleEnroll, exchange->csr_der, nullptr,
      [this, exchange, connection](absl::StatusOr<EstReply> reply) {
        OnReply(exchange, connection, std::move(reply));
      });
}

void ConnectionPool::OnReply(const std::shared_ptr<Exchange>& exchange,
                             const std::shared_ptr<Connection>& connection,
                             absl::StatusOr<EstReply> reply) {
  if (connection->client == nullptr) return;  // dropped: too late
  exchange->connection = nullptr;
  if (!IsSilence(reply.status())) ++answers_;
  if (absl::IsResourceExhausted(reply.status())) {
    reply = absl::InvalidArgumentError(reply.status().message());
  }
  const bool lost =
      absl::IsUnavailable(reply.status()) || absl::IsDataLoss(reply.status());
  const bool send_again =
      lost && connection->used && !exchange->again && exchange->done != nullptr;
  connection->used = true;
  connection->busy = false;
  if (!reply.ok() || !connection->client->reusable()) Drop(connection);
  if (send_again) {
    exchange->again = true;
    Forget(under_way_, exchange);
    waiting_.push_front(exchange);
  } else {
    End(exchange, std::move(reply));
  }
  Begin();
}

void ConnectionPool::Drop(const std::shared_ptr<Connection>& connection) {
  const auto it =
      std::find(connections_.begin(), connections_.end(), connection);
  if (it == connections_.end()) return;
  connections_.erase(it);
  // We may be inside of its callback, which holds `connection` as well: the
  // client goes on the loop's next turn.
  loop_.Post(
      [client = std::shared_ptr<EstClient>(std::move(connection->client))] {});
}

void ConnectionPool::End(const std::shared_ptr<Exchange>& exchange,
                         absl::StatusOr<EstReply> reply) {
  if (exchange->done == nullptr) return;
  const Done done = std::move(exchange->done);
  exchange->done = nullptr;
  // Not now: this may be the timer's own callback.
  loop_.Post([deadline = std::shared_ptr<EventLoop::Timer>(
                  std::move(exchange->deadline))] {});
  Forget(waiting_, exchange);
  Forget(under_way_, exchange);
  done(std::move(reply));
}

}  // namespace bestow::server
