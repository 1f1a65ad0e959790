#include "common/est_client/http_login.h"

#include <openssl/rand.h>

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/crypto/public_key.h"

namespace bestow {
namespace {

// A server whose nonces are stale at once never lets anybody in.
constexpr int kMaxStale = 2;
constexpr size_t kCnonceBytes = 16;

}  // namespace

absl::StatusOr<std::string> HttpLogin::Authorize(std::string_view method,
                                                 std::string_view target) {
  has_answer_ = false;
  answered_ = !std::holds_alternative<std::monostate>(chosen_);
  if (!answered_) return "";
  if (std::holds_alternative<DigestChallenge>(chosen_)) {
    return AnswerDigest(method, target);
  }
  auto secret = read_secret_();
  if (!secret.ok()) return secret.status();
  auto value = FormatBasicAuthorization(username_, *secret);
  if (!value.ok()) return value.status();
  return std::string(value->text());
}

absl::StatusOr<std::string> HttpLogin::AnswerDigest(std::string_view method,
                                                    std::string_view target) {
  const auto& challenge = std::get<DigestChallenge>(chosen_);
  auto secret = read_secret_();
  if (!secret.ok()) return secret.status();
  std::array<uint8_t, kCnonceBytes> random;
  RAND_bytes(random.data(), random.size());
  DigestCredentials answer;
  answer.username = username_;
  answer.realm = challenge.realm;
  answer.nonce = challenge.nonce;
  answer.uri = target;
  answer.cnonce = HexEncode(random);
  answer.opaque = challenge.opaque;
  answer.nc = ++nonce_count_;
  answer.algorithm = challenge.algorithm;
  const Secret ha1 =
      DigestHa1(challenge.algorithm, username_, challenge.realm, *secret);
  answer.response = DigestResponse(challenge.algorithm, ha1, method, target,
                                   answer.nonce, answer.nc, answer.cnonce);
  return FormatDigestAuthorization(answer);
}

void HttpLogin::TakeReply(int status, const HttpHeaders& headers) {
  has_answer_ = false;
  if (status != 401) {
    stale_in_a_row_ = 0;
    return;
  }
  std::vector<std::string> values;
  for (const auto& [name, value] : headers) {
    if (absl::EqualsIgnoreCase(name, "WWW-Authenticate")) {
      values.push_back(value);
    }
  }
  auto challenges = ParseChallenges(values);
  if (!challenges.ok()) return;
  bool offers_basic = false;
  std::optional<DigestChallenge> digest;
  for (const HttpChallenge& challenge : *challenges) {
    offers_basic |= absl::EqualsIgnoreCase(challenge.scheme, "Basic");
    // What is malformed or unknown is not offered.
    auto read = ReadDigestChallenge(challenge);
    if (read.ok() && (!digest || read->algorithm == DigestAlgorithm::kSha256)) {
      digest = *std::move(read);
    }
  }
  const bool stale = digest && digest->stale;
  if (answered_ && !(stale && ++stale_in_a_row_ <= kMaxStale)) {
    // The next attempt begins anew; a nonce that was refused is no good.
    chosen_ = std::monostate();
    return;
  }
  if (digest) {
    chosen_ = *std::move(digest);
    nonce_count_ = 0;
  } else if (offers_basic) {
    chosen_ = Basic();
  } else {
    return;
  }
  has_answer_ = true;
}

}  // namespace bestow
