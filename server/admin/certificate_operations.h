// certificates list, show, export; statistics.
#ifndef SERVER_ADMIN_CERTIFICATE_OPERATIONS_H_
#define SERVER_ADMIN_CERTIFICATE_OPERATIONS_H_

#include "absl/types/span.h"
#include "server/admin/operation.h"

namespace bestow::server {

absl::Span<const Operation> CertificateOperations();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CERTIFICATE_OPERATIONS_H_
