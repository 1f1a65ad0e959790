// Publishes the CRLs of all CA keys of a running server.
#ifndef SERVER_REVOCATION_CRL_PUBLISHER_H_
#define SERVER_REVOCATION_CRL_PUBLISHER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "server/revocation/crl_series.h"
#include "server/revocation/issuing_key.h"
#include "server/store/revocation_store.h"

namespace bestow::server {

class CrlPublisher {
 public:
  struct Options {
    // Those of now. Thread-safe.
    std::function<std::shared_ptr<const IssuingKeys>()> keys;
    RevocationStore* store = nullptr;  // outlives it
  };
  explicit CrlPublisher(Options options) : options_(std::move(options)) {}

  // A task of the Housekeeper, and for its thread alone: publishes what is due
  // (see CrlSeries), looks for revocations by other servers, and logs what
  // fails: the old CRLs are served meanwhile.
  absl::Time Run(absl::Time now);
  // Thread-safe: the next Run() looks for CRLs that were published by another
  // process, too.
  void LookAgain() { look_again_ = true; }

  // Thread-safe. The number of the next Run() that begins; and, not for the
  // Housekeeper's thread, a wait for the end of that one or a later one. False:
  // it is not over in that time.
  int64_t NextRun() const;
  bool WaitForRun(int64_t run, absl::Duration timeout);

  // The newest that is to be served; nullptr: none. Thread-safe.
  std::shared_ptr<const StoredCrl> Find(ByteView key_id, bool delta) const;

 private:
  struct Key {
    std::unique_ptr<CrlSeries> series;
    absl::Time retry_at = absl::InfinitePast();  // after a failure
  };
  struct Served {
    std::shared_ptr<const StoredCrl> full;
    std::shared_ptr<const StoredCrl> delta;
  };

  absl::Time Update(Key& key, absl::Time now, bool at_once);
  absl::Time UpdateAll(absl::Time now);
  void Serve(const CrlSeries& series);

  const Options options_;
  std::atomic<bool> look_again_{false};
  std::map<Bytes, Key> series_;  // by key identifier
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<Bytes, Served> served_;
  int64_t runs_begun_ = 0;
  int64_t runs_ended_ = 0;
  std::condition_variable run_ended_;
};

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_CRL_PUBLISHER_H_
