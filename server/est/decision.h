// What an enrollment gets (RFC 7030 3.7, 4.2.1, 4.2.2).
#ifndef SERVER_EST_DECISION_H_
#define SERVER_EST_DECISION_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/key_type.h"
#include "common/pki/certificate.h"
#include "common/pki/pkcs10.h"
#include "server/ca/subscriber.h"
#include "server/est/snapshot.h"

namespace bestow::server {

// Failures of both are Refuse()s. NOT checked: the request's form, signature
// and links.

// A first enrollment, or one more: the names that the profile gives to
// `identity`, whatever the request says. `key_type`: nullopt for strong keys
// that have no name among KeyTypes.
absl::StatusOr<SubscriberContents> DecideEnrollment(
    const Service& service, const std::string& identity,
    const Pkcs10Request& request, std::optional<KeyType> key_type);

// A re-enrollment: the names of `current`, the certificate that is renewed, or
// those of the request's ChangeSubjectName where the label allows it; either
// way what the profile gives. `order_start`: from when the operator wants it
// renewed, InfiniteFuture when he does not.
absl::StatusOr<SubscriberContents> DecideRenewal(
    const Service& service, const std::string& identity,
    const Pkcs10Request& request, std::optional<KeyType> key_type,
    const Certificate& current, absl::Time order_start, absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_EST_DECISION_H_
