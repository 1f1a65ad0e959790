// For tests and measurements: devices that enroll or renew all the time.
#ifndef SERVER_STORE_BENCH_LOAD_H_
#define SERVER_STORE_BENCH_LOAD_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace bestow::server {

// `clients` at once, each with its next of what `next` makes as soon as its
// last one is on the disk, until `records` are. Returns the time that it took.
// `next` is called by one thread at a time, in the order of the issuances.
absl::StatusOr<absl::Duration> RunLoad(Store& store,
                                       const std::function<Issuance()>& next,
                                       int clients, int64_t records);

}  // namespace bestow::server

#endif  // SERVER_STORE_BENCH_LOAD_H_
