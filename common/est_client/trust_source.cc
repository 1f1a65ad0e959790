#include "common/est_client/trust_source.h"

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"

namespace bestow {
namespace {

constexpr size_t kMaxCaFileBytes = 256 * 1024;
constexpr size_t kMaxConfiguredCas = 64;

}  // namespace

absl::StatusOr<std::vector<Certificate>> ReadConfiguredCas(
    const std::string& ca_file) {
  if (ca_file.empty()) return std::vector<Certificate>();
  auto pem = ReadFile(ca_file, kMaxCaFileBytes);
  if (!pem.ok()) return pem.status();
  auto cas = ParseCertificatesPem(*pem, kMaxConfiguredCas);
  if (!cas.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the CA file ", ca_file, " can't be used: ", cas.status().message()));
  }
  return cas;
}

std::string TrustSource(const std::optional<Bytes>& pin,
                        const std::vector<Certificate>& configured) {
  if (pin.has_value()) {
    return absl::StrCat("Learned through the pinned CA ", HexEncode(*pin));
  }
  Bytes all;
  for (const Certificate& ca : configured) {
    all.insert(all.end(), ca.der.begin(), ca.der.end());
  }
  return absl::StrCat("Learned through the CA file ", HexEncode(Sha256(all)));
}

}  // namespace bestow
