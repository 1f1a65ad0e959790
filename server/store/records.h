// What the store keeps, as values.
#ifndef SERVER_STORE_RECORDS_H_
#define SERVER_STORE_RECORDS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/pki/revocation_reason.h"
#include "server/store/audit_entry.h"

namespace bestow::server {

struct Identity {
  int64_t id = 0;
  std::string name;
  std::string password_hash;  // as auth/password.h writes it; "": no password
  // A registration authority: may enroll others. Given by the operator alone.
  bool is_ra = false;
  std::vector<std::string> labels;  // sorted; "": the service without a label
  absl::Time created_at;            // filled when read

  bool MayUse(std::string_view label) const {
    return std::find(labels.begin(), labels.end(), label) != labels.end();
  }
};

// What the operator says of an identity when it is made or extended.
struct IdentityOptions {
  // Added to those that it has. A new identity without any is good for "".
  std::vector<std::string> labels;
  std::optional<bool> is_ra;
};

// A one-time secret, as far as it is stored: by its hash.
struct SecretRecord {
  int64_t id = 0;
  int64_t identity_id = 0;
  absl::Time expires_at;
};

// The H(A1) of a password or one-time secret (RFC 7616 3.4.2), sealed by
// auth/sealed_secret.h. Opt-in per user: who has none can't use Digest.
struct DigestSecret {
  std::string realm;
  std::string algorithm;             // "MD5" or "SHA-256"
  std::optional<int64_t> secret_id;  // filled when read; of a one-time secret
  Bytes sealed_ha1;
};

// A key that the server and one identity share (RFC 7030 4.4.1.1).
struct PreSharedKey {
  Bytes key_identifier;  // what DecryptKeyIdentifier names; unique
  int64_t identity_id = 0;
  std::string identity;
  Bytes sealed_key;
};

// That a certificate is not to be trusted any more (RFC 5280 5.3).
struct Revocation {
  absl::Time at;
  RevocationReason reason = RevocationReason::kUnspecified;
  std::optional<absl::Time> invalidity_date;
};

struct CertificateRecord {
  int64_t id = 0;  // filled when read; grows with each issuance
  Bytes serial;    // INTEGER content octets; no two certificates have the same
  int64_t identity_id = 0;
  std::string identity;   // filled when read
  std::string label;      // the service that issued it
  std::string operation;  // "simpleenroll"
  std::string subject;    // for people
  absl::Time not_before;
  absl::Time not_after;
  absl::Time issued_at;
  Bytes key_sha256;         // over the SubjectPublicKeyInfo
  Bytes subject_key_id;     // of the certificate's extension; empty: none
  Bytes issuer_key_id;      // of its authority key identifier; empty: none
  bool server_key = false;  // the key was made here, and sent (/serverkeygen)
  Bytes certificate;
  std::optional<Revocation> revocation;  // filled when read
};

// A request that waits for the operator, or that was decided.
struct PendingRequest {
  enum class State { kWaiting, kApproved, kRefused, kIssued };

  int64_t id = 0;
  std::string label;
  int64_t identity_id = 0;
  std::string identity;
  // The five by which a client that comes back is found again: label, identity
  // and operation (what is approved for the client's key is not for one that
  // the server makes), and of its CSR the key and the subject (a linked CSR
  // differs in every session).
  std::string operation;
  Bytes key_sha256;
  Bytes subject_der;    // read back, a long one is its hash
  std::string subject;  // for people
  Bytes csr;            // DER, as it came first
  absl::Time created_at;
  // Then it is as if it had never been asked. A decision is good for as long
  // as the wait for it could have been.
  absl::Time expires_at;
  State state = State::kWaiting;
  std::string reason;  // of a refusal, for the client
  // The one-time secret that a new request came with, and what the audit log
  // is to say of it; neither is read back.
  std::optional<int64_t> secret_id;
  // From now on that secret serves this request's key alone, whatever becomes
  // of it, for another CA is about to be asked. Not read back either.
  bool reserves_secret = false;
  AuditEntry audit;
  absl::Time decided_at;  // InfinitePast: not decided
};

// "waiting", "approved", "refused", "issued": as people and the table say it.
const char* PendingStateName(PendingRequest::State state);

// The operator's word that certificates are to be renewed before their time
// (renewal information; the window is what clients are told).
struct RenewalOrder {
  int64_t id = 0;
  std::optional<std::string> label;  // nullopt: every service's
  absl::Time issued_before;          // the certificates that are meant
  absl::Time window_start;
  absl::Time window_end;
  absl::Time created_at;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_RECORDS_H_
