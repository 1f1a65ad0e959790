#include "server/revocation/crl_publisher.h"

#include <algorithm>
#include <utility>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

// How soon a revocation by another process, or one that nobody said a word of,
// is on a CRL.
constexpr absl::Duration kLookInterval = absl::Seconds(5);
constexpr absl::Duration kShortestInterval = absl::Seconds(1);
constexpr absl::Duration kRetryInterval = absl::Seconds(30);
// What only another certificate of the CA mends.
constexpr absl::Duration kLongRetryInterval = absl::Hours(1);

}  // namespace

void CrlPublisher::Serve(const CrlSeries& series) {
  std::lock_guard<std::mutex> lock(mutex_);
  served_[series.key().key_id] = {series.full(), series.delta()};
}

absl::Time CrlPublisher::Update(Key& key, absl::Time now, bool at_once) {
  if (now < key.retry_at && key.retry_at <= now + kLongRetryInterval) {
    return key.retry_at;
  }
  // Of a thousand revocations in a row, not each is worth a CRL, unless
  // somebody waits for it.
  const std::shared_ptr<const StoredCrl> last = key.series->full();
  if (!at_once && last != nullptr && now >= last->this_update &&
      now < last->this_update + kShortestInterval) {
    return last->this_update + kShortestInterval;
  }
  absl::StatusOr<absl::Time> next = key.series->Update(now, /*force=*/false);
  Serve(*key.series);
  if (next.ok()) {
    key.retry_at = absl::InfinitePast();
    return std::min(*next, now + kLookInterval);
  }
  const absl::Duration wait = absl::IsFailedPrecondition(next.status())
                                  ? kLongRetryInterval
                                  : kRetryInterval;
  key.retry_at = now + wait;
  const std::shared_ptr<const StoredCrl> old = key.series->full();
  LOG(ERROR) << "no new CRL of " << key.series->key().folder << ": "
             << next.status().message() << "; "
             << (old == nullptr
                     ? std::string("there is none")
                     : absl::StrCat("the old one is good until ",
                                    absl::FormatTime(old->next_update,
                                                     absl::UTCTimeZone())))
             << "; tried again in " << absl::FormatDuration(wait);
  return key.retry_at;
}

absl::Time CrlPublisher::Run(absl::Time now) {
  int64_t run = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    run = ++runs_begun_;
  }
  const absl::Time next = UpdateAll(now);
  std::lock_guard<std::mutex> lock(mutex_);
  runs_ended_ = run;
  run_ended_.notify_all();
  return next;
}

int64_t CrlPublisher::NextRun() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return runs_begun_ + 1;
}

bool CrlPublisher::WaitForRun(int64_t run, absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  return run_ended_.wait_for(lock, absl::ToChronoMilliseconds(timeout),
                             [&] { return runs_ended_ >= run; });
}

absl::Time CrlPublisher::UpdateAll(absl::Time now) {
  const std::shared_ptr<const IssuingKeys> keys = options_.keys();
  const bool look_again = look_again_.exchange(false);
  absl::Time next = now + kLookInterval;
  std::map<Bytes, Key> series;
  for (const IssuingKey& key : *keys) {
    // After the CA's end nobody takes its CRLs.
    if (!key.is_published || now >= key.certificate().not_after) continue;
    Key& mine = series[key.key_id];
    const auto before = series_.find(key.key_id);
    if (before == series_.end()) {
      mine.series = std::make_unique<CrlSeries>(key, *options_.store);
    } else {
      mine = std::move(before->second);
      mine.series->SetKey(key);
    }
    if (look_again) {
      mine.series->LookAgain();
      mine.retry_at = absl::InfinitePast();
    }
    next = std::min(next, Update(mine, now, look_again));
  }
  // Keys that a reload took away.
  series_ = std::move(series);
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto it = served_.begin(); it != served_.end();) {
    it = series_.count(it->first) == 0 ? served_.erase(it) : std::next(it);
  }
  return next;
}

std::shared_ptr<const StoredCrl> CrlPublisher::Find(ByteView key_id,
                                                    bool delta) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = served_.find(ToBytes(key_id));
  if (it == served_.end()) return nullptr;
  return delta ? it->second.delta : it->second.full;
}

}  // namespace bestow::server
