#include "common/est_client/trust_rules.h"

#include <algorithm>

#include "common/crypto/public_key.h"
#include "common/pki/extension.h"

namespace bestow {

bool Contains(const std::vector<Certificate>& certificates,
              const Certificate& certificate) {
  return std::find(certificates.begin(), certificates.end(), certificate) !=
         certificates.end();
}

bool MaySignCertificates(const Certificate& certificate) {
  return certificate.basic_constraints &&
         certificate.basic_constraints->is_ca &&
         (!certificate.key_usage ||
          (*certificate.key_usage & kKeyCertSign) != 0);
}

bool IsSelfSignedCa(const Certificate& certificate) {
  return certificate.subject == certificate.issuer &&
         MaySignCertificates(certificate) &&
         VerifySignature(certificate.signature_algorithm, certificate.spki,
                         certificate.tbs_der, certificate.signature)
             .ok();
}

}  // namespace bestow
