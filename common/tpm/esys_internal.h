// What the files of EsysSession share.
#ifndef COMMON_TPM_ESYS_INTERNAL_H_
#define COMMON_TPM_ESYS_INTERNAL_H_

#include <tss2/tss2_esys.h>

#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/tpm/errors.h"

namespace bestow {

// ESYS itself submits a command up to five times on TPM_RC_RETRY; a chip in
// its self-test or writing flash needs longer.
inline constexpr int kMaxAttempts = 6;
inline constexpr absl::Duration kFirstPause = absl::Milliseconds(20);

template <typename Command>
TSS2_RC WithRetry(const Command& command) {
  absl::Duration pause = kFirstPause;
  TSS2_RC rc = command();
  for (int attempt = 1; attempt < kMaxAttempts && rc != TSS2_RC_SUCCESS &&
                        TpmActionForCode(rc) == TpmAction::kRetry;
       ++attempt) {
    absl::SleepFor(pause);
    pause *= 2;
    rc = command();
  }
  return rc;
}

template <typename T>
struct EsysFree {
  void operator()(T* value) const { Esys_Free(value); }
};
template <typename T>
using UniqueEsys = std::unique_ptr<T, EsysFree<T>>;

}  // namespace bestow

#endif  // COMMON_TPM_ESYS_INTERNAL_H_
