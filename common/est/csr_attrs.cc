#include "common/est/csr_attrs.h"

#include <utility>

#include "absl/status/status.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow::est {
namespace {

constexpr size_t kMaxItems = 64;

}  // namespace

absl::StatusOr<CsrAttrs> ParseCsrAttrsDer(ByteView der) {
  der::Reader reader(der), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish()) {
    return absl::InvalidArgumentError("CsrAttrs: not one DER SEQUENCE");
  }
  CsrAttrs out;
  while (!list.empty()) {
    if (out.items.size() == kMaxItems) {
      return absl::InvalidArgumentError("CsrAttrs: too many items");
    }
    if (list.NextIs(CBS_ASN1_OBJECT)) {
      ByteView oid;
      if (!list.ExpectOid(&oid)) {
        return absl::InvalidArgumentError("CsrAttrs: a bad OID");
      }
      out.items.push_back(der::Oid{ToBytes(oid)});
      continue;
    }
    CsrAttribute attribute;
    if (!ExpectAttribute(&list, &attribute, /*may_have_no_values=*/true)) {
      return absl::InvalidArgumentError(
          "CsrAttrs: an item is neither an OID nor an Attribute");
    }
    out.items.push_back(std::move(attribute));
  }
  return out;
}

absl::StatusOr<Bytes> SerializeCsrAttrsDer(const CsrAttrs& attrs) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) {
    for (const AttrOrOid& item : attrs.items) {
      if (const auto* oid = std::get_if<der::Oid>(&item)) {
        list.AddOid(*oid);
      } else {
        AddAttribute(list, std::get<CsrAttribute>(item));
      }
    }
  });
  return writer.Finish();
}

// RFC 9908 3.2: "There MUST be only one such attribute. The 'values' field of
// this attribute MUST contain a set with exactly one element".
absl::StatusOr<std::vector<Extension>> FindExtensions(const CsrAttrs& attrs) {
  std::vector<Extension> found;
  for (const AttrOrOid& item : attrs.items) {
    const auto* attribute = std::get_if<CsrAttribute>(&item);
    if (attribute == nullptr || attribute->type != oids::ExtensionRequest()) {
      continue;
    }
    if (!found.empty() || attribute->values.size() != 1) {
      return absl::InvalidArgumentError(
          "CsrAttrs: id-ExtensionReq has to stand there once, with one value");
    }
    absl::StatusOr<std::vector<Extension>> extensions =
        ParseExtensionsDer(attribute->values[0]);
    if (!extensions.ok()) return extensions.status();
    found = *std::move(extensions);
  }
  return found;
}

bool ContainsOid(const CsrAttrs& attrs, const der::Oid& oid) {
  for (const AttrOrOid& item : attrs.items) {
    const auto* bare = std::get_if<der::Oid>(&item);
    if (bare != nullptr && *bare == oid) return true;
  }
  return false;
}

}  // namespace bestow::est
