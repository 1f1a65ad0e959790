// What one service asks of those who come.
#ifndef SERVER_AUTH_AUTH_RULES_H_
#define SERVER_AUTH_AUTH_RULES_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/pki/path.h"
#include "server/config/config.h"

namespace bestow::server {

// A label's, or those of the service without one (label "").
struct AuthRules {
  std::string label;
  std::string realm;
  AuthConfig config;
  // A re-enrollment passes with a certificate that expired no longer ago.
  absl::Duration expired_grace;
  // The service's own CA (during a rollover both of its keys), or its
  // upstream's; null: that has not been heard of yet.
  std::shared_ptr<const TrustAnchors> ca_anchors;
  // Manufacturers' CAs; null: none.
  std::shared_ptr<const TrustAnchors> idevid_anchors;

  bool offers_http() const {
    return config.basic || config.digest != DigestOffer::kOff;
  }
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_AUTH_RULES_H_
