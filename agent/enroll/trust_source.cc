#include "agent/enroll/trust_source.h"

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"

namespace bestow::agent {
namespace {

constexpr size_t kMaxCaFileBytes = 256 * 1024;
constexpr size_t kMaxConfiguredCas = 64;

}  // namespace

absl::StatusOr<std::vector<Certificate>> ReadConfiguredCas(
    const Config& config) {
  if (config.ca_file.empty()) return std::vector<Certificate>();
  auto pem = ReadFile(config.ca_file, kMaxCaFileBytes);
  if (!pem.ok()) return pem.status();
  auto cas = ParseCertificatesPem(*pem, kMaxConfiguredCas);
  if (!cas.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the CA file ", config.ca_file,
                     " can't be used: ", cas.status().message()));
  }
  return cas;
}

std::string TrustSource(const Config& config,
                        const std::vector<Certificate>& configured) {
  if (config.ca_sha256) {
    return absl::StrCat("Learned through the pinned CA ",
                        HexEncode(*config.ca_sha256));
  }
  Bytes all;
  for (const Certificate& ca : configured) {
    all.insert(all.end(), ca.der.begin(), ca.der.end());
  }
  return absl::StrCat("Learned through the CA file ", HexEncode(Sha256(all)));
}

}  // namespace bestow::agent
