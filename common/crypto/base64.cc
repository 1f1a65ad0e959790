#include "common/crypto/base64.h"

#include <openssl/base64.h>
#include <openssl/err.h>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "common/base/secret.h"

namespace bestow {
namespace {

// `packed`: without white space.
absl::StatusOr<Bytes> DecodePacked(std::string_view packed) {
  size_t size = 0;
  if (!EVP_DecodedLength(&size, packed.size())) {
    ERR_clear_error();
    return absl::InvalidArgumentError("base64 is cut off or not padded");
  }
  Bytes out(size);
  if (!EVP_DecodeBase64(out.data(), &size, out.size(),
                        reinterpret_cast<const uint8_t*>(packed.data()),
                        packed.size())) {
    ERR_clear_error();
    Cleanse(out.data(), out.size());
    return absl::InvalidArgumentError("not base64");
  }
  out.resize(size);
  // BoringSSL looks away when pad bits are set; the last group tells.
  const size_t tail_size = size % 3;
  if (tail_size != 0 && EncodeBase64(ByteView(out).last(tail_size)) !=
                            packed.substr(packed.size() - 4)) {
    Cleanse(out.data(), out.size());
    return absl::InvalidArgumentError("base64's pad bits are not zero");
  }
  return out;
}

}  // namespace

std::string EncodeBase64(ByteView data) {
  size_t size = 0;
  CHECK(EVP_EncodedLength(&size, data.size()));
  std::string out(size, '\0');
  out.resize(EVP_EncodeBlock(reinterpret_cast<uint8_t*>(out.data()),
                             data.data(), data.size()));
  return out;
}

absl::StatusOr<Bytes> DecodeBase64(std::string_view text) {
  std::string packed;
  packed.reserve(text.size());
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') packed.push_back(c);
  }
  absl::StatusOr<Bytes> out = DecodePacked(packed);
  Cleanse(packed.data(), packed.size());  // it may be a private key
  return out;
}

}  // namespace bestow
