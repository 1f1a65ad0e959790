// One HTTP message under way in Boost.Beast's parser. Only http_parser.cc
// includes this: Beast's headers are heavy.
#ifndef COMMON_NET_BEAST_MESSAGE_H_
#define COMMON_NET_BEAST_MESSAGE_H_

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/net/http_message.h"
#include "common/net/http_parser.h"

namespace bestow {

namespace beast_http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastView = boost::beast::string_view;

inline std::string_view View(BeastView text) {
  return std::string_view(text.data(), text.size());
}

// Beast does the syntax; the rules on top of it are in the on_* functions. A
// broken rule is in fault(), and put() then returns some error.
template <bool kIsRequest>
class BeastMessage : public beast_http::basic_parser<kIsRequest> {
 public:
  explicit BeastMessage(const HttpLimits& limits) : limits_(limits) {
    // Limits are ours to check: Beast counts each field by itself.
    this->header_limit(std::numeric_limits<std::uint32_t>::max());
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  // put() on a window of text; returns how much of it is consumed.
  size_t Put(std::string_view window, BeastError& error) {
    window_ = window;
    const size_t n = this->put(
        boost::asio::const_buffer(window.data(), window.size()), error);
    window_ = {};
    return n;
  }

  const std::optional<HttpRefusal>& fault() const { return fault_; }

  std::string method, target;
  int version = 0;  // 10 or 11
  int status = 0;
  HttpHeaders headers;
  std::string body;
  bool expects_continue = false;

 private:
  void Refuse(int code, std::string reason, BeastError& error) {
    if (!fault_) fault_ = HttpRefusal{code, std::move(reason)};
    error = boost::system::errc::make_error_code(
        boost::system::errc::operation_canceled);
  }

  void on_request_impl(beast_http::verb, BeastView method_text,
                       BeastView target_text, int version_in,
                       BeastError& error) override {
    method = std::string(View(method_text));
    target = std::string(View(target_text));
    version = version_in;
    const bool plain = std::all_of(target.begin(), target.end(),
                                   [](char c) { return c > 0x20 && c < 0x7f; });
    if (!plain) Refuse(400, "the target has characters beyond ASCII", error);
  }

  void on_response_impl(int code, BeastView, int version_in,
                        BeastError& error) override {
    status = code;
    version = version_in;
    if (code < 100 || code > 599) Refuse(400, "no such status code", error);
  }

  void on_field_impl(beast_http::field, BeastView name, BeastView value,
                     BeastError& error) override {
    if (++field_count_ > limits_.header_count) {
      return Refuse(
          431,
          absl::StrCat("more than ", limits_.header_count, " header fields"),
          error);
    }
    if (IsFolded(View(name), View(value))) {
      return Refuse(400, "a header field folded over lines", error);
    }
    if (this->is_header_done()) return;  // a trailer
    headers.emplace_back(View(name), View(value));
  }

  // Beast joins obs-fold into a buffer of its own, or steps over line ends
  // between the colon and the value.
  bool IsFolded(std::string_view name, std::string_view value) const {
    const char* const begin = name.data() + name.size();
    const char* const end = window_.data() + window_.size();
    const std::less<const char*> before;
    if (before(value.data(), begin) || before(end, value.data())) return true;
    return std::find(begin, value.data(), '\r') != value.data();
  }

  void on_header_impl(BeastError& error) override {
    std::string_view length, coding, host, expect;
    size_t lengths = 0, codings = 0, hosts = 0;
    for (const auto& [name, value] : headers) {
      if (absl::EqualsIgnoreCase(name, "Content-Length")) {
        ++lengths, length = value;
      } else if (absl::EqualsIgnoreCase(name, "Transfer-Encoding")) {
        ++codings, coding = value;
      } else if (absl::EqualsIgnoreCase(name, "Host")) {
        ++hosts, host = value;
      } else if (absl::EqualsIgnoreCase(name, "Expect")) {
        expect = value;
      }
    }
    if (kIsRequest) {
      if (hosts > 1 || (version == 11 && hosts == 0)) {
        return Refuse(400, "there must be exactly one Host", error);
      }
      if (!IsAuthority(host)) return Refuse(400, "malformed Host", error);
    }
    CheckFraming(lengths, length, codings, coding, error);
    if (error || !kIsRequest || expect.empty() || version == 10) return;
    if (!absl::EqualsIgnoreCase(expect, "100-continue")) {
      return Refuse(417, "the only expectation known is 100-continue", error);
    }
    expects_continue = true;
  }

  void CheckFraming(size_t lengths, std::string_view length, size_t codings,
                    std::string_view coding, BeastError& error) {
    if (lengths > 1) {
      return Refuse(400, "more than one Content-Length", error);
    }
    if (lengths == 1 && codings > 0) {
      return Refuse(400, "Content-Length together with Transfer-Encoding",
                    error);
    }
    if (codings > 1 || (codings == 1 && version == 10)) {
      return Refuse(400, "malformed Transfer-Encoding", error);
    }
    if (codings == 1 && !absl::EqualsIgnoreCase(coding, "chunked")) {
      return Refuse(501, "the only transfer coding known is chunked", error);
    }
    if (lengths == 0) return;
    const bool digits = !length.empty() &&
                        std::all_of(length.begin(), length.end(), [](char c) {
                          return c >= '0' && c <= '9';
                        });
    if (!digits) return Refuse(400, "malformed Content-Length", error);
    if (!this->skip() && *this->content_length() > limits_.body_bytes) {
      RefuseBody(error);
    }
  }

  static bool IsAuthority(std::string_view host) {
    constexpr std::string_view kOthers = "-._~!$&'()*+,;=%:[]";
    return std::all_of(host.begin(), host.end(), [&](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
             (c >= 'A' && c <= 'Z') ||
             kOthers.find(c) != std::string_view::npos;
    });
  }

  void RefuseBody(BeastError& error) {
    Refuse(
        413,
        absl::StrCat("the body is longer than ", limits_.body_bytes, " bytes"),
        error);
  }

  size_t AppendBody(BeastView text, BeastError& error) {
    if (text.size() > limits_.body_bytes - body.size()) {
      RefuseBody(error);
      return 0;
    }
    body.append(text.data(), text.size());
    return text.size();
  }

  void on_body_init_impl(boost::optional<std::uint64_t> const&,
                         BeastError&) override {}
  std::size_t on_body_impl(BeastView text, BeastError& error) override {
    return AppendBody(text, error);
  }
  void on_chunk_header_impl(std::uint64_t size, BeastView,
                            BeastError& error) override {
    if (size > limits_.body_bytes - body.size()) RefuseBody(error);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView text,
                                 BeastError& error) override {
    return AppendBody(text, error);
  }
  void on_finish_impl(BeastError&) override {}

  const HttpLimits limits_;
  std::string_view window_;  // while put() runs
  size_t field_count_ = 0;
  std::optional<HttpRefusal> fault_;
};

}  // namespace bestow

#endif  // COMMON_NET_BEAST_MESSAGE_H_
