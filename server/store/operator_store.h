// What the operator's commands do to the store.
#ifndef SERVER_STORE_OPERATOR_STORE_H_
#define SERVER_STORE_OPERATOR_STORE_H_

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
#include "server/store/listing.h"
#include "server/store/records.h"

namespace bestow::server {

// A CA whose IDevIDs may enroll at a label, beside those of the config's files.
struct TrustAnchorRecord {
  int64_t id = 0;  // filled when read
  std::string label;
  std::string name;  // for people; one name once for a label
  Bytes certificate;
  absl::Time added_at;
};

// Thread-safe. Writing calls wait for the disk, and write `audit` in the same
// transaction. A page's limit over kMaxPage is kInvalidArgument.
class OperatorStore {
 public:
  virtual ~OperatorStore() = default;

  // The next four make the identity when it is not there, or was removed, and
  // extend it by `options` when it is.
  virtual absl::Status AddIdentity(const std::string& name,
                                   const IdentityOptions& options,
                                   absl::Time now,
                                   const AuditEntry& audit = {}) = 0;
  // `replace` false: kAlreadyExists when it has a password. `digest` takes the
  // place of the old password's; empty: Digest is not for this password.
  virtual absl::Status SetPassword(const std::string& name,
                                   const std::string& password_hash,
                                   bool replace, absl::Time now,
                                   const IdentityOptions& options = {},
                                   const std::vector<DigestSecret>& digest = {},
                                   const AuditEntry& audit = {}) = 0;
  virtual absl::Status AddSecret(const std::string& name,
                                 ByteView secret_sha256, absl::Time now,
                                 absl::Time expires_at,
                                 const IdentityOptions& options = {},
                                 const std::vector<DigestSecret>& digest = {},
                                 const AuditEntry& audit = {}) = 0;
  // kAlreadyExists: the identifier is taken.
  virtual absl::Status AddPreSharedKey(const std::string& name,
                                       ByteView key_identifier,
                                       ByteView sealed_key, absl::Time now,
                                       const IdentityOptions& options = {},
                                       const AuditEntry& audit = {}) = 0;

  // Takes away an identity and all that it authenticates with; its name stays
  // known, and comes back by the operator's word alone. kNotFound.
  // kFailedPrecondition: it has certificates that are valid at `now`; they are
  // to be revoked first.
  virtual absl::Status RemoveIdentity(const std::string& name, absl::Time now,
                                      const AuditEntry& audit) = 0;
  // The rest of the identity stays. kNotFound: it has no password.
  virtual absl::Status RemovePassword(const std::string& name,
                                      const AuditEntry& audit) = 0;
  // kNotFound.
  virtual absl::Status RemoveSecret(int64_t id, const AuditEntry& audit) = 0;
  virtual absl::Status RemovePreSharedKey(ByteView key_identifier,
                                          const AuditEntry& audit) = 0;

  // The operator's word, which may change until the certificate is issued; it
  // is good for as long as the wait for it could have been. `reason` goes to
  // the client of a refused request. kNotFound: none, or expired.
  // kFailedPrecondition: it has its certificate.
  virtual absl::StatusOr<PendingRequest> DecidePending(
      int64_t id, bool approve, const std::string& reason, absl::Time now,
      const AuditEntry& audit = {}) = 0;
  // kInvalidArgument: the window ends before it begins.
  virtual absl::StatusOr<int64_t> AddRenewalOrder(
      const RenewalOrder& order, const AuditEntry& audit = {}) = 0;

  // id is not looked at; the new one's is returned. kAlreadyExists: the label
  // has one of that name. NOT checked: whether it is a CA's certificate.
  virtual absl::StatusOr<int64_t> AddTrustAnchor(
      const TrustAnchorRecord& anchor, const AuditEntry& audit) = 0;
  // kNotFound.
  virtual absl::Status RemoveTrustAnchor(int64_t id,
                                         const AuditEntry& audit) = 0;
  virtual absl::StatusOr<std::vector<TrustAnchorRecord>> ListTrustAnchors() = 0;
  // Grows with each change of the anchors, so that servers notice.
  virtual absl::StatusOr<int64_t> AnchorsVersion() = 0;

  virtual absl::StatusOr<std::vector<CertificateRecord>> ListCertificates(
      const CertificateFilter& filter, const Page& page) = 0;
  virtual absl::StatusOr<std::vector<Identity>> ListIdentities(
      const Page& page) = 0;
  virtual absl::StatusOr<std::vector<SecretListing>> ListSecrets(
      const Page& page) = 0;
  virtual absl::StatusOr<std::vector<PreSharedKeyListing>> ListPreSharedKeys(
      const Page& page) = 0;
  // Those not expired at `now`.
  virtual absl::StatusOr<std::vector<PendingRequest>> ListPending(
      absl::Time now, const Page& page) = 0;
  virtual absl::StatusOr<PendingRequest> FindPending(int64_t id,
                                                     absl::Time now) = 0;
  virtual absl::StatusOr<std::vector<RenewalOrder>> ListRenewalOrders(
      const Page& page) = 0;
  // Counts everything: takes time in a large database.
  virtual absl::StatusOr<Statistics> CountAll(absl::Time now) = 0;

  // Everything of a kind, oldest first, page by page: what is written
  // meanwhile may be in it or not.
  absl::Status ForEachCertificate(
      const std::function<void(const CertificateRecord&)>& visit);
  absl::Status ForEachPending(
      absl::Time now, const std::function<void(const PendingRequest&)>& visit);
  absl::Status ForEachRenewalOrder(
      const std::function<void(const RenewalOrder&)>& visit);
};

}  // namespace bestow::server

#endif  // SERVER_STORE_OPERATOR_STORE_H_
