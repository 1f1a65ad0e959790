#include "common/est/transfer_encoding.h"

#include "absl/strings/str_cat.h"
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
  std::string out;
  for (size_t i = 0; i < base64.size(); i += kLineCharacters) {
    absl::StrAppend(&out, std::string_view(base64).substr(i, kLineCharacters),
                    "\n");
  }
  return out;
}

absl::StatusOr<Bytes> DecodeBody(std::string_view text) {
  return DecodeBase64(text);
}

}  // namespace bestow::est
