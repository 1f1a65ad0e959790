// Secrets that must be recoverable (H(A1) of Digest, pre-shared keys), sealed
// under a key of the state folder: AES-256-GCM. Whoever has the database alone,
// a backup say, can't read them; whoever has the whole folder can.
#ifndef SERVER_AUTH_SEALED_SECRET_H_
#define SERVER_AUTH_SEALED_SECRET_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"

namespace bestow::server {

// Immutable, thread-safe.
class SecretSealer {
 public:
  static constexpr size_t kKeyBytes = 32;
  static constexpr size_t kMaxSecretBytes = 4096;

  // Writes a fresh random key to `path` (seal.key), mode 0600. kAlreadyExists
  // when it is there: secrets may be sealed under it.
  static absl::Status CreateKeyFile(const std::string& path);
  // kNotFound when it is not there, kFailedPrecondition when it is no key.
  static absl::StatusOr<std::shared_ptr<const SecretSealer>> Load(
      const std::string& path);
  // For state folders of before there were such keys: makes the file when it
  // is not there. Only one of two processes at once makes it.
  static absl::StatusOr<std::shared_ptr<const SecretSealer>> LoadOrCreate(
      const std::string& path);
  // `key`: kKeyBytes octets, else kInvalidArgument.
  static absl::StatusOr<std::shared_ptr<const SecretSealer>> FromKey(
      const Secret& key);

  // The sealed form opens with the same key and `context` alone, so that what
  // is sealed for one row and purpose is good for no other. kInvalidArgument:
  // longer than kMaxSecretBytes.
  absl::StatusOr<Bytes> Seal(std::string_view context,
                             const Secret& secret) const;
  // kFailedPrecondition: sealed under another key (the seal.key of another
  // folder, or a new one). kDataLoss: not sealed by us for `context`, or
  // changed since.
  absl::StatusOr<Secret> Open(std::string_view context, ByteView sealed) const;

  // Opens what the other seals.
  bool HasSameKeyAs(const SecretSealer& other) const;

 private:
  explicit SecretSealer(Secret key);
  // What is authenticated beside the secret.
  Bytes AdditionalData(std::string_view context) const;

  const Secret key_;
  const Bytes key_id_;
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_SEALED_SECRET_H_
