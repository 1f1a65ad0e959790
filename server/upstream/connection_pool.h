// Kept-alive connections to one upstream, with a bounded queue before them.
#ifndef SERVER_UPSTREAM_CONNECTION_POOL_H_
#define SERVER_UPSTREAM_CONNECTION_POOL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/est_client/est_client.h"
#include "common/est_client/server_url.h"
#include "common/net/event_loop.h"
#include "common/tls/tls_context.h"

namespace bestow::server {

// Belongs to its loop's thread. Destroying it ends every exchange without a
// callback.
class ConnectionPool {
 public:
  struct Options {
    ServerUrl server;
    size_t connections = 1;  // at once
    size_t queued = 1;       // exchanges that wait for one
    absl::Duration timeout;  // of an exchange, with its time in the queue
  };
  using Done = std::function<void(absl::StatusOr<EstReply>)>;

  ConnectionPool(EventLoop& loop, Options options);
  ~ConnectionPool();

  // Exchanges that begin from now on, and their connections, use it. Null:
  // there is none yet, and they wait.
  void SetTls(std::shared_ptr<const TlsContext> tls);

  // `done` is called once, never from inside. One that a kept-alive connection
  // lost (the server may have closed it in that moment) is sent once more over
  // a new one. kResourceExhausted: the server was not asked, for the queue is
  // full, or the time was over in it while the server answered others.
  // kDeadlineExceeded: the server did not answer, this or anything else in that
  // time. Else as HttpClient fails; a reply beyond its limits is
  // kInvalidArgument, as one that is no HTTP.
  void PostCsr(Bytes csr_der, Done done);

  // Ends every exchange, waiting or under way, with `why`, calling each back
  // from inside. The last call to a pool; not by one of its callbacks.
  void EndAll(const absl::Status& why);

 private:
  struct Exchange;
  struct Connection;

  void Begin();
  void Run(const std::shared_ptr<Exchange>& exchange);
  void Send(const std::shared_ptr<Exchange>& exchange,
            const std::shared_ptr<Connection>& connection);
  void OnReply(const std::shared_ptr<Exchange>& exchange,
               const std::shared_ptr<Connection>& connection,
               absl::StatusOr<EstReply> reply);
  void Drop(const std::shared_ptr<Connection>& connection);
  void EndLate(const std::shared_ptr<Exchange>& exchange);
  void End(const std::shared_ptr<Exchange>& exchange,
           absl::StatusOr<EstReply> reply);

  EventLoop& loop_;
  const Options options_;
  std::shared_ptr<const TlsContext> tls_;
  std::deque<std::shared_ptr<Exchange>> waiting_;
  std::vector<std::shared_ptr<Exchange>> under_way_;
  int64_t answers_ = 0;  // so far; whatever shows that the server is there
  std::vector<std::shared_ptr<Connection>> connections_;
  // What was posted to the loop looks whether the pool is still there.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_CONNECTION_POOL_H_
