// What may go to an upstream, and what may come back.
#ifndef SERVER_UPSTREAM_CONTENTS_CHECK_H_
#define SERVER_UPSTREAM_CONTENTS_CHECK_H_

#include "absl/status/status.h"
#include "common/pki/certificate.h"
#include "common/pki/pkcs10.h"
#include "server/ca/subscriber.h"

namespace bestow::server {

// A request goes on as it was signed, so that its names are what the upstream
// reads: the Subject must be what policy grants, and each SubjectAltName among
// those granted. kPermissionDenied, naming the first that is not.
absl::Status CheckForwardable(const Pkcs10Request& request,
                              const SubscriberContents& granted);

// The same of what the upstream issued: its Subject, SubjectAltNames, key
// usages and extended key usages are within what policy grants (it says which
// they are: none would mean any), and it is no CA's. kPermissionDenied.
// NOT checked: key, path, dates.
absl::Status CheckIssuedContents(const Certificate& issued,
                                 const SubscriberContents& granted);

}  // namespace bestow::server

#endif  // SERVER_UPSTREAM_CONTENTS_CHECK_H_
