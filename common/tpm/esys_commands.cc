// What EsysSession does with a loaded object.
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_internal.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/tpm_public.h"

namespace bestow {
namespace {

// Zeroes what the TPM gave before ESYS frees it.
Secret TakeSecret(uint8_t* buffer, size_t size, size_t padded_size) {
  Bytes out(padded_size > size ? padded_size - size : 0, 0);
  out.reserve(out.size() + size);  // no half-filled copy is left behind
  out.insert(out.end(), buffer, buffer + size);
  Cleanse(buffer, size);
  return Secret(std::move(out));
}

}  // namespace

absl::StatusOr<Bytes> EsysSession::SignDigest(const TpmHandle& key,
                                              const TpmHandle& session,
                                              const TPMT_SIG_SCHEME& scheme,
                                              ByteView digest) {
  TPM2B_DIGEST in_digest;
  std::memset(&in_digest, 0, sizeof(in_digest));
  if (digest.size() > sizeof(in_digest.buffer)) {
    return absl::InvalidArgumentError("too long a digest");
  }
  in_digest.size = static_cast<UINT16>(digest.size());
  std::memcpy(in_digest.buffer, digest.data(), digest.size());
  // An unrestricted key signs any digest: the ticket says nothing.
  TPMT_TK_HASHCHECK ticket;
  std::memset(&ticket, 0, sizeof(ticket));
  ticket.tag = TPM2_ST_HASHCHECK;
  ticket.hierarchy = TPM2_RH_NULL;

  // Sign's reply has no encryptable first parameter (Part 3, 20.2).
  TSS2_RC rc = SetEncryption(session, TPMA_SESSION_DECRYPT);
  TPMT_SIGNATURE* raw = nullptr;
  if (rc == TSS2_RC_SUCCESS) {
    rc = Do([&] {
      return Esys_Sign(esys_, key.get(), session.get(), ESYS_TR_NONE,
                       ESYS_TR_NONE, &in_digest, &scheme, &ticket, &raw);
    });
  }
  UniqueEsys<TPMT_SIGNATURE> signature(raw);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "sign with the TPM");
  switch (signature->sigAlg) {
    case TPM2_ALG_ECDSA: {
      const TPMS_SIGNATURE_ECC& ecdsa = signature->signature.ecdsa;
      return EcdsaSignatureDer(
          ByteView(ecdsa.signatureR.buffer, ecdsa.signatureR.size),
          ByteView(ecdsa.signatureS.buffer, ecdsa.signatureS.size));
    }
    case TPM2_ALG_RSASSA:
    case TPM2_ALG_RSAPSS: {
      // The two have the same structure (Part 2, 11.2.1).
      const TPM2B_PUBLIC_KEY_RSA& rsa = signature->signature.rsassa.sig;
      return Bytes(rsa.buffer, rsa.buffer + rsa.size);
    }
    default:
      return TpmStatus(TpmAction::kGiveUp,
                       "the TPM gave a signature that nobody asked for");
  }
}

absl::StatusOr<Secret> EsysSession::RsaDecrypt(const TpmHandle& key,
                                               const TpmHandle& session,
                                               TPMI_ALG_RSA_DECRYPT algorithm,
                                               ByteView in) {
  TPM2B_PUBLIC_KEY_RSA message;
  std::memset(&message, 0, sizeof(message));
  if (in.size() > sizeof(message.buffer)) {
    return absl::InvalidArgumentError("too long for an RSA key");
  }
  message.size = static_cast<UINT16>(in.size());
  std::memcpy(message.buffer, in.data(), in.size());
  TPMT_RSA_DECRYPT scheme;
  std::memset(&scheme, 0, sizeof(scheme));
  scheme.scheme = algorithm;
  if (algorithm == TPM2_ALG_OAEP) {
    scheme.details.oaep.hashAlg = TPM2_ALG_SHA256;
  }
  const TPM2B_DATA no_label = {};
  TSS2_RC rc =
      SetEncryption(session, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT);
  TPM2B_PUBLIC_KEY_RSA* raw = nullptr;
  if (rc == TSS2_RC_SUCCESS) {
    rc = Do([&] {
      return Esys_RSA_Decrypt(esys_, key.get(), session.get(), ESYS_TR_NONE,
                              ESYS_TR_NONE, &message, &scheme, &no_label, &raw);
    });
  }
  UniqueEsys<TPM2B_PUBLIC_KEY_RSA> out(raw);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "decrypt with the TPM");
  return TakeSecret(out->buffer, out->size,
                    algorithm == TPM2_ALG_NULL ? in.size() : 0);
}

absl::StatusOr<Secret> EsysSession::Unseal(const TpmHandle& blob,
                                           const TpmHandle& session) {
  // The command has no parameter that could be encrypted.
  TSS2_RC rc = SetEncryption(session, TPMA_SESSION_ENCRYPT);
  TPM2B_SENSITIVE_DATA* raw = nullptr;
  if (rc == TSS2_RC_SUCCESS) {
    rc = Do([&] {
      return Esys_Unseal(esys_, blob.get(), session.get(), ESYS_TR_NONE,
                         ESYS_TR_NONE, &raw);
    });
  }
  UniqueEsys<TPM2B_SENSITIVE_DATA> out(raw);
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "unseal with the TPM");
  return TakeSecret(out->buffer, out->size, 0);
}

}  // namespace bestow
