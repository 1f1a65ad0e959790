// Revocation of a running server: CRLs, OCSP, and what plain HTTP shows.
#ifndef SERVER_REVOCATION_REVOCATION_SERVICE_H_
#define SERVER_REVOCATION_REVOCATION_SERVICE_H_

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/net/http_message.h"
#include "server/housekeeping/housekeeper.h"
#include "server/revocation/crl_publisher.h"
#include "server/revocation/issuing_key.h"
#include "server/revocation/ocsp_responder.h"
#include "server/revocation/ocsp_signer.h"
#include "server/revocation/public_http.h"
#include "server/store/store.h"

namespace bestow::server {

// Thread-safe.
class RevocationService {
 public:
  using Keys = std::function<std::shared_ptr<const IssuingKeys>()>;
  // `keys` gives those of now, on any thread. All must outlive it. Adds its
  // tasks to `housekeeper`, which must stop before this goes.
  RevocationService(Keys keys, Store& store, const Clock& clock,
                    Housekeeper& housekeeper);

  // The keys, their config, or what the store has of revocations and CRLs may
  // have changed: it is looked at soon, and new CRLs made where that is due.
  void Wake();

  // The same, and waits until the CRLs are served, some seconds at most. For an
  // operator's thread. False: they will be later, or the log says why not.
  bool PublishNow();

  HttpResponse Handle(const HttpRequest& request) const {
    return http_.Handle(request);
  }

 private:
  Housekeeper& housekeeper_;
  CrlPublisher crls_;
  OcspSigners signers_;
  OcspResponder ocsp_;
  PublicHttp http_;
};

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_REVOCATION_SERVICE_H_
