// A device's request, re-submitted by this server as registration authority
// (RFC 7030 3.7).
#ifndef SERVER_UPSTREAM_FORWARDER_H_
#define SERVER_UPSTREAM_FORWARDER_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"

namespace bestow::server {

struct ForwardRequest {
  std::string folder;  // whose upstream: UpstreamConnection::folder
  Bytes csr_der;       // as the device signed it
  Bytes spki;          // its key
  std::string common_name;
};

struct ForwardAnswer {
  enum class Kind {
    // `certificate` is for the request's key and has a path to the upstream's
    // anchors. NOT checked: what else it says (CheckIssuedContents).
    kIssued,
    kWaiting,  // for somebody's approval there: 202
    kRefused,  // the upstream does not want this request
    // There is no saying what the upstream thinks: it can't be reached, or does
    // not answer, or fails without a word of when to ask again. The request may
    // have got through.
    kDown,
    // It is there, but too much is asked of it, or here of what asks it; or
    // its settings have changed meanwhile. Asking again will help. Never a
    // reason to sign in its place: whoever it refuses could bring that about.
    kBusy,
    // It does not take this server for what it says it is, or is not what it
    // should be itself: an operator has to do something.
    kNotServed,
    kBadReply,  // nothing that can be handed out
  };
  Kind kind = Kind::kDown;
  std::optional<Certificate> certificate;
  std::string reason;  // one line, fit for a client
  std::optional<absl::Duration> retry_after;
};

// Thread-safe.
class Forwarder {
 public:
  using Done = std::function<void(ForwardAnswer)>;

  virtual ~Forwarder() = default;
  // By /simpleenroll. Never waits. `done` is called once, from any thread,
  // perhaps before Forward() returns. The same request may be forwarded again:
  // what the upstream has issued for the key is for it to repeat.
  // kRefused without asking for a common name that is the registration
  // authority's own: the upstream would take it for a request for itself.
  virtual void Forward(ForwardRequest request, Done done) = 0;
  // The body of the upstream's last /csrattrs (DER); empty: it asks for
  // nothing; nullopt: not known yet.
  virtual std::optional<Bytes> CsrAttrs(const std::string& folder) = 0;
};

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_FORWARDER_H_
