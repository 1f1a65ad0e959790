#include "common/est/csr_attrs.h"

#include <utility>

#include "absl/status/status.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

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
    if (!ExpectAttribute(&list, &attribute)) {
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

bool ContainsOid(const CsrAttrs& attrs, const der::Oid& oid) {
  for (const AttrOrOid& item : attrs.items) {
    const auto* bare = std::get_if<der::Oid>(&item);
    if (bare != nullptr && *bare == oid) return true;
  }
  return false;
}

}  // namespace bestow::est
