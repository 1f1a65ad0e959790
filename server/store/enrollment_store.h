// What a request to the server needs of the store.
#ifndef SERVER_STORE_ENROLLMENT_STORE_H_
#define SERVER_STORE_ENROLLMENT_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "server/store/audit_entry.h"
#include "server/store/records.h"

namespace bestow::server {

// An issuance to be made durable.
struct Issuance {
  // identity_id 0: the identity called record.identity registers itself (a
  // device of a manufacturer that the operator trusts, RFC 7030 3.3.2). It is
  // made in the same transaction, good for record.label; one that is there by
  // now is taken if it is good for that label.
  CertificateRecord record;
  // The one-time secret that authenticated it. It becomes bound to the
  // record's key in the same transaction. With a pending_id it must have been
  // good when that was asked: the operator may take longer than it lasts.
  std::optional<int64_t> secret_id;
  // The approved request that it answers: taken in the same transaction.
  std::optional<int64_t> pending_id;
  // For how long after its first use a secret, or an approval, gives the same
  // certificate.
  absl::Duration secret_retry_window;
  // The certificate that is renewed; empty: none. The new one takes its place
  // in the count of max_live, and that of whatever it gave before.
  Bytes replaces_serial;
  // How many certificates of the identity may be live at record.label, this
  // one included: valid, not revoked, not replaced (by a later one of the same
  // key, too: a client whose reply was lost asks again). 0: any number.
  int max_live = 0;
  // Written when it succeeds, with the serial number, and as outcome "issued"
  // or "repeated". A failure is the caller's to append.
  AuditEntry audit;
};

struct Issued {
  Bytes certificate;
  Bytes serial;
  // The certificate is an older one: a one-time secret or an approval came
  // again with the key that it is bound to. Nothing was written but the audit.
  bool repeated = false;
};

// Thread-safe. kUnavailable and kResourceExhausted mean "try again later".
// After kUnavailable nobody knows whether a write took place: a client that
// asks again is answered by what its secret or approval is bound to.
class EnrollmentStore {
 public:
  virtual ~EnrollmentStore() = default;

  // `done` is called once, on a thread of the store, and only after the record
  // is on the disk (or has failed). Errors beside the two above:
  // kPermissionDenied: the secret has served another key or label, its time to
  // be repeated is over, or it expired unused; or what is to be renewed or
  // repeated is revoked by now, or the key was compromised, or the identity was
  // removed (IssueRefusalOf() says which). kOutOfRange: more than max_live.
  // kNotFound: replaces_serial is none of the identity's. kAborted: the request
  // is not approved any more, or the identity that registers itself is there by
  // now and not its to take. kAlreadyExists: the serial number is taken; take
  // another. A server-made key is sent but once: its secret or approval repeats
  // nothing.
  using IssueDone = std::function<void(absl::StatusOr<Issued>)>;
  virtual void Issue(Issuance issuance, IssueDone done) = 0;

  // As Issue() would end, but nothing is written: another CA is asked only for
  // what can be recorded then. Of the record it reads the identity and its id,
  // label, key_sha256 and issued_at. NOT checked: serial number, secret_id,
  // pending_id. `done` as for Issue().
  using CheckDone = std::function<void(absl::Status)>;
  virtual void CheckIssuable(Issuance issuance, CheckDone done) = 0;

  // The request that `request` is (see PendingRequest for what they are
  // matched by), in whatever state, or `request` itself, added in its
  // state: waiting, or approved where only another CA is waited for.
  // `done` as for Issue(): a new one is on the disk by then. Expired ones
  // count as not there, and are removed. identity_id 0: as in Issuance.
  // kResourceExhausted: `max_waiting` requests of this label are in the state
  // of `request` already, or kMaxWaitingOfIdentity of this identity at it.
  // kPermissionDenied: a new one whose one-time secret expired or has served
  // another key; any that reserves one which has, or which has its certificate
  // already. kAborted: as in Issue(), of an identity that registers itself.
  static constexpr size_t kMaxWaitingOfIdentity = 16;
  using PendingDone = std::function<void(absl::StatusOr<PendingRequest>)>;
  virtual void FindOrAddPending(PendingRequest request, size_t max_waiting,
                                PendingDone done) = 0;

  // Reads. Short, on the caller's thread; never wait for a writer.
  // kNotFound when there is none.
  virtual absl::StatusOr<Identity> FindIdentity(const std::string& name) = 0;
  virtual absl::StatusOr<SecretRecord> FindSecret(int64_t identity_id,
                                                  ByteView secret_sha256) = 0;
  // As Issue() would refuse the identity's one-time secret to a key that it has
  // not served, asked for at `asked_at`: kPermissionDenied.
  virtual absl::Status CheckUnused(int64_t identity_id, int64_t secret_id,
                                   absl::Time asked_at) = 0;
  // The password's and those of the newest one-time secrets: at most
  // kMaxDigestSecrets. None is no error.
  static constexpr size_t kMaxDigestSecrets = 16;
  virtual absl::StatusOr<std::vector<DigestSecret>> FindDigestSecrets(
      int64_t identity_id, const std::string& realm,
      const std::string& algorithm) = 0;
  // NOT checked: whose it is.
  virtual absl::StatusOr<PreSharedKey> FindPreSharedKey(
      ByteView key_identifier) = 0;
  virtual absl::StatusOr<CertificateRecord> FindCertificate(
      ByteView serial) = 0;
  // The newest of the identity's certificates whose SubjectPublicKeyInfo has
  // that SHA-256, or whose subject key identifier that is. NOT checked: dates.
  virtual absl::StatusOr<CertificateRecord> FindCertificateByKey(
      int64_t identity_id, ByteView key_sha256_or_key_id) = 0;
  // The newest order that means this certificate. NOT checked: whether its
  // window is over.
  virtual absl::StatusOr<RenewalOrder> FindRenewalOrder(
      const CertificateRecord& record) = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_ENROLLMENT_STORE_H_
