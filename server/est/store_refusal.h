// What the store refuses, as the client is told.
#ifndef SERVER_EST_STORE_REFUSAL_H_
#define SERVER_EST_STORE_REFUSAL_H_

#include "absl/status/status.h"

namespace bestow::server {

// `status`: a failure of Store::Issue, FindOrAddPending or CheckUnused.
// For kPermissionDenied kSecretSpent, or kKeyCompromised, kRevoked or
// kNotRegistered by its reason (issue_refusal.h); for kOutOfRange kTooManyLive;
// kNotGranted for kAborted, with its text; any other as it is.
absl::Status RefusalOf(const absl::Status& status);

}  // namespace bestow::server

#endif  // SERVER_EST_STORE_REFUSAL_H_
