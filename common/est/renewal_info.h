// Renewal information: when a server would like a certificate to be renewed
// (LAMPS draft, after ACME's RFC 9773): GET
// /.well-known/est[/label]/renewal-info/<base64url AKI>.<base64url serial>
#ifndef COMMON_EST_RENEWAL_INFO_H_
#define COMMON_EST_RENEWAL_INFO_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::est {

// Which certificate: its authorityKeyIdentifier's keyIdentifier, and the
// content octets of its serial number's INTEGER.
struct RenewalInfoKey {
  Bytes authority_key_id;  // 1 to 64 octets
  Bytes serial;            // 1 to 21 octets
  bool operator==(const RenewalInfoKey&) const = default;
};

// The path's last segment: base64url (RFC 4648 5) without padding.
std::string RenewalInfoId(ByteView authority_key_id, ByteView serial);
// kInvalidArgument: not two parts of canonical base64url with a dot between
// them, or other lengths. Equal to RenewalInfoId's for whatever is taken.
absl::StatusOr<RenewalInfoKey> ParseRenewalInfoId(std::string_view id);

struct RenewalInfo {
  // A client picks a time between them, at random and uniformly.
  absl::Time start;
  absl::Time end;
  std::string explanation_url;  // "": none
};

// {"suggestedWindow":{"start":...,"end":...},"explanationURL":...}: RFC 3339 in
// UTC, whole seconds. The URL is UTF-8.
std::string SerializeRenewalInfoJson(const RenewalInfo& info);

// Members that are not known are ignored. kInvalidArgument: over 4 KiB, over 16
// nested values, not JSON; no window, or one that is twice there, malformed, or
// does not end after it starts (RFC 9773 4.2). An explanationURL that is not an
// http(s) URL of up to 1,000 printable ASCII characters is left out. NOT
// checked: whether the window makes sense for a certificate.
absl::StatusOr<RenewalInfo> ParseRenewalInfoJson(std::string_view json);

}  // namespace bestow::est

#endif  // COMMON_EST_RENEWAL_INFO_H_
