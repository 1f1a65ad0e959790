#include "server/auth/digest_nonces.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"

namespace bestow::server {
namespace {

std::shared_ptr<const Secret> RandomKey() {
  Bytes key(DigestNonces::kKeyBytes);
  RAND_bytes(key.data(), key.size());
  return std::make_shared<const Secret>(std::move(key));
}

}  // namespace

DigestNonces::DigestNonces(const Options& options)
    : options_(options),
      key_(options.key != nullptr ? options.key : RandomKey()) {}

std::array<uint8_t, DigestNonces::kMacBytes> DigestNonces::MacOf(
    const Id& id, std::string_view scope) const {
  // The id has a fixed length: no two inputs run together.
  Bytes input(id.begin(), id.end());
  input.insert(input.end(), scope.begin(), scope.end());
  std::array<uint8_t, kMacBytes> mac;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key_->bytes().data(), key_->bytes().size(), input.data(),
       input.size(), mac.data(), &size);
  return mac;
}

std::string DigestNonces::Make(std::string_view scope, absl::Time now) const {
  Id id;
  // Big-endian, so that ids sort by time. Never negative for a real clock.
  const uint64_t micros = static_cast<uint64_t>(absl::ToUnixMicros(now));
  for (size_t i = 0; i < kTimeBytes; ++i) {
    id[i] = static_cast<uint8_t>(micros >> (8 * (kTimeBytes - 1 - i)));
  }
  RAND_bytes(id.data() + kTimeBytes, kRandomBytes);
  const std::array<uint8_t, kMacBytes> mac = MacOf(id, scope);
  std::string nonce;
  absl::WebSafeBase64Escape(absl::StrCat(AsText(id), AsText(mac)), &nonce);
  return nonce;
}

std::optional<NonceUse> DigestNonces::Recognize(std::string_view nonce,
                                                std::string_view scope,
                                                uint32_t nc,
                                                absl::Duration lifetime,
                                                absl::Time now) const {
  std::string octets;
  if (nonce.size() > 2 * (sizeof(Id) + kMacBytes) ||
      !absl::WebSafeBase64Unescape(nonce, &octets) ||
      octets.size() != sizeof(Id) + kMacBytes) {
    return std::nullopt;
  }
  const ByteView bytes = AsBytes(octets);
  Id id;
  std::copy_n(bytes.begin(), id.size(), id.begin());
  if (!ConstantTimeEquals(bytes.subspan(id.size()), MacOf(id, scope))) {
    return std::nullopt;
  }
  uint64_t micros = 0;
  for (size_t i = 0; i < kTimeBytes; ++i) micros = micros << 8 | id[i];
  const absl::Time made_at = absl::FromUnixMicros(static_cast<int64_t>(micros));
  // The clock may have been set back: not for ever what the future made.
  if (now - made_at > lifetime || made_at - now > lifetime) return std::nullopt;
  return NonceUse{Bytes(id.begin(), id.end()), nc, now,
                  std::max(now, made_at) + lifetime};
}

bool DigestNonces::Use(std::string_view nonce, std::string_view scope,
                       uint32_t nc, absl::Duration lifetime, absl::Time now) {
  const std::optional<NonceUse> use =
      Recognize(nonce, scope, nc, lifetime, now);
  if (!use.has_value()) return false;
  Id id;
  std::copy_n(use->id.begin(), id.size(), id.begin());
  std::lock_guard<std::mutex> lock(mutex_);
  if (id <= forgotten_) return false;
  if (used_.size() >= options_.max_used && used_.count(id) == 0) {
    const auto oldest = used_.begin();
    if (id < oldest->first) {
      forgotten_ = id;
      return false;
    }
    forgotten_ = oldest->first;
    used_.erase(oldest);
  }
  return used_[id].Take(nc);
}

}  // namespace bestow::server
