// What the trust in the server rests on before it says anything: the config.
#ifndef AGENT_ENROLL_TRUST_SOURCE_H_
#define AGENT_ENROLL_TRUST_SOURCE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config/config.h"
#include "common/pki/certificate.h"

namespace bestow::agent {

// The certificates of the CA file; none when a CA is pinned instead. Errors
// name the file.
absl::StatusOr<std::vector<Certificate>> ReadConfiguredCas(
    const Config& config);

// One line that says which configuration of trust it is: CA certificates that
// were learned under another count for nothing (CredentialReader::CaCerts).
// `configured` is what ReadConfiguredCas() gave.
std::string TrustSource(const Config& config,
                        const std::vector<Certificate>& configured);

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_TRUST_SOURCE_H_
