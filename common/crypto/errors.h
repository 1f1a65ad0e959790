// The one funnel from BoringSSL's error queue to absl::Status.
#ifndef COMMON_CRYPTO_ERRORS_H_
#define COMMON_CRYPTO_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace bestow {

// Drains this thread's error queue into a kInternal (or `code`) status:
// "<what>: <reason>". Never empty, never OK.
absl::Status CryptoError(std::string_view what,
                         absl::StatusCode code = absl::StatusCode::kInternal);

}  // namespace bestow

#endif  // COMMON_CRYPTO_ERRORS_H_
