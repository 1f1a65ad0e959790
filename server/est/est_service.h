// EST as a function from HTTP request to reply: routing (RFC 7030 3.2.2).
#ifndef SERVER_EST_EST_SERVICE_H_
#define SERVER_EST_EST_SERVICE_H_

#include <functional>
#include <memory>
#include <string>

#include "common/net/http_message.h"
#include "server/est/exchange.h"
#include "server/est/key_maker.h"
#include "server/est/rate_limit.h"
#include "server/est/services.h"
#include "server/est/snapshot.h"

namespace bestow::server {

// Thread-safe: one for all workers.
class EstService {
 public:
  struct Options {
    // What new requests are served with; a reload changes it.
    std::function<std::shared_ptr<const Snapshot>()> snapshot;
    Services services;
    // One line per request. Called from every worker's thread.
    Exchange::LogLine log_line;
  };

  explicit EstService(Options options) : options_(std::move(options)) {}

  // Called on a loop's thread. `post` brings a function to that thread, from
  // any; `reply` is called there, once, now or later.
  void Handle(const HttpRequest& request, ClientInfo client,
              Exchange::Post post, Exchange::Reply reply) const;

 private:
  const Options options_;
  mutable RateLimit rate_limit_;
  mutable KeyMaker key_maker_{KeyMaker::Options{}};  // last: its threads post
};

}  // namespace bestow::server

#endif  // SERVER_EST_EST_SERVICE_H_
