#include "common/crypto/errors.h"

#include <openssl/err.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace bestow {

absl::Status CryptoError(std::string_view what, absl::StatusCode code) {
  // The oldest entry is the cause; later ones are what came of it.
  std::string reason = "unknown cause";
  bool first = true;
  while (const uint32_t error = ERR_get_error()) {
    const char* text = ERR_reason_error_string(error);
    if (first && text != nullptr) reason = text;
    first = false;
  }
  if (code == absl::StatusCode::kOk) code = absl::StatusCode::kInternal;
  return absl::Status(code, absl::StrCat(what, ": ", reason));
}

}  // namespace bestow
