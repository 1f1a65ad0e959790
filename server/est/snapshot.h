// What serves a request: made once from the config and the state folder,
// then shared and never changed.
#ifndef SERVER_EST_SNAPSHOT_H_
#define SERVER_EST_SNAPSHOT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/est/transfer_encoding.h"
#include "server/ca/certificate_authority.h"
#include "server/config/config.h"
#include "server/policy/issuance_policy.h"

namespace bestow::server {

struct Snapshot {
  // Encodes the two answers that are the same for everybody.
  static absl::StatusOr<std::shared_ptr<const Snapshot>> Create(
      const Config& config, std::shared_ptr<const CertificateAuthority> ca,
      ServerNames server_names);

  std::string realm;
  est::LineWrap line_wrap;
  absl::Duration secret_retry_window;
  IssuancePolicy policy;
  std::shared_ptr<const CertificateAuthority> ca;
  std::string cacerts_body;
  std::string csrattrs_body;  // "": none configured
};

}  // namespace bestow::server

#endif  // SERVER_EST_SNAPSHOT_H_
