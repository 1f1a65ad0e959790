#include "common/tpm/esys_templates.h"

#include <tss2/tss2_mu.h>

#include <cstring>
#include <vector>

#include "common/tpm/tpm_public.h"

namespace bestow {
namespace {

static_assert(kEcKeyAttributes ==
              (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
               TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
               TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT));
static_assert(kRsaKeyAttributes == (kEcKeyAttributes | TPMA_OBJECT_DECRYPT));

TPM2B_PUBLIC Empty(TPMI_ALG_PUBLIC type, TPMA_OBJECT attributes) {
  TPM2B_PUBLIC out;
  std::memset(&out, 0, sizeof(out));
  out.publicArea.type = type;
  out.publicArea.nameAlg = TPM2_ALG_SHA256;
  out.publicArea.objectAttributes = attributes;
  return out;
}

TPM2B_PUBLIC EccTemplate(TPMI_ECC_CURVE curve, TPMA_OBJECT attributes) {
  TPM2B_PUBLIC out = Empty(TPM2_ALG_ECC, attributes);
  TPMS_ECC_PARMS& ecc = out.publicArea.parameters.eccDetail;
  ecc.symmetric.algorithm = TPM2_ALG_NULL;
  ecc.scheme.scheme = TPM2_ALG_NULL;
  ecc.curveID = curve;
  ecc.kdf.scheme = TPM2_ALG_NULL;
  return out;
}

TPM2B_PUBLIC RsaTemplate(UINT16 bits) {
  TPM2B_PUBLIC out = Empty(TPM2_ALG_RSA, kRsaKeyAttributes);
  TPMS_RSA_PARMS& rsa = out.publicArea.parameters.rsaDetail;
  rsa.symmetric.algorithm = TPM2_ALG_NULL;
  rsa.scheme.scheme = TPM2_ALG_NULL;
  rsa.keyBits = bits;  // and exponent 0: 65537
  return out;
}

// What a template fixes, as octets that can be compared.
std::vector<uint8_t> WhatIsFixed(TPMT_PUBLIC area) {
  area.objectAttributes &= ~(TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA);
  area.authPolicy.size = 0;
  std::memset(&area.unique, 0, sizeof(area.unique));
  std::vector<uint8_t> out(sizeof(area));
  size_t size = 0;
  if (Tss2_MU_TPMT_PUBLIC_Marshal(&area, out.data(), out.size(), &size) !=
      TSS2_RC_SUCCESS) {
    return {};
  }
  out.resize(size);
  return out;
}

}  // namespace

TPM2B_PUBLIC PrimaryTemplate() {
  TPM2B_PUBLIC out = EccTemplate(
      TPM2_ECC_NIST_P256, TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED |
                              TPMA_OBJECT_DECRYPT | TPMA_OBJECT_NODA |
                              TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                              TPMA_OBJECT_SENSITIVEDATAORIGIN);
  TPMT_SYM_DEF_OBJECT& symmetric =
      out.publicArea.parameters.eccDetail.symmetric;
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
  return out;
}

std::optional<TPM2B_PUBLIC> KeyTemplate(KeyType type) {
  switch (type) {
    case KeyType::kEcP256:
      return EccTemplate(TPM2_ECC_NIST_P256, kEcKeyAttributes);
    case KeyType::kEcP384:
      return EccTemplate(TPM2_ECC_NIST_P384, kEcKeyAttributes);
    case KeyType::kRsa2048:
      return RsaTemplate(2048);
    case KeyType::kRsa3072:
      return RsaTemplate(3072);
    case KeyType::kEd25519:
      break;
  }
  return std::nullopt;
}

TPM2B_PUBLIC SealedTemplate() {
  TPM2B_PUBLIC out = Empty(TPM2_ALG_KEYEDHASH,
                           TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                               TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA);
  out.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  return out;
}

bool IsOfOurTemplates(const TPM2B_PUBLIC& area) {
  const std::vector<uint8_t> wanted = WhatIsFixed(area.publicArea);
  if (wanted.empty()) return false;
  std::vector<TPM2B_PUBLIC> ours = {PrimaryTemplate(), SealedTemplate()};
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048,
                       KeyType::kRsa3072}) {
    ours.push_back(*KeyTemplate(type));
  }
  for (const TPM2B_PUBLIC& own : ours) {
    if (WhatIsFixed(own.publicArea) == wanted) return true;
  }
  return false;
}

std::optional<TPMT_SIG_SCHEME> SignatureScheme(SignatureAlgorithm algorithm) {
  TPMT_SIG_SCHEME scheme;
  std::memset(&scheme, 0, sizeof(scheme));
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaP256Sha256:
      scheme.scheme = TPM2_ALG_ECDSA;
      scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
      return scheme;
    case SignatureAlgorithm::kEcdsaP384Sha384:
      scheme.scheme = TPM2_ALG_ECDSA;
      scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA384;
      return scheme;
    case SignatureAlgorithm::kRsaPkcs1Sha256:
      scheme.scheme = TPM2_ALG_RSASSA;
      scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
      return scheme;
    case SignatureAlgorithm::kRsaPssSha256:
      scheme.scheme = TPM2_ALG_RSAPSS;
      scheme.details.rsapss.hashAlg = TPM2_ALG_SHA256;
      return scheme;
    case SignatureAlgorithm::kEd25519:
      break;
  }
  return std::nullopt;
}

}  // namespace bestow
