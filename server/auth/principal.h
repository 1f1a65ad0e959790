// Who was authenticated, and how.
#ifndef SERVER_AUTH_PRINCIPAL_H_
#define SERVER_AUTH_PRINCIPAL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "server/store/records.h"

namespace bestow::server {

enum class AuthMethod {
  kCertificate,             // one that this server issued
  kIdevid,                  // one of a manufacturer (RFC 7030 3.3.2)
  kPassword,                // HTTP Basic
  kDigest,                  // a password over HTTP Digest
  kOneTimeSecret,           // over Basic or Digest
  kCertificateAndPassword,  // either certificate, and any HTTP credentials
};
// "certificate", "idevid", "password", "digest", "one-time-secret",
// "certificate+password"
const char* AuthMethodName(AuthMethod method);

// An authenticated identity.
struct Principal {
  // 0: a manufacturer's device that is not known yet, and may register itself
  // with what it is given (Issuance, PendingRequest).
  int64_t identity_id = 0;
  std::string identity;
  AuthMethod method = AuthMethod::kPassword;
  std::optional<int64_t> secret_id;  // of a one-time secret
  // A registration authority; never by a manufacturer's certificate.
  bool is_ra = false;
  // The TLS client certificate that counted, when it is one of ours.
  std::optional<CertificateRecord> certificate;
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_PRINCIPAL_H_
