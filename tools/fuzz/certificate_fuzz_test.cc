#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"
#include "common/pki/path.h"

namespace bestow {
namespace {

// What reads is written from its parts in the same octets.
void Fuzz(ByteView data) {
  absl::StatusOr<Certificate> value = ParseCertificateDer(data);
  if (!value.ok()) {
    CHECK(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  CHECK(ParseCertificatesPem(SerializeCertificatePem(data), 1)->front() ==
        *value);
  const absl::Status path =
      TrustAnchors::Create({*value}).ok()
          ? (*TrustAnchors::Create({*value}))
                ->Verify(*value, {*value}, PathPurpose::kTlsClient,
                         value->not_before)
          : absl::OkStatus();
  CHECK(path.ok() || path.code() == absl::StatusCode::kPermissionDenied);
  MatchesHost(*value, "gw-17.example");
  MatchesHost(*value, "192.0.2.1");
  value->der.clear();
  CHECK(*SerializeCertificateDer(*value) == ToBytes(data));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
