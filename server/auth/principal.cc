#include "server/auth/principal.h"

namespace bestow::server {

const char* AuthMethodName(AuthMethod method) {
  switch (method) {
    case AuthMethod::kCertificate:
      return "certificate";
    case AuthMethod::kIdevid:
      return "idevid";
    case AuthMethod::kPassword:
      return "password";
    case AuthMethod::kDigest:
      return "digest";
    case AuthMethod::kOneTimeSecret:
      return "one-time-secret";
    case AuthMethod::kCertificateAndPassword:
      return "certificate+password";
  }
  return "?";
}

}  // namespace bestow::server
