#include "server/config/tls_reader.h"

#include "absl/time/time.h"

namespace bestow::server {
namespace {

// Browsers and others refuse what lasts longer; short ones are for tests.
constexpr absl::Duration kMinValidity = absl::Seconds(1);
constexpr absl::Duration kMaxValidity = absl::Hours(24 * 398);
// What comes after leaves no time for tries.
constexpr double kMinFraction = 0.1;
constexpr double kMaxFraction = 0.95;

}  // namespace

void ReadTls(TomlReader& toml, TlsConfig& tls) {
  toml.InTable("tls", [&] {
    toml.ReadBool("renew", &tls.renew);
    toml.ReadDuration("validity", kMinValidity, kMaxValidity, &tls.validity);
    toml.ReadNumber("fraction", kMinFraction, kMaxFraction, &tls.fraction);
    toml.ReadBool("new_key", &tls.new_key);
  });
}

}  // namespace bestow::server
