// Within which names a CA may issue: nameConstraints (RFC 5280 4.2.1.10).
#ifndef COMMON_PKI_NAME_CONSTRAINTS_H_
#define COMMON_PKI_NAME_CONSTRAINTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/name.h"

namespace bestow {

// A GeneralSubtree's base. Values are a GeneralName's, but: DNS, e-mail and
// URI hold a host or a domain (for e-mail a whole mailbox too), and an address
// is followed by its mask (8 or 32 octets).
struct NameSubtree {
  GeneralName::Kind kind = GeneralName::Kind::kDns;
  Bytes value;
  bool operator==(const NameSubtree&) const = default;

  // "dns:devices.example", "ip:10.0.0.0/8", "ip:2001:db8::/32",
  // "email:example.com", "email:.example.com", "email:root@example.com",
  // "uri:.example.com", "dirname:O=Acme". A DNS name and all below it.
  static absl::StatusOr<NameSubtree> FromText(std::string_view text);
  // The same form, fit for a log; hex for other kinds.
  std::string ToText() const;
  // Whether a name of the same kind lies within. Kinds that FromText does not
  // have hold everything of their kind.
  bool Contains(const GeneralName& name) const;
};

struct NameConstraints {
  std::vector<NameSubtree> permitted;
  std::vector<NameSubtree> excluded;
  bool operator==(const NameConstraints&) const = default;
};

// NameConstraints; at least one subtree, up to 256 of each sort. Of the kinds
// that FromText has, the values are checked; `minimum` other than 0 and
// `maximum` are refused (4.2.1.10).
absl::StatusOr<NameConstraints> ParseNameConstraints(ByteView value);
absl::StatusOr<Bytes> SerializeNameConstraints(
    const NameConstraints& constraints);

// OK when a certificate with these names may stand below a CA with these
// constraints; kPermissionDenied, naming the name, otherwise. A subject that
// is empty is not looked at. NOT checked: e-mail addresses in the subject,
// which nobody is given here. Names compare by case-insensitive text, which is
// at least as strict as RFC 5280 7.1 where the letters are ASCII.
absl::Status CheckNameConstraints(const NameConstraints& constraints,
                                  const Name& subject,
                                  const std::vector<GeneralName>& sans);

}  // namespace bestow

#endif  // COMMON_PKI_NAME_CONSTRAINTS_H_
