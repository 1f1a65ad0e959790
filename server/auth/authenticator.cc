#include "server/auth/authenticator.h"

#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/store/setting_names.h"

namespace bestow::server {
namespace {

using Kind = AuthFailure::Kind;

bool HasScheme(std::string_view authorization, std::string_view scheme) {
  authorization = absl::StripLeadingAsciiWhitespace(authorization);
  return absl::EqualsIgnoreCase(
      authorization.substr(0, authorization.find(' ')), scheme);
}

// The first server makes it, all others take it.
absl::StatusOr<std::shared_ptr<const Secret>> SharedNonceKey(
    Store& store, const SecretSealer& sealer) {
  Bytes fresh(DigestNonces::kKeyBytes);
  RAND_bytes(fresh.data(), fresh.size());
  absl::StatusOr<Bytes> sealed =
      sealer.Seal(kNonceKeySetting, Secret(std::move(fresh)));
  if (!sealed.ok()) return sealed.status();
  absl::StatusOr<Bytes> shared =
      store.FindOrAddSetting(kNonceKeySetting, *sealed);
  if (!shared.ok()) return shared.status();
  absl::StatusOr<Secret> key = sealer.Open(kNonceKeySetting, *shared);
  if (!key.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "another server of this database has another seal.key: copy one to all "
        "of them (",
        key.status().message(), ")"));
  }
  return std::make_shared<const Secret>(*std::move(key));
}

}  // namespace

struct Authenticator::Check {
  AuthRules rules;
  std::string method;
  std::string target;
  std::string authorization;
  std::string source_key;
  std::string user_key;
  // The certificate that has to go with the credentials.
  std::optional<Principal> certificate;
  BasicCredentials basic;
  std::optional<Identity> identity;  // with a password
  Done done;
};

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(
    Store& store, const Clock& clock, Options options) {
  if (store.is_shared() && options.sealer != nullptr) {
    absl::StatusOr<std::shared_ptr<const Secret>> key =
        SharedNonceKey(store, *options.sealer);
    if (!key.ok()) return key.status();
    options.digest.nonces.key = *std::move(key);
  }
  absl::StatusOr<std::string> nobodys_hash =
      HashPassword(GenerateOneTimeSecret(), options.cost);
  if (!nobodys_hash.ok()) return nobodys_hash.status();
  return std::unique_ptr<Authenticator>(
      new Authenticator(store, clock, options, *std::move(nobodys_hash)));
}

Authenticator::Authenticator(Store& store, const Clock& clock,
                             const Options& options, std::string nobodys_hash)
    : store_(store),
      clock_(clock),
      nobodys_hash_(std::move(nobodys_hash)),
      certificates_(store, clock),
      digest_(store, clock, options.sealer, options.digest),
      wrong_tries_(options.wrong_tries),
      pool_(options.password_threads, options.max_queued_passwords) {}

Authenticator::~Authenticator() {
  std::unique_lock<std::mutex> lock(nonces_mutex_);
  no_nonces_.wait(lock, [this] { return nonces_under_way_ == 0; });
}

void Authenticator::Authenticate(const Request& request, Done done) {
  const AuthRules& rules = request.rules;
  const bool may_use_http =
      rules.config.require != Require::kCertificate && rules.offers_http();
  std::optional<Principal> certificate;
  if (rules.config.require != Require::kPassword &&
      !(rules.config.require == Require::kAny && may_use_http &&
        request.authorization.has_value())) {
    absl::StatusOr<Principal> judged = certificates_.Judge(rules, request.peer);
    const Kind kind = AuthFailureOf(judged.status()).kind;
    // Whoever shows a revoked certificate should read that it is.
    const bool http_could_help = rules.config.require == Require::kAny &&
                                 may_use_http && kind != Kind::kOther &&
                                 kind != Kind::kRevoked;
    if (!judged.ok() && http_could_help) {
      return done(Unauthenticated(
          rules, Kind::kNoCredentials,
          absl::StrCat(judged.status().message(), "; no HTTP credentials")));
    }
    if (!judged.ok() ||
        rules.config.require != Require::kCertificateAndPassword) {
      return done(std::move(judged));
    }
    certificate = *std::move(judged);
  }
  if (!request.authorization.has_value()) {
    return done(
        Unauthenticated(rules, Kind::kNoCredentials, "no HTTP credentials"));
  }
  auto check = std::make_shared<Check>();
  check->rules = rules;
  check->method = request.method;
  check->target = request.target;
  check->authorization = *request.authorization;
  check->source_key =
      absl::StrCat("source ", SourceKey(request.remote_address));
  check->certificate = std::move(certificate);
  check->done = std::move(done);
  ByHttp(std::move(check));
}

