#include "server/auth/authenticator.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

// One message for a wrong name and a wrong password.
absl::Status WrongCredentials() {
  return absl::UnauthenticatedError("wrong name, password or one-time secret");
}

}  // namespace

const char* AuthMethodName(AuthMethod method) {
  switch (method) {
    case AuthMethod::kCertificate:
      return "certificate";
    case AuthMethod::kPassword:
      return "password";
    case AuthMethod::kOneTimeSecret:
      return "one-time-secret";
  }
  return "?";
}

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(
    Store& store, const Clock& clock, Options options) {
  absl::StatusOr<std::string> nobodys_hash =
      HashPassword(GenerateOneTimeSecret(), options.cost);
  if (!nobodys_hash.ok()) return nobodys_hash.status();
  return std::unique_ptr<Authenticator>(
      new Authenticator(store, clock, options, *std::move(nobodys_hash)));
}

Authenticator::Authenticator(Store& store, const Clock& clock, Options options,
                             std::string nobodys_hash)
    : store_(store),
      clock_(clock),
      nobodys_hash_(std::move(nobodys_hash)),
      pool_(options.password_threads, options.max_queued_passwords) {}

absl::StatusOr<Principal> Authenticator::ByCertificate(
    const TlsPeer& peer) const {
  if (peer.chain.empty()) {
    return absl::UnauthenticatedError("no TLS client certificate");
  }
  if (!peer.verified()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the TLS client certificate does not count: ",
                     peer.verification.message()));
  }
  const Certificate& leaf = peer.chain.front();
  // A connection can live longer than the certificate that opened it.
  if (clock_.Now() > leaf.not_after) {
    return absl::PermissionDeniedError(
        "the TLS client certificate has expired");
  }
  absl::StatusOr<CertificateRecord> record =
      store_.FindCertificate(leaf.serial);
  if (absl::IsNotFound(record.status()) ||
      (record.ok() && record->certificate != leaf.der)) {
    return absl::PermissionDeniedError(
        "the TLS client certificate is not one that this server issued");
  }
  if (!record.ok()) return record.status();
  return Principal{record->identity_id,      record->identity,
                   AuthMethod::kCertificate, std::nullopt,
                   /*is_ra=*/false,          *record};
}

void Authenticator::ByBasic(std::string_view authorization, Done done) {
  absl::StatusOr<BasicCredentials> credentials =
      ParseBasicAuthorization(authorization);
  if (!credentials.ok()) return done(credentials.status());

  absl::StatusOr<Identity> identity = store_.FindIdentity(credentials->name);
  if (!identity.ok() && !absl::IsNotFound(identity.status())) {
    return done(identity.status());
  }
  // One-time secrets first, on this thread: one hash and one index lookup, so
  // that a flood of wrong passwords does not keep new devices out.
  absl::StatusOr<SecretRecord> secret =
      store_.FindSecret(identity.ok() ? identity->id : 0,
                        HashOneTimeSecret(credentials->password));
  if (secret.ok()) {
    return done(Principal{identity->id, identity->name,
                          AuthMethod::kOneTimeSecret, secret->id,
                          identity->is_ra, std::nullopt});
  }
  if (!absl::IsNotFound(secret.status())) return done(secret.status());

  struct Check {
    BasicCredentials credentials;
    std::optional<Identity> identity;  // with a password
    Done done;
  };
  auto check = std::make_shared<Check>();
  check->credentials = *std::move(credentials);
  if (identity.ok() && !identity->password_hash.empty()) {
    check->identity = *std::move(identity);
  }
  check->done = done;
  const bool queued = pool_.TrySubmit([this, check] {
    const bool right = VerifyPassword(check->credentials.password,
                                      check->identity.has_value()
                                          ? check->identity->password_hash
                                          : nobodys_hash_);
    if (!right || !check->identity.has_value()) {
      return check->done(WrongCredentials());
    }
    check->done(Principal{check->identity->id, check->identity->name,
                          AuthMethod::kPassword, std::nullopt,
                          check->identity->is_ra, std::nullopt});
  });
  if (!queued) {
    done(absl::ResourceExhaustedError(
        "too many passwords are waiting to be checked"));
  }
}

}  // namespace bestow::server
