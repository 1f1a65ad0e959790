// PostgreSQL's errors -> Status.
#ifndef SERVER_STORE_POSTGRES_STATUS_H_
#define SERVER_STORE_POSTGRES_STATUS_H_

#include <string>

#include "absl/status/status.h"

namespace bestow::server {

struct PostgresFailure {
  absl::Status status;  // as SqlConnection's, with what to do
  bool ends_connection = false;
};

// Of an SQLSTATE (PostgreSQL's Appendix A) and the message with it; either may
// be null.
PostgresFailure JudgePostgresError(const char* sqlstate, const char* message);

// Of libpq's message when a connection could not be made: kFailedPrecondition
// when the database refuses us, kUnavailable when it is out of reach.
absl::Status ConnectFailure(const char* message);

// libpq's message on one line.
std::string PostgresMessage(const char* message);

}  // namespace bestow::server

#endif  // SERVER_STORE_POSTGRES_STATUS_H_
