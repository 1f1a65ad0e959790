#include "common/pki/pem.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/base64.h"

namespace bestow {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr size_t kLineCharacters = 64;

}  // namespace

absl::StatusOr<std::vector<PemBlock>> ParsePem(std::string_view pem,
                                               size_t max_count) {
  std::vector<PemBlock> blocks;
  while (true) {
    const size_t begin = pem.find(kBegin);
    if (begin == std::string_view::npos) return blocks;
    if (blocks.size() == max_count) {
      return absl::InvalidArgumentError(
          absl::StrCat("PEM: more than ", max_count, " blocks"));
    }
    pem.remove_prefix(begin + kBegin.size());
    const size_t label_size = pem.find(kDashes);
    if (label_size == std::string_view::npos ||
        pem.substr(0, label_size).find_first_of("\r\n") !=
            std::string_view::npos) {
      return absl::InvalidArgumentError("PEM: a broken BEGIN line");
    }
    const std::string label(pem.substr(0, label_size));
    pem.remove_prefix(label_size + kDashes.size());
    const std::string closing = absl::StrCat(kEnd, label, kDashes);
    const size_t end = pem.find(closing);
    if (end == std::string_view::npos) {
      return absl::InvalidArgumentError("PEM: a block without its END line");
    }
    absl::StatusOr<Bytes> content = DecodeBase64(pem.substr(0, end));
    if (!content.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("PEM: ", content.status().message()));
    }
    blocks.push_back({label, *std::move(content)});
    pem.remove_prefix(end + closing.size());
  }
}

std::string SerializePem(std::string_view label, ByteView content) {
  const std::string base64 = EncodeBase64(content);
  std::string out = absl::StrCat(kBegin, label, kDashes, "\n");
  for (size_t i = 0; i < base64.size(); i += kLineCharacters) {
    absl::StrAppend(&out, std::string_view(base64).substr(i, kLineCharacters),
                    "\n");
  }
  absl::StrAppend(&out, kEnd, label, kDashes, "\n");
  return out;
}

}  // namespace bestow
