// HTTP/1.1 from bytes to messages, by Boost.Beast's parser with rules of our
// own on top of it. Pure: no socket, no time.
#ifndef COMMON_NET_HTTP_PARSER_H_
#define COMMON_NET_HTTP_PARSER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/base/bytes.h"
#include "common/net/http_message.h"

namespace bestow {

// Where the message under way stands. kRefused is for ever.
enum class HttpParsePhase { kIdle, kHeader, kBody, kDone, kRefused };

// A refusal of ours: the status that the client gets, and one line for it and
// for the log.
struct HttpRefusal {
  int status = 400;
  std::string reason;
};

// Requests, one after another. Stricter than RFC 9112 where leniency helps
// smuggling: refuses (400) two Content-Lengths, Content-Length together with
// Transfer-Encoding, obs-fold, HTTP/1.1 without exactly one Host; (413) a body
// and (431) a header beyond the limits; (417) an unknown expectation; (501) a
// transfer coding other than chunked; (505) a version other than 1.0 and 1.1.
// A few empty lines before a request are skipped. Chunk extensions and
// trailers are dropped.
class HttpRequestParser {
 public:
  explicit HttpRequestParser(const HttpLimits& limits);
  ~HttpRequestParser();

  // Takes bytes and goes on as far as the end of one request; keeps what
  // belongs to the next ones.
  void Feed(ByteView bytes);
  HttpParsePhase phase() const;
  // In kRefused.
  const HttpRefusal& refusal() const;
  // True once for a request that waits for "100 Continue" with its header
  // found acceptable and its body not here yet.
  bool TakeExpectsContinue();
  // In kDone: the request. The parser is in kIdle then.
  HttpRequest TakeRequest();
  // Goes on with what is there of the next request.
  void Resume();

  // Of the request under way or just taken, until Feed() or Resume() begins
  // the next one.
  bool keep_alive() const;
  bool is_head() const;
  size_t buffered_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One response at a time. Interim (1xx) responses are skipped.
class HttpResponseParser {
 public:
  explicit HttpResponseParser(const HttpLimits& limits);
  ~HttpResponseParser();

  // Before each response: does it answer a HEAD?
  void Expect(bool head_request);
  // kInvalidArgument: no HTTP; kResourceExhausted: beyond the limits.
  absl::Status Feed(ByteView bytes);
  // The peer's end of data, in order. kDataLoss when the response is cut.
  absl::Status FeedEnd();
  HttpParsePhase phase() const;
  HttpResponse TakeResponse();  // in kDone; `close` says what it said
  // Bytes that no request of ours asked for.
  size_t buffered_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bestow

#endif  // COMMON_NET_HTTP_PARSER_H_
