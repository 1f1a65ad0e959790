#include <openssl/digest.h>

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/net/auth_params.h"
#include "common/net/http_auth.h"

namespace bestow {
namespace {

constexpr size_t kMaxValueBytes = 256;
constexpr size_t kMaxUriBytes = 2048;
constexpr size_t kNcDigits = 8;  // RFC 7616 3.4: nc-value = 8LHEX
constexpr std::string_view kScheme = "Digest";

const EVP_MD* DigestOf(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::kMd5 ? EVP_md5() : EVP_sha256();
}

std::string_view AlgorithmName(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::kMd5 ? "MD5" : "SHA-256";
}

std::optional<DigestAlgorithm> AlgorithmByName(
    std::optional<std::string_view> name) {
  // RFC 7616 3.3: "If not present, it is assumed to be "MD5"."
  if (!name.has_value()) return DigestAlgorithm::kMd5;
  for (const DigestAlgorithm algorithm :
       {DigestAlgorithm::kMd5, DigestAlgorithm::kSha256}) {
    if (absl::EqualsIgnoreCase(*name, AlgorithmName(algorithm))) {
      return algorithm;
    }
  }
  return std::nullopt;
}

std::string Hash(DigestAlgorithm algorithm, std::string_view text) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, DigestOf(algorithm),
             nullptr);
  return absl::BytesToHexString(
      std::string_view(reinterpret_cast<const char*>(digest), size));
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
}

absl::Status Bad(std::string_view why) {
  return absl::UnauthenticatedError(absl::StrCat("Digest credentials: ", why));
}

// Copies a parameter of 1 to `max_bytes` octets.
bool Copy(const HttpChallenge& from, std::string_view name, std::string* to,
          size_t max_bytes = kMaxValueBytes) {
  const std::optional<std::string_view> value = FindParameter(from, name);
  if (!value.has_value() || value->empty() || value->size() > max_bytes) {
    return false;
  }
  *to = std::string(*value);
  return true;
}

bool CopyOptional(const HttpChallenge& from, std::string_view name,
                  std::string* to) {
  const std::optional<std::string_view> value = FindParameter(from, name);
  return !value.has_value() || value->empty() || Copy(from, name, to);
}

bool OffersAuth(std::optional<std::string_view> qop) {
  if (!qop.has_value()) return false;
  for (const std::string_view option : absl::StrSplit(*qop, ',')) {
    if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(option), "auth")) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string FormatDigestChallenge(const DigestChallenge& challenge) {
  std::string out =
      absl::StrCat(kScheme, " realm=", QuoteAuthValue(challenge.realm),
                   ", qop=\"auth\", nonce=", QuoteAuthValue(challenge.nonce));
  if (!challenge.opaque.empty()) {
    absl::StrAppend(&out, ", opaque=", QuoteAuthValue(challenge.opaque));
  }
  if (challenge.stale) absl::StrAppend(&out, ", stale=true");
  if (challenge.algorithm != DigestAlgorithm::kMd5) {
    absl::StrAppend(&out, ", algorithm=", AlgorithmName(challenge.algorithm));
  }
  return out;
}

absl::StatusOr<DigestChallenge> ReadDigestChallenge(
    const HttpChallenge& challenge) {
  DigestChallenge out;
  if (!absl::EqualsIgnoreCase(challenge.scheme, kScheme)) {
    return absl::InvalidArgumentError("a challenge of another scheme");
  }
  const auto realm = FindParameter(challenge, "realm");
  if (!realm.has_value() || realm->size() > kMaxValueBytes ||
      !Copy(challenge, "nonce", &out.nonce) ||
      !CopyOptional(challenge, "opaque", &out.opaque)) {
    return absl::InvalidArgumentError(
        "Digest challenge: a parameter is missing, or too long");
  }
  out.realm = std::string(*realm);
  // RFC 7616 3.3: qop "MUST be used by all implementations".
  if (!OffersAuth(FindParameter(challenge, "qop"))) {
    return absl::InvalidArgumentError("Digest challenge: no qop=auth");
  }
  const auto algorithm = AlgorithmByName(FindParameter(challenge, "algorithm"));
  if (!algorithm.has_value()) {
    return absl::InvalidArgumentError(
        "Digest challenge: an algorithm other than MD5 and SHA-256");
  }
  out.algorithm = *algorithm;
  out.stale = absl::EqualsIgnoreCase(
      FindParameter(challenge, "stale").value_or(""), "true");
  return out;
}

