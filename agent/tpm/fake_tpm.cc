#include "agent/tpm/fake_tpm.h"

#include <utility>

#include "agent/tpm/errors.h"
#include "agent/tpm/tpm_public.h"
#include "common/crypto/public_key.h"

namespace bestow::agent {

absl::Status FakeTpm::NextCommand() {
  if (++commands_ == fail_at_) return error_;
  return absl::OkStatus();
}

void FakeTpm::FailAfter(int count, absl::Status error) {
  fail_at_ = commands_ + count + 1;
  error_ = std::move(error);
}

absl::StatusOr<TpmKey> FakeTpm::CreateKey() {
  if (absl::Status s = NextCommand(); !s.ok()) return s;
  auto signer = SoftwareSigner::Generate();
  if (!signer.ok()) return signer.status();
  const Bytes& spki = (*signer)->public_key_spki();
  // An uncompressed P-256 point stands at the end of its SPKI.
  TpmEccPublic point{.attributes = kSigningKeyAttributes,
                     .x = Bytes(spki.end() - 64, spki.end() - 32),
                     .y = Bytes(spki.end() - 32, spki.end())};
  const Sha256Digest name = Sha256(spki);
  TpmKey key{.public_blob = SerializeTpmEccPublic(point),
             .private_blob = {0, static_cast<uint8_t>(name.size())}};
  key.private_blob.insert(key.private_blob.end(), name.begin(), name.end());
  keys_[key.private_blob] = *std::move(signer);
  return key;
}

absl::StatusOr<Bytes> FakeTpm::Sign(const TpmKey& key, ByteView message) {
  if (absl::Status s = NextCommand(); !s.ok()) return s;
  auto it = keys_.find(key.private_blob);
  if (it == keys_.end()) {
    return TpmStatus(TpmAction::kKeyLost, "this TPM can't load the key");
  }
  return SignAndWait(*it->second, message);
}

absl::Status FakeTpm::Check() { return NextCommand(); }

}  // namespace bestow::agent
