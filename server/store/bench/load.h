// For tests and measurements: devices that enroll all the time.
#ifndef SERVER_STORE_BENCH_LOAD_H_
#define SERVER_STORE_BENCH_LOAD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace bestow::server {

// Issuances of identities of a store, each with a serial number of its own and
// an entry in the audit log, of the size that they have. Not thread-safe.
class Load {
 public:
  // Makes the identities that it needs. `store` must outlive it.
  static absl::StatusOr<Load> Create(Store& store);

  // `clients` at once, each with its next as soon as its last one is on the
  // disk, until `records` are. Returns the time that it took.
  absl::StatusOr<absl::Duration> Run(int clients, int64_t records);

 private:
  static constexpr int kIdentities = 1000;
  Load(Store& store, int64_t first_identity)
      : store_(&store), first_identity_(first_identity) {}
  Issuance Next();

  Store* store_;
  int64_t first_identity_;
  int64_t made_ = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_BENCH_LOAD_H_
