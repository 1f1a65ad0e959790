// Issued certificates as the operator's lists show them.
#ifndef SERVER_ADMIN_CERTIFICATE_JSON_H_
#define SERVER_ADMIN_CERTIFICATE_JSON_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/admin/json.h"
#include "server/admin/operation.h"
#include "server/store/records.h"

namespace bestow::server {

// "valid", "expired" or "revoked".
std::string_view StateOf(const CertificateRecord& record, absl::Time now);

// Without the certificate itself.
Json CertificateJson(const CertificateRecord& record, absl::Time now);

// Of the arguments "identity", "label", "serial" (how it begins), "state" and
// "expiring" ("30d": valid ones that end within that time). kInvalidArgument,
// naming the flag.
absl::StatusOr<CertificateFilter> CertificateFilterOf(const Json& arguments,
                                                      absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CERTIFICATE_JSON_H_
