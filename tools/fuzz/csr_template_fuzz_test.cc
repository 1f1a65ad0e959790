#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/est/csr_template.h"

namespace bestow {
namespace {

// What reads is written from its parts in the same octets.
void Fuzz(ByteView data) {
  const absl::StatusOr<est::CsrTemplate> value = est::ParseCsrTemplateDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(*est::SerializeCsrTemplateDer(*value) == ToBytes(data));
  if (value->key.has_value()) {
    value->key->curve();
    value->key->rsa_bits();
  }
  for (const est::ExtensionTemplate& extension : value->extensions) {
    if (!extension.value.has_value()) continue;
    const auto names = est::ParseGeneralNameTemplatesDer(*extension.value);
    CHECK(!names.ok() || !names->empty());
  }
  est::CsrAttrs attrs;
  attrs.items.push_back(*est::TemplateAttribute(*value));
  CHECK(est::FindTemplate(attrs)->has_value());
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
