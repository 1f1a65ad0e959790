// One line of the audit log.
#ifndef SERVER_STORE_AUDIT_ENTRY_H_
#define SERVER_STORE_AUDIT_ENTRY_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::server {

// Who, from where, did or asked what, and what came of it. No secret is ever
// in one. An entry without an action is none: nothing is written for it.
struct AuditEntry {
  absl::Time at;       // kept to the millisecond
  std::string actor;   // "gateway-17", "operator root (uid 0)", "server"
  std::string source;  // "192.0.2.7", "local"
  std::string action;  // "simpleenroll", "approve", "revoke", "crl"
  std::string
      outcome;  // "issued" "repeated" "waiting" "refused" "done" "failed"
  std::string label;
  std::string subject;  // whom or what it concerns
  std::string detail;   // why refused, what was asked
  Bytes serial;         // of the certificate; empty: none
};

// As it stands in the log.
struct AuditRecord {
  int64_t sequence = 0;  // from 1, without a gap
  AuditEntry entry;
  Bytes hash;  // over the hash before it and this entry, see audit_chain.h
};

}  // namespace bestow::server

#endif  // SERVER_STORE_AUDIT_ENTRY_H_
