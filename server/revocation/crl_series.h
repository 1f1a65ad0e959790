// The CRLs of one CA key, full and delta, one after the other (RFC 5280 5).
#ifndef SERVER_REVOCATION_CRL_SERIES_H_
#define SERVER_REVOCATION_CRL_SERIES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pki/crl.h"
#include "server/revocation/issuing_key.h"
#include "server/store/revocation_store.h"

namespace bestow::server {

// Not thread-safe. Any number of servers on one database may each have one of
// the same key: the store gives each number once, and whoever comes second
// takes over what the first has published.
class CrlSeries {
 public:
  // `store` must outlive it.
  CrlSeries(IssuingKey key, RevocationStore& store)
      : key_(std::move(key)), store_(store) {}

  // Another config, or the same key loaded again.
  void SetKey(IssuingKey key) { key_ = std::move(key); }
  const IssuingKey& key() const { return key_; }

  // The next Update() reads what the store has, also when nothing is due.
  void LookAgain() { is_loaded_ = false; }

  // Publishes what is due at `now`: the first CRLs, those by schedule, and at
  // once those after a revocation or a release by whatever server. `force`: a
  // full CRL in any case. Waits for the signer and the disk. Returns when the
  // next is due by schedule. kFailedPrecondition: the CA's certificate is over,
  // or lets it sign no CRLs; else the signer's or the store's failure. The old
  // CRLs stay what they were.
  absl::StatusOr<absl::Time> Update(absl::Time now, bool force);

  // The newest that are known; null: none yet. The delta is never older than
  // the full one, or null; a key's first follows its first full one. One that
  // was issued with it has its number, and says the same to whoever holds an
  // earlier one (RFC 5280 5.2.3).
  std::shared_ptr<const StoredCrl> full() const { return full_; }
  std::shared_ptr<const StoredCrl> delta() const { return delta_; }

 private:
  // By serial number.
  using Reasons = std::unordered_map<std::string, RevocationReason>;
  // What makes a delta's base: where what has changed counts from.
  struct Base {
    int64_t number = 0;
    absl::Time this_update;
  };

  absl::Status CheckCanSign(absl::Time now) const;
  // Takes over what the store has and we have not. True: there was something.
  absl::StatusOr<bool> Refresh();
  absl::Status Learn(const StoredCrl& crl);
  absl::StatusOr<bool> HasChanged(absl::Time now);
  bool IsFullDue(absl::Time now) const;
  bool IsDeltaDue(absl::Time now) const;
  absl::Time NextDelta() const;
  absl::Time NextDue() const;
  bool HasDeltas() const;
  int64_t NextNumber(absl::Time now) const;
  absl::StatusOr<std::vector<RevokedCertificate>> ListChanged(absl::Time now,
                                                              const Base& base);
  absl::StatusOr<CrlContents> FullContents(
      absl::Time now, const std::vector<RevokedCertificate>& revoked) const;
  CrlContents DeltaContents(
      absl::Time now, const Base& base,
      const std::vector<RevokedCertificate>& changed) const;
  absl::Status PublishFull(absl::Time now, bool by_schedule);
  absl::Status PublishDelta(absl::Time now);
  absl::StatusOr<StoredCrl> Sign(CrlContents contents) const;
  absl::Status Store(const std::vector<StoredCrl>& crls,
                     std::string_view detail);

  IssuingKey key_;
  RevocationStore& store_;
  bool is_loaded_ = false;
  int64_t unreadable_ =
      0;  // the number of a stored one that is as good as none
  std::shared_ptr<const StoredCrl> full_;
  std::shared_ptr<const StoredCrl> delta_;
  Base base_;  // means something once there is a full CRL
  // What full_ and delta_ say together: the reason of each serial. What changed
  // since known_at_ is not in it yet.
  Reasons known_;
  absl::Time known_at_ = absl::InfinitePast();
};

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_CRL_SERIES_H_
