#include "common/ocsp/ocsp_nonce.h"

#include <utility>

#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow {

absl::StatusOr<Bytes> ParseOcspNonce(ByteView value) {
  der::Reader reader(value);
  ByteView nonce;
  if (!reader.ExpectOctetString(&nonce) || !reader.Finish() || nonce.empty() ||
      nonce.size() > kMaxOcspNonceBytes) {
    return absl::InvalidArgumentError("OCSP: the nonce is not 1 to 128 octets");
  }
  return ToBytes(nonce);
}

absl::StatusOr<Extension> OcspNonceExtension(ByteView nonce) {
  if (nonce.empty() || nonce.size() > kMaxOcspNonceBytes) {
    return absl::InvalidArgumentError("OCSP: the nonce is not 1 to 128 octets");
  }
  der::Writer writer;
  writer.AddOctetString(nonce);
  absl::StatusOr<Bytes> value = writer.Finish();
  if (!value.ok()) return value.status();
  return Extension{oids::OcspNonce(), false, *std::move(value)};
}

}  // namespace bestow
