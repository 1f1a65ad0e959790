#include "server/revocation/public_http.h"

#include <openssl/sha.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bestow::server {
namespace {

constexpr char kHttpDate[] = "%a, %d %b %Y %H:%M:%S GMT";
// A CRL may be followed by the next at any time: caches ask again this often.
constexpr absl::Duration kCrlMaxAge = absl::Hours(1);
constexpr absl::Duration kCertificateMaxAge = absl::Hours(24);
constexpr std::string_view kGet = "GET, HEAD";

std::string HttpDate(absl::Time time) {
  return absl::FormatTime(kHttpDate, time, absl::UTCTimeZone());
}

// RFC 5019 6.2: the hex of the SHA-1 of what is sent. No security function.
std::string EtagOf(ByteView body) {
  uint8_t hash[SHA_DIGEST_LENGTH];
  SHA1(body.data(), body.size(), hash);
  return absl::StrCat(
      "\"", absl::BytesToHexString(AsText(ByteView(hash, sizeof(hash)))), "\"");
}

// Of one key, no number is there twice: megabytes need not be hashed.
std::string EtagOf(const StoredCrl& crl) {
  return absl::StrCat("\"", crl.number, "-",
                      absl::BytesToHexString(AsText(crl.issuer_key_id)), "\"");
}

bool MatchesEtag(std::string_view header, std::string_view etag) {
  for (std::string_view one : absl::StrSplit(header, ',')) {
    one = absl::StripAsciiWhitespace(one);
    absl::ConsumePrefix(&one, "W/");
    if (one == "*" || one == etag) return true;
  }
  return false;
}

// RFC 9110 13.1.3: If-Modified-Since counts only where there is no
// If-None-Match.
bool HasItAlready(const HttpRequest& request, const std::string& etag,
                  absl::Time modified) {
  const std::optional<std::string> match =
      FindHeader(request.headers, "If-None-Match");
  if (match.has_value()) return MatchesEtag(*match, etag);
  const std::optional<std::string> since =
      FindHeader(request.headers, "If-Modified-Since");
  absl::Time time;
  std::string error;
  return since.has_value() &&
         absl::ParseTime(kHttpDate, *since, absl::UTCTimeZone(), &time,
                         &error) &&
         modified <= time;
}

struct Freshness {
  std::string etag;
  absl::Time modified;
  std::optional<absl::Time> expires;
  absl::Duration max_age;
};

HttpResponse Cacheable(const HttpRequest& request, std::string_view type,
                       ByteView body, const Freshness& fresh) {
  HttpResponse response;
  response.headers = {
      {"Content-Type", std::string(type)},
      {"Last-Modified", HttpDate(fresh.modified)},
      {"ETag", fresh.etag},
  };
  if (fresh.expires.has_value()) {
    response.headers.emplace_back("Expires", HttpDate(*fresh.expires));
  }
  response.headers.emplace_back(
      "Cache-Control",
      absl::StrCat(
          "max-age=", std::max<int64_t>(0, absl::ToInt64Seconds(fresh.max_age)),
          ", public, no-transform, must-revalidate"));
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  if (is_get && HasItAlready(request, fresh.etag, fresh.modified)) {
    response.status = 304;
  } else {
    response.body = std::string(AsText(body));
  }
  return response;
}

HttpResponse Refusal(int status, std::string_view reason,
                     std::string_view allow = "") {
  HttpResponse response = HttpErrorResponse(status, reason);
  response.close = false;
  if (!allow.empty()) response.headers.emplace_back("Allow", allow);
  return response;
}

bool IsGet(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

HttpResponse PublicHttp::HandleOcsp(const HttpRequest& request,
                                    std::string_view path) const {
  absl::ConsumePrefix(&path, kOcspPath);
  const bool has_request = path.size() > 1;
  absl::StatusOr<Bytes> der;
  if (request.method == "POST" && !has_request) {
    // RFC 6960 A.1.
    if (!absl::EqualsIgnoreCase(
            absl::StripAsciiWhitespace(
                FindHeader(request.headers, "Content-Type").value_or("")),
            "application/ocsp-request")) {
      return Refusal(415, "send Content-Type: application/ocsp-request");
    }
    der = ToBytes(AsBytes(request.body));
  } else if (IsGet(request) && has_request) {
    der = DecodeOcspGet(path.substr(1));
  } else if (IsGet(request) || !has_request) {
    return Refusal(405,
                   absl::StrCat("POST ", kOcspPath, " or GET ", kOcspPath,
                                "/<base64 of the request>"),
                   "POST");
  } else {
    return Refusal(405, "what a path holds is asked for by GET", kGet);
  }
  const absl::Time now = options_.clock->Now();
  // What is no base64 is no request either.
  const OcspAnswer answer =
      options_.ocsp->Answer(der.ok() ? ByteView(*der) : ByteView(), now);
  constexpr std::string_view kType = "application/ocsp-response";
  if (answer.cacheable.has_value()) {
    const OcspAnswer::Times& times = *answer.cacheable;
    // RFC 5019 6.2: later than thisUpdate, earlier than nextUpdate; and at the
    // end of it a newer answer is there.
    const absl::Time again =
        times.refresh_at + (times.next_update - times.refresh_at) / 2;
    return Cacheable(request, kType, answer.der,
                     {EtagOf(answer.der), times.this_update, times.next_update,
                      again - now});
  }
  HttpResponse response;
  response.headers = {
      {"Content-Type", std::string(kType)},
      // RFC 5019 6.2: no-store is not for authoritative ones.
      {"Cache-Control",
       answer.is_authoritative ? "max-age=0, must-revalidate" : "no-store"}};
  response.body = std::string(AsText(answer.der));
  return response;
}

HttpResponse PublicHttp::HandleFile(const HttpRequest& request,
                                    std::string_view path) const {
  const absl::Time now = options_.clock->Now();
  const std::shared_ptr<const IssuingKeys> keys = options_.keys();
  for (const IssuingKey& key : *keys) {
    std::vector<KeyPaths> all = {PathsOf(key.folder, key.key_id)};
    if (key.is_current) all.push_back(CurrentPathsOf(key.folder));
    for (const KeyPaths& paths : all) {
      if (path == paths.certificate) {
        return Cacheable(
            request, "application/pkix-cert", key.certificate().der,
            {EtagOf(key.certificate().der), key.certificate().not_before,
             std::nullopt, kCertificateMaxAge});
      }
      if (path != paths.crl && path != paths.delta_crl) continue;
      const std::shared_ptr<const StoredCrl> crl =
          options_.crls->Find(key.key_id, path == paths.delta_crl);
      if (crl == nullptr) break;
      return Cacheable(request, "application/pkix-crl", crl->der,
                       {EtagOf(*crl), crl->this_update, crl->next_update,
                        std::min(kCrlMaxAge, crl->next_update - now)});
    }
  }
  return Refusal(404, "there is no CRL and no CA certificate of that name");
}

HttpResponse PublicHttp::Handle(const HttpRequest& request) const {
  const std::string_view target = request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  if (path == kOcspPath ||
      absl::StartsWith(path, absl::StrCat(kOcspPath, "/"))) {
    return HandleOcsp(request, path);
  }
  if (!absl::StartsWith(path, "/crl/") && !absl::StartsWith(path, "/ca/")) {
    return Refusal(404,
                   "here are CRLs (/crl/), CA certificates (/ca/) and "
                   "OCSP (/ocsp), and nothing else");
  }
  if (!IsGet(request)) return Refusal(405, "GET it", kGet);
  return HandleFile(request, path);
}

}  // namespace bestow::server
