#include "server/ca/patient_tpm.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tpm/errors.h"

namespace bestow::server {
namespace {

// 20 ms and its doubles up to a second: five seconds in all.
constexpr int kMaxAttempts = 10;
constexpr absl::Duration kFirstPause = absl::Milliseconds(20);
constexpr absl::Duration kLongestPause = absl::Seconds(1);

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

template <typename Command>
auto Patiently(const std::function<void(absl::Duration)>& sleep,
               const Command& command) {
  absl::Duration pause = kFirstPause;
  auto result = command();
  for (int attempt = 1; attempt < kMaxAttempts; ++attempt) {
    if (StatusOf(result).ok()) break;
    const TpmAction action = TpmActionOf(StatusOf(result));
    if (action != TpmAction::kFreeMemory && action != TpmAction::kRetry) break;
    sleep(pause);
    pause = std::min(pause * 2, kLongestPause);
    result = command();
  }
  return result;
}

}  // namespace

absl::StatusOr<TpmKey> PatientTpm::CreateKey(KeyType type,
                                             const KeyProtection& protection) {
  return Patiently(sleep_, [&] { return inner_->CreateKey(type, protection); });
}

absl::StatusOr<Bytes> PatientTpm::Sign(const TpmKey& key,
                                       SignatureAlgorithm algorithm,
                                       ByteView message) {
  return Patiently(sleep_,
                   [&] { return inner_->Sign(key, algorithm, message); });
}

absl::StatusOr<Secret> PatientTpm::RsaOaepDecrypt(const TpmKey& key,
                                                  ByteView ciphertext) {
  return Patiently(sleep_,
                   [&] { return inner_->RsaOaepDecrypt(key, ciphertext); });
}

absl::StatusOr<SealedBlob> PatientTpm::Seal(const Secret& secret) {
  return Patiently(sleep_, [&] { return inner_->Seal(secret); });
}

absl::StatusOr<Secret> PatientTpm::Unseal(const SealedBlob& blob) {
  return Patiently(sleep_, [&] { return inner_->Unseal(blob); });
}

absl::Status PatientTpm::Check() {
  return Patiently(sleep_, [&] { return inner_->Check(); });
}

absl::Status PatientTpm::CheckKey(const TpmKey& key) {
  return Patiently(sleep_, [&] { return inner_->CheckKey(key); });
}

}  // namespace bestow::server
