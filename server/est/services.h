// What the steps of every exchange use.
#ifndef SERVER_EST_SERVICES_H_
#define SERVER_EST_SERVICES_H_

#include "common/base/clock.h"
#include "server/audit/audit_trail.h"
#include "server/auth/authenticator.h"
#include "server/auth/sealed_secret.h"
#include "server/store/store.h"
#include "server/upstream/forwarder.h"

namespace bestow::server {

// Thread-safe parts that outlive every exchange.
struct Services {
  Store* store = nullptr;
  Authenticator* authenticator = nullptr;
  const Clock* clock = nullptr;
  const SecretSealer* sealer = nullptr;  // of pre-shared keys
  AuditTrail* audit = nullptr;
  Forwarder* forwarder = nullptr;  // of services that have an upstream
};

}  // namespace bestow::server

#endif  // SERVER_EST_SERVICES_H_
