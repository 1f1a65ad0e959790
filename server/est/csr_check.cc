#include "server/est/csr_check.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/crypto/public_key.h"
#include "common/est/transfer_encoding.h"
#include "server/est/status_table.h"

namespace bestow::server {

absl::StatusOr<Pkcs10Request> CheckCsr(std::string_view body, CsrKey key) {
  absl::StatusOr<Bytes> der = est::DecodeBody(body);
  if (!der.ok()) {
    return Refuse(
        Problem::kBadEncoding,
        absl::StrCat("the body is not base64: ", der.status().message()));
  }
  if (der->empty()) {
    return Refuse(Problem::kBadEncoding, "the body is empty");
  }
  absl::StatusOr<Pkcs10Request> request = ParsePkcs10Der(*der);
  if (!request.ok()) {
    return Refuse(Problem::kBadRequest,
                  absl::StrCat("the body is not a PKCS#10 request: ",
                               request.status().message()));
  }
  if (key == CsrKey::kIgnored) return request;
  absl::Status status = CheckPublicKeyStrength(request->spki);
  if (!status.ok()) return Refuse(Problem::kWeakKey, status.message());
  status = VerifyPkcs10Signature(*request);
  if (!status.ok()) {
    return Refuse(Problem::kBadSignature,
                  absl::StrCat("the request's signature does not count: ",
                               status.message()));
  }
  return request;
}

}  // namespace bestow::server
