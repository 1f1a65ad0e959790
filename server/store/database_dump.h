// For tests: everything that a database holds, as text.
#ifndef SERVER_STORE_DATABASE_DUMP_H_
#define SERVER_STORE_DATABASE_DUMP_H_

#include <string>

#include "absl/status/statusor.h"

namespace bestow::server {

// One line for each row of each table, so that two states can be compared.
// Reads what is committed, also while a store has the file open.
absl::StatusOr<std::string> DumpDatabase(const std::string& path,
                                         const std::string& but_for = "");

}  // namespace bestow::server

#endif  // SERVER_STORE_DATABASE_DUMP_H_
