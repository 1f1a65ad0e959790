#include "common/der/oid.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>

#include "absl/log/check.h"
#include "absl/status/status.h"

namespace bestow::der {

absl::StatusOr<Oid> OidFromDotted(std::string_view dotted) {
  bssl::ScopedCBB cbb;
  uint8_t* data = nullptr;
  size_t size = 0;
  if (!CBB_init(cbb.get(), 16) ||
      !CBB_add_asn1_oid_from_text(cbb.get(), dotted.data(), dotted.size()) ||
      !CBB_finish(cbb.get(), &data, &size)) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not an object identifier");
  }
  const bssl::UniquePtr<uint8_t> owner(data);
  return Oid{Bytes(data, data + size)};
}

Oid OidLiteral(std::string_view dotted) {
  absl::StatusOr<Oid> oid = OidFromDotted(dotted);
  CHECK(oid.ok()) << dotted;
  return *std::move(oid);
}

std::string OidToDotted(ByteView content) {
  CBS cbs;
  CBS_init(&cbs, content.data(), content.size());
  const bssl::UniquePtr<char> text(CBS_asn1_oid_to_text(&cbs));
  return text == nullptr ? "?" : std::string(text.get());
}

}  // namespace bestow::der
