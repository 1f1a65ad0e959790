#include "common/tpm/esys_tpm.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/esys_templates.h"
#include "common/tpm/key_use.h"
#include "common/tpm/tpm_public.h"

namespace bestow {
namespace {

// The TPM, opened, with what every command needs. Members go in the order
// that flushes before closing.
struct Opened {
  std::unique_ptr<EsysSession> esys;
  TpmHandle primary;
  TpmHandle session;
};

absl::StatusOr<Opened> Open(const std::string& tcti) {
  Opened out;
  auto esys = EsysSession::Open(tcti);
  if (!esys.ok()) return esys.status();
  out.esys = *std::move(esys);
  auto primary = out.esys->CreatePrimary();
  if (!primary.ok()) return primary.status();
  out.primary = *std::move(primary);
  auto session = out.esys->StartSession(out.primary);
  if (!session.ok()) return session.status();
  out.session = *std::move(session);
  return out;
}

absl::StatusOr<TpmHandle> Load(Opened& tpm, const TpmKey& key) {
  if (key.parent != kParentOwner) {
    return TpmStatus(TpmAction::kGiveUp,
                     absl::StrCat("the key's parent 0x", absl::Hex(key.parent),
                                  " is not the owner hierarchy (0x40000001)"));
  }
  auto loaded = tpm.esys->Load(tpm.primary, tpm.session, key);
  tpm.primary.Flush();  // chips have three slots, and others want one too
  return loaded;
}

Bytes DigestFor(SignatureAlgorithm algorithm, ByteView message) {
  if (algorithm == SignatureAlgorithm::kEcdsaP384Sha384) {
    Bytes digest(SHA384_DIGEST_LENGTH);
    SHA384(message.data(), message.size(), digest.data());
    return digest;
  }
  const Sha256Digest digest = Sha256(message);
  return Bytes(digest.begin(), digest.end());
}

}  // namespace

EsysTpm::EsysTpm(std::string tcti) : tcti_(std::move(tcti)) {}

absl::StatusOr<TpmKey> EsysTpm::CreateKey(KeyType type) {
  auto tpm = Open(tcti_);
  if (!tpm.ok()) return tpm.status();
  return tpm->esys->CreateKey(tpm->primary, tpm->session, type);
}

absl::StatusOr<Bytes> EsysTpm::Sign(const TpmKey& key,
                                    SignatureAlgorithm algorithm,
                                    ByteView message) {
  auto spki = CheckCanSign(key, algorithm);
  if (!spki.ok()) return spki.status();
  auto tpm = Open(tcti_);
  if (!tpm.ok()) return tpm.status();
  auto loaded = Load(*tpm, key);
  if (!loaded.ok()) return loaded.status();
  auto sign = [&](ByteView digest) {
    return tpm->esys->SignDigest(*loaded, tpm->session,
                                 *SignatureScheme(algorithm), digest);
  };
  if (algorithm != SignatureAlgorithm::kRsaPssSha256) {
    return sign(DigestFor(algorithm, message));
  }
  auto raw = [&](ByteView block) -> absl::StatusOr<Bytes> {
    auto out =
        tpm->esys->RsaDecrypt(*loaded, tpm->session, TPM2_ALG_NULL, block);
    if (!out.ok()) return out.status();
    return ToBytes(out->bytes());
  };
  return rsa_pss_.Sign(*spki, message, {.sign_pss = sign, .raw_private = raw});
}

absl::StatusOr<Secret> EsysTpm::RsaOaepDecrypt(const TpmKey& key,
                                               ByteView ciphertext) {
  if (absl::Status s = CheckCanDecrypt(key, ciphertext); !s.ok()) return s;
  auto tpm = Open(tcti_);
  if (!tpm.ok()) return tpm.status();
  auto loaded = Load(*tpm, key);
  if (!loaded.ok()) return loaded.status();
  return tpm->esys->RsaDecrypt(*loaded, tpm->session, TPM2_ALG_OAEP,
                               ciphertext);
}

absl::StatusOr<SealedBlob> EsysTpm::Seal(const Secret& secret) {
  auto tpm = Open(tcti_);
  if (!tpm.ok()) return tpm.status();
  return tpm->esys->CreateSealed(tpm->primary, tpm->session, secret);
}

absl::StatusOr<Secret> EsysTpm::Unseal(const SealedBlob& blob) {
  auto tpm = Open(tcti_);
  if (!tpm.ok()) return tpm.status();
  auto loaded = Load(*tpm, {.public_blob = blob.public_blob,
                            .private_blob = blob.private_blob,
                            .parent = blob.parent});
  if (!loaded.ok()) return loaded.status();
  return tpm->esys->Unseal(*loaded, tpm->session);
}

absl::Status EsysTpm::Check() { return Open(tcti_).status(); }

}  // namespace bestow
