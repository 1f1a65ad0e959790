// What the files of EsysSession share.
#ifndef COMMON_TPM_ESYS_INTERNAL_H_
#define COMMON_TPM_ESYS_INTERNAL_H_

#include <tss2/tss2_esys.h>

#include <cstring>
#include <memory>

namespace bestow {

template <typename T>
struct EsysFree {
  void operator()(T* value) const { Esys_Free(value); }
};
template <typename T>
using UniqueEsys = std::unique_ptr<T, EsysFree<T>>;

// No authorization value and no data: the TPM makes the key itself.
inline TPM2B_SENSITIVE_CREATE NoSensitive() {
  TPM2B_SENSITIVE_CREATE out;
  std::memset(&out, 0, sizeof(out));
  return out;
}

inline constexpr TPM2B_DATA kNoOutsideInfo = {};
inline constexpr TPML_PCR_SELECTION kNoPcrs = {};

}  // namespace bestow

#endif  // COMMON_TPM_ESYS_INTERNAL_H_
