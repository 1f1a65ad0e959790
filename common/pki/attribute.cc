#include "common/pki/attribute.h"

#include <cstddef>

namespace bestow {
namespace {

constexpr size_t kMaxValues = 64;

}  // namespace

bool ExpectAttribute(der::Reader* reader, CsrAttribute* attribute,
                     bool may_have_no_values) {
  der::Reader fields, values;
  ByteView type;
  if (!reader->ExpectSequence(&fields) || !fields.ExpectOid(&type) ||
      !fields.ExpectSet(&values) || !fields.Finish() ||
      (values.empty() && !may_have_no_values)) {
    return false;
  }
  attribute->type.content = ToBytes(type);
  attribute->values.clear();
  while (!values.empty()) {
    ByteView value;
    if (!values.ExpectAny(&value) || attribute->values.size() == kMaxValues) {
      return false;
    }
    attribute->values.push_back(ToBytes(value));
  }
  return true;
}

void AddAttribute(der::Writer& writer, const CsrAttribute& attribute) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddOid(attribute.type);
    fields.AddSet([&](der::Writer& values) {
      for (const Bytes& value : attribute.values) values.AddElement(value);
    });
  });
}

}  // namespace bestow
