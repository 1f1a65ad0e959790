// The names that belong to the server and its CA, and to no device.
#ifndef SERVER_POLICY_SERVER_NAMES_H_
#define SERVER_POLICY_SERVER_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/pki/certificate.h"
#include "common/pki/name.h"

namespace bestow::server {

// A device that holds a certificate with such a name could play the server to
// the fleet (RFC 7030 3.6.1). Immutable.
class ServerNames {
 public:
  // The names of the server's TLS certificate, of the config, of the CAs.
  ServerNames(const Certificate& tls, const std::vector<Certificate>& cas,
              const std::vector<std::string>& hostnames);

  // kPermissionDenied, naming the name, when a certificate with `subject` and
  // `sans` could be taken for the server's or the CA's.
  absl::Status Check(const Name& subject,
                     const std::vector<GeneralName>& sans) const;
  // The same for the bare name of an identity.
  absl::Status CheckText(std::string_view text) const;

 private:
  void AddHost(std::string_view host);
  bool IsOurs(std::string_view host) const;

  std::vector<std::string> hosts_;      // lower case, no final dot
  std::vector<GeneralName> addresses_;  // as SANs
  std::vector<Name> ca_subjects_;
};

}  // namespace bestow::server

#endif  // SERVER_POLICY_SERVER_NAMES_H_
