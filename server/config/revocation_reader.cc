#include "server/config/revocation_reader.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "server/config/known_names.h"

namespace bestow::server {
namespace {

// Short ones are for tests and demonstrations.
constexpr absl::Duration kShortest = absl::Seconds(1);
constexpr absl::Duration kLongest = absl::Hours(24 * 366);
constexpr absl::Duration kLongestOcsp = absl::Hours(24 * 30);

// RFC 5280 8: https could need the very CRL that it is to bring.
bool IsPublishingUrl(std::string_view url) {
  return IsWebUrl(url) && absl::StartsWith(url, "http://") &&
         url.size() > std::string_view("http://").size() &&
         !absl::EndsWith(url, "/") && url.find_first_of("?#") == url.npos;
}

void ReadOne(TomlReader& toml, RevocationConfig& config) {
  toml.ReadDuration("crl_validity", kShortest, kLongest, &config.crl_validity);
  toml.ReadDuration("crl_interval", kShortest, kLongest, &config.crl_interval);
  toml.ReadDuration("delta_interval", absl::ZeroDuration(), kLongest,
                    &config.delta_interval);
  toml.ReadDuration("ocsp_validity", kShortest, kLongestOcsp,
                    &config.ocsp_validity);
  if (config.crl_interval >= config.crl_validity) {
    toml.Complain(toml.Has("crl_interval") ? "crl_interval" : "crl_validity",
                  "a CRL must be good for longer than until the next one "
                  "comes: crl_interval less than crl_validity");
  }
  if (config.delta_interval >= config.crl_interval) {
    toml.Complain(
        toml.Has("delta_interval") ? "delta_interval" : "crl_interval",
        "delta CRLs come between full ones: delta_interval less than "
        "crl_interval, or \"0s\" for none");
  }
  if (toml.ReadText("url", &config.url) && !config.url.empty() &&
      !IsPublishingUrl(config.url)) {
    toml.Complain("url",
                  "must be a plain http URL without a slash at its end, like "
                  "\"http://pki.example.net\" (RFC 5280 8: https could need "
                  "what it is to bring)");
  }
}

}  // namespace

void ReadHttp(TomlReader& toml, HttpConfig& http) {
  toml.InTable("http", [&] { toml.ReadTexts("listen", &http.listen); });
}

void ReadRevocation(TomlReader& toml, RevocationSettings& settings) {
  toml.InTable("revocation", [&] { ReadOne(toml, settings.defaults); });
  toml.InNamedTables("cas", [&](const std::string& folder) {
    if (!IsCaFolder(folder)) {
      toml.ComplainOfTable("names no CA: [cas.ca] or [cas.\"cas/NAME\"]");
    }
    RevocationConfig config = settings.defaults;
    ReadOne(toml, config);
    settings.by_ca.emplace(folder, std::move(config));
  });
}

}  // namespace bestow::server
