#include "common/tpm/esys_tpm.h"

#include <openssl/sha.h>

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/crypto/public_key.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/esys_templates.h"
#include "common/tpm/key_use.h"

namespace bestow {
namespace {

Bytes DigestFor(SignatureAlgorithm algorithm, ByteView message) {
  if (algorithm == SignatureAlgorithm::kEcdsaP384Sha384) {
    Bytes digest(SHA384_DIGEST_LENGTH);
    SHA384(message.data(), message.size(), digest.data());
    return digest;
  }
  const Sha256Digest digest = Sha256(message);
  return Bytes(digest.begin(), digest.end());
}

// A password that was refused may be right after all: the TPM was reset in the
// middle. It forgives one failure in some hours at most.
constexpr absl::Duration kRefusedFor = absl::Hours(24);
constexpr size_t kMaxRefused = 64;

// Of a key and its password, without keeping that.
Bytes FingerprintOf(const TpmKey& key) {
  Bytes input = key.public_blob;
  input.insert(input.end(), key.auth->bytes().begin(), key.auth->bytes().end());
  const Sha256Digest digest = Sha256(input);
  Cleanse(input.data(), input.size());
  return Bytes(digest.begin(), digest.end());
}

std::string NameText(ByteView name) {
  return absl::BytesToHexString(AsText(name));
}

}  // namespace

// The TPM, opened, with what every command needs. Members go in the order
// that flushes before closing.
struct EsysTpm::Opened {
  std::unique_ptr<EsysSession> esys;
  TpmHandle parent;
  TpmHandle session;
  TpmHandle key;
};

bool LacksResourceManager(std::string_view tcti) {
  absl::ConsumePrefix(&tcti, "pcap:");
  return absl::StartsWith(tcti, "swtpm") || absl::StartsWith(tcti, "mssim") ||
         absl::StartsWith(tcti, "device:/dev/tpm0");
}

EsysTpm::EsysTpm(EsysTpmOptions options) : options_(std::move(options)) {}

absl::Status EsysTpm::Run(uint32_t parent, Work work) {
  absl::Status status = RunOnce(parent, work);
  switch (TpmActionOf(status)) {
    case TpmAction::kStartOver:
      return RunOnce(parent, work);
    case TpmAction::kFreeMemory:
      // Now what we left ourselves goes first.
      if (LacksResourceManager(options_.tcti)) return RunOnce(parent, work);
      return status;
    default:
      return status;
  }
}

absl::Status EsysTpm::RunOnce(uint32_t parent, Work work) {
  const bool was_clean = std::exchange(clean_, false);
  auto esys = EsysSession::Open(options_.tcti, options_.retry);
  if (!esys.ok()) return esys.status();
  if (!was_clean && LacksResourceManager(options_.tcti)) {
    if (absl::Status s = (*esys)->FlushLeftovers(); !s.ok()) return s;
  }
  Opened tpm{.esys = *std::move(esys)};
  auto root = tpm.esys->OpenParent(parent);
  if (!root.ok()) return root.status();
  tpm.parent = *std::move(root);
  auto session = tpm.esys->StartSession(tpm.parent);
  if (!session.ok()) return session.status();
  tpm.session = *std::move(session);
  const absl::Status status = work(tpm);
  for (TpmHandle* handle : {&tpm.key, &tpm.session, &tpm.parent}) {
    handle->Flush();
  }
  clean_ = status.ok() && !tpm.esys->left_something();
  return status;
}

absl::Status EsysTpm::RunWith(const TpmKey& key, Work work) {
  const Bytes fingerprint = key.auth == nullptr ? Bytes() : FingerprintOf(key);
  if (auto it = refused_.find(fingerprint);
      it != refused_.end() && absl::Now() < it->second + kRefusedFor) {
    return TpmStatus(TpmAction::kWrongAuth,
                     "the TPM refused the key's password before, and each "
                     "failure more would bring its lockout nearer: mend "
                     "key_auth_file; the same is tried again after a day, or "
                     "after a restart");
  }
  absl::Status status = Run(key.parent, [&](Opened& tpm) {
    if (absl::Status s = Load(tpm, key); !s.ok()) return s;
    tpm.parent.Flush();  // chips have three slots, and others want one too
    return work(tpm);
  });
  if (TpmActionOf(status) == TpmAction::kWrongAuth && key.auth != nullptr) {
    if (refused_.size() >= kMaxRefused) refused_.clear();
    refused_[fingerprint] = absl::Now();
  }
  // The operator took up another root, and the one of before is gone.
  if (TpmActionOf(status) == TpmAction::kNoRoot &&
      key.parent != options_.parent && IsPersistentParent(key.parent)) {
    return TpmStatus(
        TpmAction::kKeyLost,
        absl::StrCat("the key's storage root is gone: ", status.message()));
  }
  return status;
}

// A root of another name has never seen the key: the TPM is another one, or
// was cleared, which changes the seed that primaries come from (Part 1,
// 14.4). The TPM itself would say no more than that the blob is damaged.
absl::Status EsysTpm::Load(Opened& tpm, const TpmKey& key) {
  auto name = tpm.esys->NameOf(tpm.parent);
  if (!name.ok()) return name.status();
  if (!key.parent_name.empty() && *name != key.parent_name) {
    return TpmStatus(
        TpmAction::kKeyLost,
        absl::StrCat("the TPM at \"", options_.tcti,
                     "\" was cleared or replaced: its storage root is ",
                     NameText(*name), ", and the key was made under ",
                     NameText(key.parent_name),
                     "; the key is lost for good, and the device must be "
                     "enrolled again"));
  }
  auto loaded = tpm.esys->Load(tpm.parent, tpm.session, key);
  if (!loaded.ok()) return loaded.status();
  tpm.key = *std::move(loaded);
  if (key.wants_auth) {
    if (key.auth == nullptr) {
      return TpmStatus(TpmAction::kWrongAuth,
                       "the key has a password: key_auth_file has to name it");
    }
    if (absl::Status s = tpm.esys->SetAuth(tpm.key, *key.auth); !s.ok()) {
      return s;
    }
  }
  if (!key.pcr_policy) return absl::OkStatus();
  auto session = tpm.esys->StartPolicySession(tpm.parent);
  if (!session.ok()) return session.status();
  tpm.session = *std::move(session);
  return absl::OkStatus();
}

absl::Status EsysTpm::Authorize(Opened& tpm, const TpmKey& key) {
  if (!key.pcr_policy) return absl::OkStatus();
  return tpm.esys->SatisfyPolicy(tpm.session, *key.pcr_policy, key.wants_auth);
}

absl::StatusOr<TpmKey> EsysTpm::CreateKey(KeyType type,
                                          const KeyProtection& protection) {
  if (absl::Status s = CheckProtection(protection); !s.ok()) return s;
  absl::StatusOr<TpmKey> key;
  absl::Status status = Run(options_.parent, [&](Opened& tpm) {
    key = tpm.esys->CreateKey(tpm.parent, tpm.session, type, protection);
    if (!key.ok()) return key.status();
    auto name = tpm.esys->NameOf(tpm.parent);
    if (!name.ok()) return name.status();
    key->parent = options_.parent;
    key->parent_name = *std::move(name);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return key;
}

absl::StatusOr<Bytes> EsysTpm::Sign(const TpmKey& key,
                                    SignatureAlgorithm algorithm,
                                    ByteView message) {
  auto spki = CheckCanSign(key, algorithm);
  if (!spki.ok()) return spki.status();
  absl::StatusOr<Bytes> signature;
  absl::Status status = RunWith(key, [&](Opened& tpm) {
    auto sign = [&](ByteView digest) -> absl::StatusOr<Bytes> {
      if (absl::Status s = Authorize(tpm, key); !s.ok()) return s;
      return tpm.esys->SignDigest(tpm.key, tpm.session,
                                  *SignatureScheme(algorithm), digest);
    };
    auto raw = [&](ByteView block) -> absl::StatusOr<Bytes> {
      if (absl::Status s = Authorize(tpm, key); !s.ok()) return s;
      auto out =
          tpm.esys->RsaDecrypt(tpm.key, tpm.session, TPM2_ALG_NULL, block);
      if (!out.ok()) return out.status();
      return ToBytes(out->bytes());
    };
    signature = algorithm == SignatureAlgorithm::kRsaPssSha256
                    ? rsa_pss_.Sign(*spki, message,
                                    {.sign_pss = sign, .raw_private = raw})
                    : sign(DigestFor(algorithm, message));
    return signature.status();
  });
  if (!status.ok()) return status;
  return signature;
}

absl::StatusOr<Secret> EsysTpm::RsaOaepDecrypt(const TpmKey& key,
                                               ByteView ciphertext) {
  if (absl::Status s = CheckCanDecrypt(key, ciphertext); !s.ok()) return s;
  absl::StatusOr<Secret> secret;
  absl::Status status = RunWith(key, [&](Opened& tpm) {
    if (absl::Status s = Authorize(tpm, key); !s.ok()) return s;
    secret =
        tpm.esys->RsaDecrypt(tpm.key, tpm.session, TPM2_ALG_OAEP, ciphertext);
    return secret.status();
  });
  if (!status.ok()) return status;
  return secret;
}

absl::StatusOr<SealedBlob> EsysTpm::Seal(const Secret& secret) {
  absl::StatusOr<SealedBlob> blob;
  absl::Status status = Run(options_.parent, [&](Opened& tpm) {
    blob = tpm.esys->CreateSealed(tpm.parent, tpm.session, secret);
    if (blob.ok()) blob->parent = options_.parent;
    return blob.status();
  });
  if (!status.ok()) return status;
  return blob;
}

absl::StatusOr<Secret> EsysTpm::Unseal(const SealedBlob& blob) {
  absl::StatusOr<Secret> secret;
  const TpmKey object{.public_blob = blob.public_blob,
                      .private_blob = blob.private_blob,
                      .parent = blob.parent,
                      .parent_name = {}};
  absl::Status status = RunWith(object, [&](Opened& tpm) {
    secret = tpm.esys->Unseal(tpm.key, tpm.session);
    return secret.status();
  });
  if (!status.ok()) return status;
  return secret;
}

absl::Status EsysTpm::Check() {
  return Run(options_.parent, [](Opened&) { return absl::OkStatus(); });
}

absl::Status EsysTpm::CheckKey(const TpmKey& key) {
  return RunWith(key, [&](Opened& tpm) { return Authorize(tpm, key); });
}

}  // namespace bestow
