// What an EST client looks at to tell CA certificates apart. No trust
// decisions.
#ifndef COMMON_EST_CLIENT_TRUST_RULES_H_
#define COMMON_EST_CLIENT_TRUST_RULES_H_

#include <vector>

#include "common/pki/certificate.h"

namespace bestow {

bool Contains(const std::vector<Certificate>& certificates,
              const Certificate& certificate);

// By basicConstraints and, where there is one, keyUsage.
bool MaySignCertificates(const Certificate& certificate);

// A CA certificate that its own key signed. Self-issued alone is not enough: a
// rollover's links are that as well.
bool IsSelfSignedCa(const Certificate& certificate);

}  // namespace bestow

#endif  // COMMON_EST_CLIENT_TRUST_RULES_H_
