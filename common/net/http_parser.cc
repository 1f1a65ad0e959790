#include "common/net/http_parser.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/net/beast_message.h"

namespace bestow {
namespace {

// Empty lines before a request: some clients end a body with one.
constexpr size_t kMaxStrayLines = 4;
constexpr int kMaxInterimResponses = 8;
// One-byte chunks take six on the wire.
constexpr size_t kMaxChunkedOverhead = 8;
constexpr size_t kLastChunkBytes = 5;  // "0" and two line ends

// "... HTTP/2.0": well-formed, but not ours. The line's end may not have come.
bool NamesOtherVersion(std::string_view text) {
  const size_t end = std::min(text.find('\r'), text.size());
  if (end < 9) return false;
  const std::string_view version = text.substr(end - 9, 9);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return absl::StartsWith(version, " HTTP/") && is_digit(version[6]) &&
         version[7] == '.' && is_digit(version[8]);
}

// The path of an absolute-form target; RFC 9112 3.2.2: a server MUST accept it.
std::string OriginForm(std::string target) {
  const size_t scheme = target.find("://");
  if (scheme == std::string::npos || target.find('/') < scheme) return target;
  const size_t path = target.find_first_of("/?", scheme + 3);
  if (path == std::string::npos) return "/";
  return absl::StrCat(target[path] == '?' ? "/" : "", target.substr(path));
}

// Feeds one BeastMessage at a time from a buffer, and counts.
template <bool kIsRequest>
class Core {
 public:
  explicit Core(const HttpLimits& limits) : limits_(limits) {}

  void Feed(ByteView bytes) {
    if (phase_ == HttpParsePhase::kRefused) return;
    pending_.append(AsText(bytes));
    Advance();
  }

  // Goes on until the message is done, refused, or bytes are missing.
  void Advance() {
    while (phase_ != HttpParsePhase::kDone &&
           phase_ != HttpParsePhase::kRefused) {
      if (phase_ == HttpParsePhase::kIdle && !Begin()) return;
      if (!Step()) return;
    }
  }

  // After kDone.
  void Reset() {
    phase_ = HttpParsePhase::kIdle;
    message_.reset();
  }

  void Refuse(int status, std::string reason) {
    phase_ = HttpParsePhase::kRefused;
    refusal_ = {status, std::move(reason)};
    pending_.clear();
  }

  HttpParsePhase phase() const { return phase_; }
  void set_done() { phase_ = HttpParsePhase::kDone; }
  const HttpRefusal& refusal() const { return refusal_; }
  BeastMessage<kIsRequest>* message() { return message_.get(); }
  const BeastMessage<kIsRequest>* message() const { return message_.get(); }
  size_t buffered_bytes() const { return pending_.size(); }
  void set_skip_body(bool skip) { skip_body_ = skip; }

 private:
  // From kIdle to kHeader; false when there is nothing of a message yet.
  bool Begin() {
    if (kIsRequest) {
      while (absl::StartsWith(pending_, "\r\n")) {
        if (++stray_lines_ > kMaxStrayLines) {
          Refuse(400, "empty lines instead of a request");
          return false;
        }
        pending_.erase(0, 2);
      }
      if (pending_ == "\r") return false;
    }
    if (pending_.empty()) return false;
    phase_ = HttpParsePhase::kHeader;
    stray_lines_ = 0;
    header_bytes_ = 0;
    body_wire_bytes_ = 0;
    message_ = std::make_unique<BeastMessage<kIsRequest>>(limits_);
    if (skip_body_) message_->skip(true);
    return true;
  }

  // One put(). False: needs more bytes, or refused.
  bool Step() {
    const bool in_header = !message_->is_header_done();
    // Beast asserts that it never sees a cut last chunk this short.
    if (!in_header && message_->chunked() &&
        pending_.size() < kLastChunkBytes && absl::StartsWith(pending_, "0")) {
      return false;
    }
    std::string_view window = pending_;
    if (in_header) {
      window = window.substr(0, limits_.header_bytes - header_bytes_);
    }
    BeastError error;
    const size_t body_bytes = message_->body.size();
    const size_t consumed = message_->Put(window, error);
    if (message_->fault()) {
      Refuse(message_->fault()->status, message_->fault()->reason);
      return false;
    }
    const bool need_more = error == beast_http::error::need_more;
    if (error && !need_more) {
      RefuseError(error, in_header);
      return false;
    }
    const size_t offered = window.size();
    pending_.erase(0, consumed);
    if (in_header && !message_->is_header_done()) {
      if (header_bytes_ + offered >= limits_.header_bytes) {
        Refuse(431, absl::StrCat("the header is longer than ",
                                 limits_.header_bytes, " bytes"));
        return false;
      }
      header_bytes_ += consumed;
      return !need_more;
    }
    if (phase_ == HttpParsePhase::kHeader) phase_ = HttpParsePhase::kBody;
    if (!in_header) {
      const size_t around = consumed - (message_->body.size() - body_bytes);
      if (!CountBody(consumed, need_more ? pending_.size() : around)) {
        return false;
      }
    }
    if (message_->is_done()) {
      phase_ = HttpParsePhase::kDone;
      return true;
    }
    return !need_more && !pending_.empty();
  }

  // `around` is the length of a chunk's line or the trailers, whole or so far.
  bool CountBody(size_t consumed, size_t around) {
    body_wire_bytes_ += consumed;
    if (around > limits_.header_bytes) {
      Refuse(431, "too long a chunk extension or trailer");
      return false;
    }
    if (body_wire_bytes_ >
        kMaxChunkedOverhead * limits_.body_bytes + limits_.header_bytes) {
      Refuse(413, "too much around the chunks of the body");
      return false;
    }
    return true;
  }

