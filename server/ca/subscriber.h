// What a device's certificate says, but for its key.
#ifndef SERVER_CA_SUBSCRIBER_H_
#define SERVER_CA_SUBSCRIBER_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/der/oid.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/name.h"

namespace bestow::server {

struct SubscriberContents {
  Name subject;
  std::vector<GeneralName> sans;
  uint32_t key_usage = 0;
  std::vector<der::Oid> extended_key_usage;
  std::vector<CertificatePolicy> policies;
  // id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1): of an OCSP responder, whose own
  // status nobody asks for. It then says nowhere where that is found.
  bool ocsp_no_check = false;
  absl::Duration validity;  // from now
  absl::Duration backdate;  // before now
};

}  // namespace bestow::server

#endif  // SERVER_CA_SUBSCRIBER_H_
