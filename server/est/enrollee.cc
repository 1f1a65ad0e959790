#include "server/est/enrollee.h"

#include "absl/strings/str_cat.h"
#include "common/base/secret.h"
#include "common/crypto/base64.h"
#include "server/auth/password.h"
#include "server/est/status_table.h"
#include "server/policy/identity_name.h"

namespace bestow::server {

absl::StatusOr<Enrollee> FindEnrollee(Store& store, const Principal& principal,
                                      const std::string& label,
                                      const Pkcs10Request& request) {
  const std::string name = request.subject.common_name();
  if (!principal.is_ra || name == principal.identity) {
    return Enrollee{principal.identity_id, principal.identity};
  }
  const auto refuse = [](std::string_view why) {
    return Refuse(Problem::kNotRegistered,
                  absl::StrCat("a registration authority enrolls the identity "
                               "that the request's common name says, and ",
                               why));
  };
  if (name.empty()) return refuse("it has no common name");
  absl::Status status = CheckIdentityName(name);
  if (!status.ok()) return refuse(status.message());
  absl::StatusOr<Identity> identity = store.FindIdentity(name);
  if (absl::IsNotFound(identity.status()) ||
      (identity.ok() && !identity->MayUse(label))) {
    return refuse(absl::StrCat(name, " is not registered for this label"));
  }
  if (!identity.ok()) return identity.status();
  if (identity->is_ra) {
    return refuse(absl::StrCat(name, " is a registration authority itself"));
  }
  return Enrollee{identity->id, identity->name};
}

absl::StatusOr<std::optional<int64_t>> FindOtpSecret(
    Store& store, const Enrollee& enrollee, const Pkcs10Request& request,
    const std::optional<int64_t>& http_secret_id,
    const absl::StatusOr<Bytes>& channel_binding) {
  if (!request.otp_challenge.has_value()) return std::optional<int64_t>();
  const std::string& otp = *request.otp_challenge;
  // One product puts tls-exporter there.
  if (channel_binding.ok() &&
      ConstantTimeEquals(AsBytes(otp),
                         AsBytes(EncodeBase64(*channel_binding)))) {
    return Refuse(Problem::kWrongOtp,
                  "the request's otpChallenge is this session's channel "
                  "binding, which belongs into estIdentityLinking or "
                  "challengePassword (RFC 7894 3)");
  }
  absl::StatusOr<SecretRecord> secret =
      store.FindSecret(enrollee.id, HashOneTimeSecret(Secret(otp)));
  if (absl::IsNotFound(secret.status())) {
    return Refuse(Problem::kWrongOtp,
                  "the request's otpChallenge (RFC 7894 3.1) is not a valid "
                  "one-time secret of this identity");
  }
  if (!secret.ok()) return secret.status();
  if (http_secret_id.has_value() && *http_secret_id != secret->id) {
    return Refuse(Problem::kWrongOtp,
                  "the request's otpChallenge is another one-time secret than "
                  "HTTP's: use one of them");
  }
  return std::optional<int64_t>(secret->id);
}

}  // namespace bestow::server
