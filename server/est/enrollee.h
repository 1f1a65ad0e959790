// Whom an enrollment is for.
#ifndef SERVER_EST_ENROLLEE_H_
#define SERVER_EST_ENROLLEE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/pkcs10.h"
#include "server/auth/authenticator.h"
#include "server/store/store.h"

namespace bestow::server {

struct Enrollee {
  int64_t id = 0;  // 0: registers itself with this issuance
  std::string identity;
};

// Who asks, or, when a registration authority asks (RFC 7030 3.7), the identity
// named by the common name of the request: one that is registered for `label`,
// and no other registration authority. kNotRegistered, or the store's failures.
absl::StatusOr<Enrollee> FindEnrollee(Store& store, const Principal& principal,
                                      const std::string& label,
                                      const Pkcs10Request& request);

// RFC 7894 3.1: the one-time secret in the request's otpChallenge, which must
// be the enrollee's; it is used up like one that came by HTTP. nullopt without
// the attribute. kWrongOtp: there is none of that kind, or it is another one
// than `http_secret_id`. NOT checked: that it is not spent; Store::Issue does.
absl::StatusOr<std::optional<int64_t>> FindOtpSecret(
    Store& store, const Enrollee& enrollee, const Pkcs10Request& request,
    const std::optional<int64_t>& http_secret_id,
    const absl::StatusOr<Bytes>& channel_binding);

}  // namespace bestow::server

#endif  // SERVER_EST_ENROLLEE_H_
