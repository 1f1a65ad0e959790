// What the trust in the server rests on before it says anything: the config.
#ifndef COMMON_EST_CLIENT_TRUST_SOURCE_H_
#define COMMON_EST_CLIENT_TRUST_SOURCE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/certificate.h"

namespace bestow {

// The certificates of the CA file; none when there is none (""), since a CA is
// pinned instead. Errors name the file.
absl::StatusOr<std::vector<Certificate>> ReadConfiguredCas(
    const std::string& ca_file);

// One line that says which configuration of trust it is: CA certificates that
// were learned under another count for nothing. `pin`: the SHA-256 of the
// pinned CA; without one, `configured` is what ReadConfiguredCas() gave.
std::string TrustSource(const std::optional<Bytes>& pin,
                        const std::vector<Certificate>& configured);

}  // namespace bestow

#endif  // COMMON_EST_CLIENT_TRUST_SOURCE_H_
