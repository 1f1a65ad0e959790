// How the entries of the audit log hang together.
#ifndef SERVER_STORE_AUDIT_CHAIN_H_
#define SERVER_STORE_AUDIT_CHAIN_H_

#include "common/base/bytes.h"
#include "server/store/audit_entry.h"

namespace bestow::server {

// The hash that stands before the first entry: 32 zero octets.
Bytes FirstAuditHash();

// SHA-256(previous || sequence || at || actor || source || action || outcome ||
// label || subject || detail || serial). Sequence and time (milliseconds since
// 1970) are 8 octets each, big-endian; each field after them is its length in 4
// octets, big-endian, then its octets.
Bytes AuditHash(ByteView previous, const AuditRecord& record);

}  // namespace bestow::server

#endif  // SERVER_STORE_AUDIT_CHAIN_H_
