#include "common/est/transfer_encoding.h"

#include "absl/strings/str_cat.h"
#include "common/base/secret.h"
#include "common/crypto/base64.h"

namespace bestow::est {
namespace {

constexpr size_t kMaxOneLineCharacters = 1000;
constexpr size_t kLineCharacters = 64;

}  // namespace

std::string EncodeBody(ByteView der, LineWrap wrap) {
  std::string base64 = EncodeBase64(der);
  const bool is_wrapped =
      wrap == LineWrap::kAlways ||
      (wrap == LineWrap::kAuto && base64.size() > kMaxOneLineCharacters);
  if (!is_wrapped) {
    base64.push_back('\n');
    return base64;
  }
  // It may be a private key: one buffer, and none left behind.
  std::string out;
  out.reserve(base64.size() + base64.size() / kLineCharacters + 1);
  for (size_t i = 0; i < base64.size(); i += kLineCharacters) {
    absl::StrAppend(&out, std::string_view(base64).substr(i, kLineCharacters),
                    "\n");
  }
  Cleanse(base64.data(), base64.size());
  return out;
}

absl::StatusOr<Bytes> DecodeBody(std::string_view text) {
  return DecodeBase64(text);
}

}  // namespace bestow::est
