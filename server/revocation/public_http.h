// What plain HTTP shows to everybody: CRLs, CA certificates, OCSP (RFC 5280
// 4.2.1.13, 4.2.2.1; RFC 6960 A.1). Nothing of EST, and no credentials.
#ifndef SERVER_REVOCATION_PUBLIC_HTTP_H_
#define SERVER_REVOCATION_PUBLIC_HTTP_H_

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/net/http_message.h"
#include "server/revocation/crl_publisher.h"
#include "server/revocation/issuing_key.h"
#include "server/revocation/ocsp_responder.h"

namespace bestow::server {

// Thread-safe.
class PublicHttp {
 public:
  struct Options {
    std::function<std::shared_ptr<const IssuingKeys>()> keys;
    // These outlive it.
    const CrlPublisher* crls = nullptr;
    OcspResponder* ocsp = nullptr;
    const Clock* clock = nullptr;
  };
  explicit PublicHttp(Options options) : options_(std::move(options)) {}

  // GET and HEAD of the paths of KeyPaths and of kOcspPath/<request>, POST of
  // kOcspPath; 404, 405 and 415 for all else. With validators and times for
  // caches as RFC 5019 6.2 wants them; a matching If-None-Match, or an
  // If-Modified-Since, gives 304. For a loop's thread.
  HttpResponse Handle(const HttpRequest& request) const;

 private:
  HttpResponse HandleOcsp(const HttpRequest& request,
                          std::string_view path) const;
  HttpResponse HandleFile(const HttpRequest& request,
                          std::string_view path) const;

  const Options options_;
};

// Of a request for a CRL or an OCSP answer; a device's is some hundred octets.
inline constexpr size_t kMaxPublicBodyBytes = kMaxOcspRequestBytes;

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_PUBLIC_HTTP_H_
