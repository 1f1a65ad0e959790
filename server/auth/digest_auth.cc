#include "server/auth/digest_auth.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/secret.h"
#include "server/auth/sealed_records.h"

namespace bestow::server {
namespace {

// As the store's rows say it.
const char* NameOf(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::kMd5 ? "MD5" : "SHA-256";
}

bool IsOffered(DigestOffer offer, DigestAlgorithm algorithm) {
  switch (offer) {
    case DigestOffer::kOff:
      return false;
    case DigestOffer::kMd5:
      return algorithm == DigestAlgorithm::kMd5;
    case DigestOffer::kSha256:
      return algorithm == DigestAlgorithm::kSha256;
    case DigestOffer::kBoth:
      return true;
  }
  return false;
}

// Labels have no line ends.
std::string NonceScope(const AuthRules& rules) {
  return absl::StrCat(rules.label, "\n", rules.realm);
}

}  // namespace

std::vector<std::string> DigestAuth::Challenges(const AuthRules& rules,
                                                bool stale) const {
  std::vector<std::string> challenges;
  for (const DigestAlgorithm algorithm :
       {DigestAlgorithm::kMd5, DigestAlgorithm::kSha256}) {
    if (!IsOffered(rules.config.digest, algorithm)) continue;
    DigestChallenge challenge;
    challenge.realm = rules.realm;
    challenge.nonce = nonces_.Make(NonceScope(rules), clock_.Now());
    challenge.algorithm = algorithm;
    challenge.stale = stale;
    challenges.push_back(FormatDigestChallenge(challenge));
  }
  return challenges;
}

absl::StatusOr<DigestAuth::Answer> DigestAuth::Check(
    const AuthRules& rules, std::string_view method, std::string_view target,
    std::string_view authorization) const {
  absl::StatusOr<DigestCredentials> credentials =
      ParseDigestAuthorization(authorization);
  if (!credentials.ok()) return credentials.status();
  if (!IsOffered(rules.config.digest, credentials->algorithm)) {
    return absl::UnauthenticatedError(
        absl::StrCat("Digest with ", NameOf(credentials->algorithm),
                     " is not offered here"));
  }
  if (credentials->realm != rules.realm) {
    return absl::UnauthenticatedError("the Digest is for another realm");
  }
  // RFC 7616 3.4.6: the response covers what is really asked for.
  if (credentials->uri != target) {
    return absl::UnauthenticatedError("the Digest is for another target");
  }

  absl::StatusOr<Identity> identity =
      store_.FindIdentity(credentials->username);
  if (!identity.ok() && !absl::IsNotFound(identity.status())) {
    return identity.status();
  }
  absl::StatusOr<std::vector<DigestSecret>> secrets =
      store_.FindDigestSecrets(identity.ok() ? identity->id : 0, rules.realm,
                               NameOf(credentials->algorithm));
  if (!secrets.ok()) return secrets.status();

  Answer answer;
  const auto fits = [&](const Secret& ha1) {
    return ConstantTimeEquals(
        AsBytes(DigestResponse(credentials->algorithm, ha1, method,
                               credentials->uri, credentials->nonce,
                               credentials->nc, credentials->cnonce)),
        AsBytes(credentials->response));
  };
  if (sealer_ != nullptr && identity.ok()) {
    for (const DigestSecret& secret : *secrets) {
      absl::StatusOr<Secret> ha1 =
          OpenDigestSecret(*sealer_, identity->name, secret);
      if (!ha1.ok()) return ha1.status();
      if (!fits(*ha1) || answer.identity.has_value()) continue;
      answer.identity = *identity;
      answer.secret_id = secret.secret_id;
    }
  }
  // Who is not there, or was not given Digest, costs one hash as well.
  if (secrets->empty()) fits(Secret("nobody's"));
  answer.credentials = *std::move(credentials);
  return answer;
}

void DigestAuth::TakeNonce(const AuthRules& rules,
                           const DigestCredentials& credentials,
                           NonceDone done) {
  const std::string scope = NonceScope(rules);
  const absl::Time now = clock_.Now();
  if (!store_.is_shared()) {
    return done(nonces_.Use(credentials.nonce, scope, credentials.nc,
                            rules.config.nonce_lifetime, now));
  }
  std::optional<NonceUse> use =
      nonces_.Recognize(credentials.nonce, scope, credentials.nc,
                        rules.config.nonce_lifetime, now);
  if (!use.has_value()) return done(false);
  store_.UseNonce(*std::move(use), std::move(done));
}

}  // namespace bestow::server
