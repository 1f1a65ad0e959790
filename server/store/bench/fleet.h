// For tests and measurements: a fleet of devices, and what it asks the store.
#ifndef SERVER_STORE_BENCH_FLEET_H_
#define SERVER_STORE_BENCH_FLEET_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "server/store/enrollment_store.h"
#include "server/store/sql.h"

namespace bestow::server {

// Records of the sizes that they have, with keys and serial numbers as they
// are, each with a line of the audit log, on a clock of its own. Whom it is
// about is random, by a fixed seed. Not thread-safe.
class Fleet {
 public:
  // Adds devices that have an identity and a one-time secret each, and no
  // certificate. In a transaction of the caller's.
  absl::Status AddDevices(SqlConnection& database, int64_t count);

  // The first certificate of a device that waits for one, with its secret.
  // There has to be one.
  Issuance Enroll();
  // The renewal of a device's newest certificate, with a new key. The one that
  // it replaces has to be stored before it.
  Issuance Renew();

  // Until `records` are issued: the one half first certificates, the other
  // half renewals. In transactions of its own.
  absl::Status Issue(SqlConnection& database, int64_t records);

 private:
  struct Device {
    int64_t identity_id = 0;
    int64_t secret_id = 0;
    Bytes serial;  // of its newest certificate
  };

  size_t Any(size_t count);
  Issuance MakeIssuance(size_t device, const std::string& operation);

  std::mt19937_64 random_{20261121};
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::vector<Device> devices_;
  std::vector<size_t> waiting_;   // places in devices_
  std::vector<size_t> enrolled_;  // the same
};

}  // namespace bestow::server

#endif  // SERVER_STORE_BENCH_FLEET_H_
