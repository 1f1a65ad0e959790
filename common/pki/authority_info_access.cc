#include "common/pki/authority_info_access.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {
namespace {
constexpr size_t kMaxPlaces = 64;
}  // namespace

absl::StatusOr<AccessDescription> AccessAt(const der::Oid& method,
                                           const std::string& uri) {
  absl::StatusOr<GeneralName> location =
      GeneralName::FromText(absl::StrCat("uri:", uri));
  if (!location.ok()) return location.status();
  return AccessDescription{method, *std::move(location)};
}

// AuthorityInfoAccessSyntax ::= SEQUENCE SIZE (1..MAX) OF AccessDescription
// AccessDescription ::= SEQUENCE { accessMethod OBJECT IDENTIFIER,
//   accessLocation GeneralName }
absl::StatusOr<std::vector<AccessDescription>> ParseAuthorityInfoAccess(
    ByteView value) {
  const auto malformed = [] {
    return absl::InvalidArgumentError("authorityInfoAccess is malformed");
  };
  der::Reader reader(value), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish() || list.empty()) {
    return malformed();
  }
  std::vector<AccessDescription> places;
  while (!list.empty()) {
    der::Reader fields;
    ByteView method;
    AccessDescription place;
    if (places.size() == kMaxPlaces || !list.ExpectSequence(&fields) ||
        !fields.ExpectOid(&method) ||
        !ExpectGeneralName(&fields, &place.location) || !fields.Finish()) {
      return malformed();
    }
    place.method.content = ToBytes(method);
    places.push_back(std::move(place));
  }
  return places;
}

absl::StatusOr<Bytes> SerializeAuthorityInfoAccess(
    const std::vector<AccessDescription>& places) {
  if (places.empty() || places.size() > kMaxPlaces) {
    return absl::InvalidArgumentError("authorityInfoAccess: 1 to 64 places");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) {
    for (const AccessDescription& place : places) {
      list.AddSequence([&](der::Writer& fields) {
        fields.AddOid(place.method);
        AddGeneralName(fields, place.location);
      });
    }
  });
  return writer.Finish();
}

}  // namespace bestow