absl::StatusOr<Principal> Authenticator::ForReenrollment(
    const AuthRules& rules, const TlsPeer& peer) const {
  return certificates_.JudgeForReenrollment(rules, peer);
}

std::vector<std::string> Authenticator::Challenges(const AuthRules& rules,
                                                   bool stale) const {
  std::vector<std::string> challenges;
  if (rules.config.basic) challenges.push_back(BasicChallenge(rules.realm));
  for (std::string& challenge : digest_.Challenges(rules, stale)) {
    challenges.push_back(std::move(challenge));
  }
  return challenges;
}

void Authenticator::ByHttp(std::shared_ptr<Check> check) {
  const AuthConfig& config = check->rules.config;
  if (config.basic && HasScheme(check->authorization, "Basic")) {
    return ByBasic(std::move(check));
  }
  if (config.digest != DigestOffer::kOff &&
      HasScheme(check->authorization, "Digest")) {
    return ByDigest(std::move(check));
  }
  check->done(Unauthenticated(
      check->rules, Kind::kWrongCredentials,
      "the Authorization header is of a scheme that is not offered here"));
}

void Authenticator::ByBasic(std::shared_ptr<Check> check) {
  absl::StatusOr<BasicCredentials> credentials =
      ParseBasicAuthorization(check->authorization);
  if (!credentials.ok()) {
    return check->done(Unauthenticated(check->rules, Kind::kWrongCredentials,
                                       credentials.status().message()));
  }
  check->basic = *std::move(credentials);
  check->user_key = absl::StrCat("user ", check->basic.name);
  absl::StatusOr<Identity> identity = store_.FindIdentity(check->basic.name);
  if (!identity.ok() && !absl::IsNotFound(identity.status())) {
    return check->done(identity.status());
  }
  // One-time secrets first, on this thread: one hash and one index lookup.
  absl::StatusOr<SecretRecord> secret =
      store_.FindSecret(identity.ok() ? identity->id : 0,
                        HashOneTimeSecret(check->basic.password));
  if (secret.ok()) {
    return FinishRight(*check, *identity, AuthMethod::kOneTimeSecret,
                       secret->id);
  }
  if (!absl::IsNotFound(secret.status())) return check->done(secret.status());
  const absl::Duration wait = Wait(*check);
  if (wait > absl::ZeroDuration()) return FinishTooMany(*check, wait);

  if (identity.ok() && !identity->password_hash.empty()) {
    check->identity = *std::move(identity);
  }
  if (!pool_.TrySubmit([this, check] { VerifyPasswordOf(*check); })) {
    check->done(absl::ResourceExhaustedError(
        "too many passwords are waiting to be checked"));
  }
}

void Authenticator::VerifyPasswordOf(Check& check) const {
  // Those that were queued together are limited together, but for one on each
  // thread.
  const absl::Duration wait = Wait(check);
  if (wait > absl::ZeroDuration()) return FinishTooMany(check, wait);
  const bool right =
      VerifyPassword(check.basic.password, check.identity.has_value()
                                               ? check.identity->password_hash
                                               : nobodys_hash_);
  if (!right || !check.identity.has_value()) return FinishWrong(check);
  FinishRight(check, *check.identity, AuthMethod::kPassword, std::nullopt);
}

