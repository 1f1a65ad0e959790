#include "server/auth/password.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/crypto/errors.h"

namespace bestow::server {
namespace {

constexpr size_t kSaltBytes = 16;
constexpr size_t kKeyBytes = 32;
constexpr size_t kMaxMemoryBytes = size_t{256} << 20;
constexpr int kMaxLog2N = 20;
constexpr int kMaxR = 32;
constexpr int kMaxP = 16;

std::optional<Bytes> Derive(const Secret& password, std::string_view salt,
                            ScryptCost cost) {
  Bytes key(kKeyBytes);
  const std::string_view text = password.text();
  if (EVP_PBE_scrypt(text.data(), text.size(), AsBytes(salt).data(),
                     salt.size(), uint64_t{1} << cost.log2_n,
                     static_cast<uint64_t>(cost.r),
                     static_cast<uint64_t>(cost.p), kMaxMemoryBytes, key.data(),
                     key.size()) != 1) {
    return std::nullopt;
  }
  return key;
}

std::string Hex(std::string_view bytes) {
  return absl::BytesToHexString(bytes);
}

}  // namespace

absl::StatusOr<std::string> HashPassword(const Secret& password,
                                         ScryptCost cost) {
  std::string salt(kSaltBytes, '\0');
  RAND_bytes(reinterpret_cast<uint8_t*>(salt.data()), salt.size());
  std::optional<Bytes> key = Derive(password, salt, cost);
  if (!key.has_value()) return CryptoError("can't hash a password");
  return absl::StrCat("scrypt$", cost.log2_n, "$", cost.r, "$", cost.p, "$",
                      Hex(salt), "$", Hex(AsText(*key)));
}

bool VerifyPassword(const Secret& password, std::string_view hash) {
  const std::vector<std::string_view> parts = absl::StrSplit(hash, '$');
  ScryptCost cost;
  std::string salt, key;
  if (parts.size() != 6 || parts[0] != "scrypt" ||
      !absl::SimpleAtoi(parts[1], &cost.log2_n) ||
      !absl::SimpleAtoi(parts[2], &cost.r) ||
      !absl::SimpleAtoi(parts[3], &cost.p) || cost.log2_n < 1 ||
      cost.log2_n > kMaxLog2N || cost.r < 1 || cost.r > kMaxR || cost.p < 1 ||
      cost.p > kMaxP || !absl::HexStringToBytes(parts[4], &salt) ||
      !absl::HexStringToBytes(parts[5], &key) || key.size() != kKeyBytes) {
    return false;
  }
  std::optional<Bytes> derived = Derive(password, salt, cost);
  return derived.has_value() && ConstantTimeEquals(*derived, AsBytes(key));
}

Secret GenerateOneTimeSecret() {
  constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  Bytes text(32);
  RAND_bytes(text.data(), text.size());
  for (uint8_t& c : text) c = static_cast<uint8_t>(kAlphabet[c % 32]);
  return Secret(std::move(text));
}

Bytes HashOneTimeSecret(const Secret& secret) {
  Bytes digest(SHA256_DIGEST_LENGTH);
  SHA256(secret.bytes().data(), secret.bytes().size(), digest.data());
  return digest;
}

}  // namespace bestow::server
