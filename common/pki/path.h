// Certification path validation: BoringSSL's X509_verify_cert, never ours.
#ifndef COMMON_PKI_PATH_H_
#define COMMON_PKI_PATH_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pki/certificate.h"

namespace bestow {

enum class PathPurpose { kTlsClient, kTlsServer, kAny };

// A set of trust anchors. Immutable, thread-safe, shared.
class TrustAnchors {
 public:
  // At least one. Every anchor is trusted as such, self-signed or not
  // (X509_V_FLAG_PARTIAL_CHAIN).
  static absl::StatusOr<std::shared_ptr<const TrustAnchors>> Create(
      std::vector<Certificate> anchors);
  ~TrustAnchors();

  const std::vector<Certificate>& certificates() const { return anchors_; }

  // OK when a path from `leaf` over `intermediates` to an anchor is valid at
  // `now` for `purpose` (EKU and key usage). kPermissionDenied otherwise, with
  // X509_verify_cert's reason ("certificate has expired", ...). Below the
  // anchors, signatures by SHA-1 or older and RSA keys under 2048 bits are
  // refused, which BoringSSL alone would take.
  // NOT checked: names (see MatchesHost), revocation.
  absl::Status Verify(const Certificate& leaf,
                      const std::vector<Certificate>& intermediates,
                      PathPurpose purpose, absl::Time now) const;

 private:
  struct Store;
  TrustAnchors(std::vector<Certificate> anchors, std::unique_ptr<Store> store);
  std::vector<Certificate> anchors_;
  std::unique_ptr<Store> store_;
};

// RFC 6125: `host` (a DNS name or an IP address literal) against the SANs;
// the CN is not looked at. By X509_check_host / X509_check_ip_asc.
bool MatchesHost(const Certificate& certificate, std::string_view host);

}  // namespace bestow

#endif  // COMMON_PKI_PATH_H_
