// One client's connection to an HttpServer: phases, deadlines, replies.
#ifndef COMMON_NET_HTTP_CONNECTION_H_
#define COMMON_NET_HTTP_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>

#include "common/net/event_loop.h"
#include "common/net/http_message.h"
#include "common/net/http_parser.h"
#include "common/net/http_server.h"
#include "common/net/stream_socket.h"

namespace bestow {

// Belongs to the loop's thread.
class HttpConnection : public StreamSocket::User,
                       public std::enable_shared_from_this<HttpConnection> {
 public:
  using OnGone = std::function<void(HttpConnection*)>;
  // `options` outlives the connection. `on_gone` is called once, when the
  // socket is closed; perhaps from inside Start(), Drain() or a reply.
  HttpConnection(EventLoop& loop, const HttpServer::Options& options,
                 std::string remote_address, OnGone on_gone);
  ~HttpConnection() override;

  // Takes over `fd`.
  void Start(int fd);
  // Closes at once when no request is under way, else after its reply.
  void Drain();
  // Closes now, without a word to on_gone.
  void Cut();

 private:
  enum class State {
    kHandshake,
    kIdle,
    kHeader,
    kBody,
    kHandling,
    kReplying,
    kLingering,
    kGone,
  };

  void OnHandshakeDone() override;
  void OnData(ByteView plaintext) override;
  void OnFlushed() override;
  void OnEnd(const absl::Status& why) override;
  void OnLingered() override;

  class Answer;

  void Enter(State state, absl::Duration deadline);
  void DeadlinePassed();
  void Pump();
  void Dispatch();
  // True: the handler of that request (by its number) has not answered yet.
  bool Awaits(size_t request) const {
    return state_ == State::kHandling && requests_ == request;
  }
  void Refuse(int status, const std::string& reason);
  void SendReply(const HttpResponse& response);
  void ReplySent();
  void Linger();
  void Gone();

  EventLoop& loop_;
  const HttpServer::Options& options_;
  OnGone on_gone_;
  HttpRequestParser parser_;
  HttpPeer peer_;
  std::shared_ptr<StreamSocket> socket_;
  State state_ = State::kHandshake;
  size_t requests_ = 0;
  bool draining_ = false;
  bool peer_ended_ = false;
  bool pumping_ = false;
  bool closing_ = false;  // after the reply under way
  std::unique_ptr<EventLoop::Timer> deadline_;
};

}  // namespace bestow

#endif  // COMMON_NET_HTTP_CONNECTION_H_