void Authenticator::ByDigest(std::shared_ptr<Check> owned) {
  Check& check = *owned;
  absl::StatusOr<DigestAuth::Answer> answer = digest_.Check(
      check.rules, check.method, check.target, check.authorization);
  if (absl::IsUnauthenticated(answer.status())) {
    return check.done(Unauthenticated(check.rules, Kind::kWrongCredentials,
                                      answer.status().message()));
  }
  if (!answer.ok()) return check.done(answer.status());
  check.user_key = absl::StrCat("user ", answer->credentials.username);
  const bool right = answer->identity.has_value();
  const bool by_secret = right && answer->secret_id.has_value();
  // While a user is held up, a right password is told like a wrong one.
  const absl::Duration wait = Wait(check);
  if (wait > absl::ZeroDuration() && !by_secret) {
    return FinishTooMany(check, wait);
  }
  if (!right) return FinishWrong(check);
  DigestCredentials credentials = answer->credentials;
  {
    std::lock_guard<std::mutex> lock(nonces_mutex_);
    ++nonces_under_way_;
  }
  digest_.TakeNonce(check.rules, credentials,
                    [this, owned = std::move(owned),
                     answer = *std::move(answer)](absl::StatusOr<bool> fresh) {
                      ByNonce(owned, answer, std::move(fresh));
                      std::lock_guard<std::mutex> lock(nonces_mutex_);
                      if (--nonces_under_way_ == 0) no_nonces_.notify_all();
                    });
}

void Authenticator::ByNonce(std::shared_ptr<Check> check,
                            const DigestAuth::Answer& answer,
                            absl::StatusOr<bool> fresh) const {
  if (!fresh.ok()) return check->done(fresh.status());
  if (!*fresh) {
    return check->done(Unauthenticated(check->rules, Kind::kNoCredentials,
                                       "the Digest's nonce is used up",
                                       /*stale=*/true));
  }
  FinishRight(*check, *answer.identity,
              answer.secret_id.has_value() ? AuthMethod::kOneTimeSecret
                                           : AuthMethod::kDigest,
              answer.secret_id);
}

absl::Duration Authenticator::Wait(const Check& check) const {
  const absl::Time now = clock_.Now();
  return std::max(wrong_tries_.Wait(check.source_key, now),
                  wrong_tries_.Wait(check.user_key, now));
}

void Authenticator::FinishTooMany(Check& check, absl::Duration wait) const {
  AuthFailure failure;
  failure.kind = Kind::kTooManyTries;
  failure.retry_after = wait;
  check.done(MakeAuthFailure(
      failure,
      "too many wrong credentials from this address or for this user"));
}

void Authenticator::FinishWrong(Check& check) const {
  const absl::Time now = clock_.Now();
  wrong_tries_.CountWrong(check.source_key, now);
  wrong_tries_.CountWrong(check.user_key, now);
  // One message for a wrong name and a wrong password.
  check.done(Unauthenticated(check.rules, Kind::kWrongCredentials,
                             "wrong name, password or one-time secret"));
}

void Authenticator::FinishRight(Check& check, const Identity& identity,
                                AuthMethod method,
                                std::optional<int64_t> secret_id) const {
  AuthFailure failure;
  if (!identity.MayUse(check.rules.label)) {
    failure.kind = Kind::kNotForLabel;
    return check.done(MakeAuthFailure(
        failure,
        absl::StrCat("the identity ", identity.name, " may not use ",
                     check.rules.label.empty()
                         ? "the service without a label"
                         : absl::StrCat("the label ", check.rules.label))));
  }
  Principal principal;
  if (check.certificate.has_value()) {
    if (check.certificate->identity != identity.name) {
      failure.kind = Kind::kBadCertificate;
      return check.done(MakeAuthFailure(
          failure, absl::StrCat("the TLS client certificate is ",
                                check.certificate->identity,
                                "'s, and the HTTP "
                                "credentials are ",
                                identity.name, "'s")));
    }
    principal = *std::move(check.certificate);
    method = AuthMethod::kCertificateAndPassword;
  }
  principal.identity_id = identity.id;
  principal.identity = identity.name;
  principal.method = method;
  principal.secret_id = secret_id;
  principal.is_ra = identity.is_ra;
  check.done(std::move(principal));
}

absl::Status Authenticator::Unauthenticated(const AuthRules& rules, Kind kind,
                                            std::string_view message,
                                            bool stale) const {
  AuthFailure failure;
  failure.kind = kind;
  failure.challenges = Challenges(rules, stale);
  return MakeAuthFailure(failure, message);
}

}  // namespace bestow::server
