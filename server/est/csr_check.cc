#include "server/est/csr_check.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/secret.h"
#include "common/crypto/base64.h"
#include "common/crypto/public_key.h"
#include "common/est/transfer_encoding.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

// RFC 7030 3.5: "If tls-unique information is included by the client, the
// server MUST verify it." Base64 of RFC 4648 section 4.
absl::Status CheckLinking(std::string_view challenge_password,
                          const absl::StatusOr<Bytes>& channel_binding) {
  if (!channel_binding.ok()) {
    return Refuse(Problem::kNotLinked,
                  absl::StrCat("the request has a challengePassword, but this "
                               "TLS session has no channel binding: ",
                               channel_binding.status().message()));
  }
  if (!ConstantTimeEquals(AsBytes(challenge_password),
                          AsBytes(EncodeBase64(*channel_binding)))) {
    return Refuse(Problem::kNotLinked,
                  "the request's challengePassword is not this TLS session's "
                  "channel binding (RFC 7030 3.5: tls-unique; tls-exporter on "
                  "TLS 1.3): sign a new request in this session, or leave the "
                  "attribute out");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckedCsr> CheckCsr(
    std::string_view body, const absl::StatusOr<Bytes>& channel_binding) {
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
  absl::Status status = CheckPublicKeyStrength(request->spki);
  if (!status.ok()) return Refuse(Problem::kWeakKey, status.message());
  status = VerifyPkcs10Signature(*request);
  if (!status.ok()) {
    return Refuse(Problem::kBadSignature,
                  absl::StrCat("the request's signature does not count: ",
                               status.message()));
  }
  CheckedCsr checked{*std::move(request), false};
  if (checked.request.challenge_password.has_value()) {
    status = CheckLinking(*checked.request.challenge_password, channel_binding);
    if (!status.ok()) return status;
    checked.linked = true;
  }
  return checked;
}

}  // namespace bestow::server
