#include "server/admin/operations.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/admin/anchor_operations.h"
#include "server/admin/audit_operations.h"
#include "server/admin/certificate_operations.h"
#include "server/admin/credential_operations.h"
#include "server/admin/identity_operations.h"
#include "server/admin/request_operations.h"
#include "server/admin/revoke_operations.h"
#include "server/admin/server_operations.h"

namespace bestow::server {

const Operation* FindOperation(std::string_view name) {
  for (absl::Span<const Operation> operations :
       {IdentityOperations(), CredentialOperations(), RequestOperations(),
        CertificateOperations(), RevokeOperations(), AnchorOperations(),
        AuditOperations(), ServerOperations()}) {
    for (const Operation& operation : operations) {
      if (operation.name == name) return &operation;
    }
  }
  return nullptr;
}

absl::StatusOr<Json> PerformOperation(std::string_view name,
                                      const AdminContext& context,
                                      const Json& arguments) {
  const Operation* operation = FindOperation(name);
  if (operation == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("the running server knows no operation \"", name,
                     "\": it is of another version than this tool"));
  }
  return operation->run(context, arguments);
}

}  // namespace bestow::server
