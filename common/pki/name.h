// X.501 names and general names (RFC 5280 4.1.2.4, 4.2.1.6).
#ifndef COMMON_PKI_NAME_H_
#define COMMON_PKI_NAME_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/der/oid.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {

// A distinguished name; its exact DER is kept, so that comparing and
// re-encoding lose nothing.
class Name {
 public:
  struct Attribute {
    der::Oid type;
    uint8_t value_tag = 0;        // universal string tag as found
    std::string value;            // UTF-8; string types are converted
    bool joins_previous = false;  // in one RDN with the attribute before it
  };

  Name();  // the empty name
  // `der` is one Name element with nothing after it. At most 64 attributes;
  // empty sets, unknown string types and text that is not valid in its type
  // are refused: kInvalidArgument.
  static absl::StatusOr<Name> ParseDer(ByteView der);
  // CN=`common_name` as UTF8String, 1 to 64 characters (RFC 5280
  // ub-common-name).
  static absl::StatusOr<Name> FromCommonName(std::string_view common_name);
  // One RDN per pair, in order; countryName and serialNumber are
  // PrintableString, domainComponent is IA5String (RFC 5280 A.1, 4.1.2.4), the
  // rest UTF8String. kInvalidArgument: an empty value, over 64 pairs, text that
  // does not fit the type.
  static absl::StatusOr<Name> FromAttributes(
      const std::vector<std::pair<der::Oid, std::string>>& attributes);
  // The RFC 4514-like form that configs and people write: "CN=gw-17,O=Acme".
  // Types: CN, O, OU, C, L, ST, serialNumber, DC, or dotted OIDs. The first
  // in the text is the first in the encoding. "" is the empty name. Escapes
  // are RFC 4514's; "+" is not taken.
  static absl::StatusOr<Name> FromText(std::string_view text);

  const Bytes& der() const { return der_; }
  const std::vector<Attribute>& attributes() const { return attributes_; }
  bool empty() const { return attributes_.empty(); }
  // "CN=gw-17,O=Acme", control characters and separators escaped; fit for a
  // log.
  std::string ToText() const;
  // The last CN's value, or "".
  std::string common_name() const;

  // Equality of encodings, octet by octet.
  bool operator==(const Name& other) const { return der_ == other.der_; }

 private:
  Bytes der_;
  std::vector<Attribute> attributes_;
};

// One GeneralName. `value` holds the content octets: the IA5 text of email,
// DNS and URI, 4 or 16 octets of an address, else the inner DER.
struct GeneralName {
  enum class Kind : uint8_t {
    kOtherName = 0,
    kEmail = 1,
    kDns = 2,
    kX400 = 3,
    kDirectoryName = 4,
    kEdiParty = 5,
    kUri = 6,
    kIpAddress = 7,
    kRegisteredId = 8,
  };
  Kind kind = Kind::kDns;
  Bytes value;
  bool operator==(const GeneralName&) const = default;
  auto operator<=>(const GeneralName&) const = default;

  // Letters, digits, '-' and '_' in labels of 1 to 63, 253 in all; no wildcard.
  static absl::StatusOr<GeneralName> Dns(std::string_view host);
  // IPv4 or IPv6 literal.
  static absl::StatusOr<GeneralName> Ip(std::string_view address);
  // `name` as directoryName.
  static GeneralName Directory(const Name& name);
  // "dns:gw-17.example", "ip:192.0.2.1", "uri:urn:x", "email:a@b".
  static absl::StatusOr<GeneralName> FromText(std::string_view text);
  // The same form, fit for a log; "dirname:", "rid:" and hex for the others.
  std::string ToText() const;
};

// One GeneralName where another structure has it. Writing fails the writer
// when the name is malformed.
[[nodiscard]] bool ExpectGeneralName(der::Reader* reader, GeneralName* name);
void AddGeneralName(der::Writer& writer, const GeneralName& name);

// GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName; at most 64.
absl::StatusOr<std::vector<GeneralName>> ParseGeneralNamesDer(ByteView der);
absl::StatusOr<Bytes> SerializeGeneralNamesDer(
    const std::vector<GeneralName>& names);
// The same by the content octets, where an IMPLICIT tag stands in place of
// SEQUENCE.
absl::StatusOr<std::vector<GeneralName>> ParseGeneralNamesContent(
    ByteView content);

}  // namespace bestow

#endif  // COMMON_PKI_NAME_H_
