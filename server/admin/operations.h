// All operations, and performing one.
#ifndef SERVER_ADMIN_OPERATIONS_H_
#define SERVER_ADMIN_OPERATIONS_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "server/admin/operation.h"

namespace bestow::server {

// nullptr: there is none of that name.
const Operation* FindOperation(std::string_view name);

// The operation's answer; kUnimplemented when there is none of that name, as
// when the tool is newer than the server.
absl::StatusOr<Json> PerformOperation(std::string_view name,
                                      const AdminContext& context,
                                      const Json& arguments);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_OPERATIONS_H_