  void RefuseError(const BeastError& error, bool in_header) {
    if (kIsRequest && in_header && error == beast_http::error::bad_version &&
        NamesOtherVersion(pending_)) {
      return Refuse(505, "the versions known are HTTP/1.0 and HTTP/1.1");
    }
    Refuse(400, absl::StrCat("malformed HTTP: ", error.message()));
  }

  const HttpLimits limits_;
  std::string pending_;
  HttpParsePhase phase_ = HttpParsePhase::kIdle;
  HttpRefusal refusal_;
  std::unique_ptr<BeastMessage<kIsRequest>> message_;
  bool skip_body_ = false;
  size_t stray_lines_ = 0;
  size_t header_bytes_ = 0;
  size_t body_wire_bytes_ = 0;
};

}  // namespace

struct HttpRequestParser::Impl {
  explicit Impl(const HttpLimits& limits) : core(limits) {}

  // Copies what is asked for after the message is gone.
  void Note() {
    const auto* message = core.message();
    if (message == nullptr || !message->is_header_done()) {
      if (message != nullptr) head = message->method == "HEAD";
      return;
    }
    keep_alive = message->version == 11 && message->keep_alive();
    head = message->method == "HEAD";
  }

  Core<true> core;
  bool keep_alive = false;
  bool head = false;
  bool continue_taken = false;
};

HttpRequestParser::HttpRequestParser(const HttpLimits& limits)
    : impl_(std::make_unique<Impl>(limits)) {}
HttpRequestParser::~HttpRequestParser() = default;

void HttpRequestParser::Feed(ByteView bytes) {
  impl_->core.Feed(bytes);
  impl_->Note();
}

HttpParsePhase HttpRequestParser::phase() const { return impl_->core.phase(); }

const HttpRefusal& HttpRequestParser::refusal() const {
  return impl_->core.refusal();
}

bool HttpRequestParser::TakeExpectsContinue() {
  if (phase() != HttpParsePhase::kBody || impl_->continue_taken) return false;
  const BeastMessage<true>& message = *impl_->core.message();
  if (!message.expects_continue || !message.body.empty()) return false;
  impl_->continue_taken = true;
  return true;
}

HttpRequest HttpRequestParser::TakeRequest() {
  CHECK(phase() == HttpParsePhase::kDone);
  BeastMessage<true>& message = *impl_->core.message();
  HttpRequest request{std::move(message.method),
                      OriginForm(std::move(message.target)),
                      std::move(message.headers), std::move(message.body)};
  impl_->core.Reset();
  impl_->continue_taken = false;
  return request;
}

void HttpRequestParser::Resume() {
  impl_->core.Advance();
  impl_->Note();
}

bool HttpRequestParser::keep_alive() const { return impl_->keep_alive; }
bool HttpRequestParser::is_head() const { return impl_->head; }
size_t HttpRequestParser::buffered_bytes() const {
  return impl_->core.buffered_bytes();
}

struct HttpResponseParser::Impl {
  explicit Impl(const HttpLimits& limits) : core(limits) {}

  absl::Status SkipInterim() {
    while (core.phase() == HttpParsePhase::kDone &&
           core.message()->status / 100 == 1) {
      if (core.message()->status == 101 ||
          ++interim_count > kMaxInterimResponses) {
        core.Refuse(400, "an interim response that makes no sense");
        break;
      }
      core.Reset();
      core.Advance();
    }
    return Refused();
  }

  absl::Status Refused() const {
    if (core.phase() != HttpParsePhase::kRefused) return absl::OkStatus();
    const HttpRefusal& refusal = core.refusal();
    const bool limit = refusal.status == 413 || refusal.status == 431;
    return absl::Status(limit ? absl::StatusCode::kResourceExhausted
                              : absl::StatusCode::kInvalidArgument,
                        absl::StrCat("the reply: ", refusal.reason));
  }

  Core<false> core;
  int interim_count = 0;
};

HttpResponseParser::HttpResponseParser(const HttpLimits& limits)
    : impl_(std::make_unique<Impl>(limits)) {}
HttpResponseParser::~HttpResponseParser() = default;

void HttpResponseParser::Expect(bool head_request) {
  impl_->core.set_skip_body(head_request);
  impl_->interim_count = 0;
}

absl::Status HttpResponseParser::Feed(ByteView bytes) {
  impl_->core.Feed(bytes);
  return impl_->SkipInterim();
}

absl::Status HttpResponseParser::FeedEnd() {
  absl::Status status = impl_->Refused();
  if (!status.ok() || phase() == HttpParsePhase::kDone) return status;
  if (phase() == HttpParsePhase::kIdle) {
    return absl::DataLossError("the connection ended before the reply");
  }
  BeastError error;
  impl_->core.message()->put_eof(error);
  if (error) return absl::DataLossError("the reply is cut off");
  impl_->core.set_done();
  return absl::OkStatus();
}

HttpParsePhase HttpResponseParser::phase() const { return impl_->core.phase(); }

HttpResponse HttpResponseParser::TakeResponse() {
  CHECK(phase() == HttpParsePhase::kDone);
  BeastMessage<false>& message = *impl_->core.message();
  HttpResponse response;
  response.close = !message.keep_alive();
  response.status = message.status;
  response.headers = std::move(message.headers);
  response.body = std::move(message.body);
  impl_->core.Reset();
  return response;
}

size_t HttpResponseParser::buffered_bytes() const {
  return impl_->core.buffered_bytes();
}

}  // namespace bestow
