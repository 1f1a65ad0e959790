// The public areas that we ask a TPM for. For EsysSession alone.
#ifndef COMMON_TPM_ESYS_TEMPLATES_H_
#define COMMON_TPM_ESYS_TEMPLATES_H_

#include <tss2/tss2_tpm2_types.h>

#include <optional>

#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"

namespace bestow {

// The storage primary's: tpm2-openssl and tpm2-tss-engine derive the same one
// for parent 0x40000001.
TPM2B_PUBLIC PrimaryTemplate();
// A signing key's; nullopt for types that no TPM has.
std::optional<TPM2B_PUBLIC> KeyTemplate(KeyType type);
// A sealed secret's: the octets come from outside.
TPM2B_PUBLIC SealedTemplate();

// True when `area` has the type, parameters and attributes of one of the above,
// whatever its policy, and whether or not it is protected by an authorization.
bool IsOfOurTemplates(const TPM2B_PUBLIC& area);

// nullopt for algorithms that no TPM has.
std::optional<TPMT_SIG_SCHEME> SignatureScheme(SignatureAlgorithm algorithm);

}  // namespace bestow

#endif  // COMMON_TPM_ESYS_TEMPLATES_H_