absl::StatusOr<DigestCredentials> ParseDigestAuthorization(
    std::string_view header) {
  if (header.size() > kMaxAuthBytes) return Bad("too long");
  AuthReader reader(absl::StripAsciiWhitespace(header));
  HttpChallenge parsed;
  const bool is_read = reader.ReadChallenge(&parsed);
  if (!absl::EqualsIgnoreCase(parsed.scheme, kScheme)) {
    return absl::UnauthenticatedError(
        "the Authorization header is not of the Digest scheme");
  }
  reader.SkipCommas();
  if (!is_read || !reader.empty() || !parsed.token68.empty()) {
    return Bad("malformed");
  }
  DigestCredentials out;
  const auto realm = FindParameter(parsed, "realm");
  std::string nc;
  if (!realm.has_value() || realm->size() > kMaxValueBytes ||
      !Copy(parsed, "username", &out.username) ||
      !Copy(parsed, "nonce", &out.nonce) ||
      !Copy(parsed, "uri", &out.uri, kMaxUriBytes) ||
      !Copy(parsed, "response", &out.response) ||
      !Copy(parsed, "cnonce", &out.cnonce) || !Copy(parsed, "nc", &nc) ||
      !CopyOptional(parsed, "opaque", &out.opaque)) {
    return Bad(
        "username, realm, nonce, uri, response, cnonce and nc have to "
        "be there, and not too long");
  }
  out.realm = std::string(*realm);
  if (FindParameter(parsed, "username*").has_value() ||
      absl::EqualsIgnoreCase(FindParameter(parsed, "userhash").value_or(""),
                             "true")) {
    return Bad("the user's name has to be sent as it is");
  }
  if (!absl::EqualsIgnoreCase(FindParameter(parsed, "qop").value_or(""),
                              "auth")) {
    return Bad("qop has to be auth");
  }
  if (nc.size() != kNcDigits || !absl::SimpleHexAtoi(nc, &out.nc) ||
      !IsHex(nc) || out.nc == 0) {
    return Bad("nc is not a count in eight hexadecimal digits");
  }
  const auto algorithm = AlgorithmByName(FindParameter(parsed, "algorithm"));
  if (!algorithm.has_value()) {
    return Bad("an algorithm other than MD5 and SHA-256");
  }
  out.algorithm = *algorithm;
  if (!IsHex(out.response) ||
      out.response.size() != 2 * EVP_MD_size(DigestOf(out.algorithm))) {
    return Bad("the response is not a hexadecimal digest of the algorithm");
  }
  absl::AsciiStrToLower(&out.response);
  return out;
}

std::string FormatDigestAuthorization(const DigestCredentials& credentials) {
  std::string out = absl::StrCat(
      kScheme, " username=", QuoteAuthValue(credentials.username),
      ", realm=", QuoteAuthValue(credentials.realm),
      ", nonce=", QuoteAuthValue(credentials.nonce),
      ", uri=", QuoteAuthValue(credentials.uri),
      ", cnonce=", QuoteAuthValue(credentials.cnonce),
      ", nc=", absl::StrFormat("%08x", credentials.nc),
      ", qop=auth, response=", QuoteAuthValue(credentials.response));
  if (!credentials.opaque.empty()) {
    absl::StrAppend(&out, ", opaque=", QuoteAuthValue(credentials.opaque));
  }
  if (credentials.algorithm != DigestAlgorithm::kMd5) {
    absl::StrAppend(&out, ", algorithm=", AlgorithmName(credentials.algorithm));
  }
  return out;
}

// A1 = unq(username) ":" unq(realm) ":" passwd
Secret DigestHa1(DigestAlgorithm algorithm, std::string_view username,
                 std::string_view realm, const Secret& password) {
  std::string a1 = absl::StrCat(username, ":", realm, ":", password.text());
  std::string hex = Hash(algorithm, a1);
  Secret ha1{std::string_view(hex)};
  Cleanse(a1.data(), a1.size());
  Cleanse(hex.data(), hex.size());
  return ha1;
}

// KD( H(A1), unq(nonce) ":" nc ":" unq(cnonce) ":" unq(qop) ":" H(A2) ),
// A2 = Method ":" request-uri
std::string DigestResponse(DigestAlgorithm algorithm, const Secret& ha1,
                           std::string_view method, std::string_view uri,
                           std::string_view nonce, uint32_t nc,
                           std::string_view cnonce) {
  std::string text = absl::StrCat(
      ha1.text(), ":", nonce, ":", absl::StrFormat("%08x", nc), ":", cnonce,
      ":auth:", Hash(algorithm, absl::StrCat(method, ":", uri)));
  std::string response = Hash(algorithm, text);
  Cleanse(text.data(), text.size());
  return response;
}

}  // namespace bestow
