// What a device's certificate says, but for its key.
#ifndef SERVER_CA_SUBSCRIBER_H_
#define SERVER_CA_SUBSCRIBER_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/der/oid.h"
#include "common/pki/name.h"

namespace bestow::server {

struct SubscriberContents {
  Name subject;
  std::vector<GeneralName> sans;
  uint32_t key_usage = 0;
  std::vector<der::Oid> extended_key_usage;
  absl::Duration validity;  // from now
  absl::Duration backdate;  // before now
};

}  // namespace bestow::server

#endif  // SERVER_CA_SUBSCRIBER_H_
