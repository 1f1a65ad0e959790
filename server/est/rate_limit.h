// How many enrollments a label takes in a minute.
#ifndef SERVER_EST_RATE_LIMIT_H_
#define SERVER_EST_RATE_LIMIT_H_

#include <map>
#include <mutex>
#include <string>

#include "absl/time/time.h"

namespace bestow::server {

// One token bucket for each label. Thread-safe; lives across reloads.
class RateLimit {
 public:
  // Zero when one more enrollment may go on now, else the time until one may.
  // `per_minute` is also how many may come at once; 0: no limit. `label` is one
  // of the config's: there are as many buckets as labels.
  absl::Duration Take(const std::string& label, int per_minute, absl::Time now);

 private:
  struct Bucket {
    double tokens = 0;
    absl::Time filled_at;
  };
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace bestow::server

#endif  // SERVER_EST_RATE_LIMIT_H_
