// What Pkcs10Request and Pkcs10Template say in attributes; private to pkcs10.
#ifndef COMMON_PKI_PKCS10_ATTRIBUTES_H_
#define COMMON_PKI_PKCS10_ATTRIBUTES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/pki/attribute.h"
#include "common/pki/pkcs10.h"

namespace bestow {

// Fills in the member of `request` that `attribute` is for, if there is one.
// kInvalidArgument, of the attribute's name, when its value is malformed.
absl::Status DecodeAttribute(const CsrAttribute& attribute,
                             Pkcs10Request* request);

// All attributes of a request, unsorted.
absl::StatusOr<std::vector<CsrAttribute>> EncodeAttributes(
    const Pkcs10Template& wanted);

}  // namespace bestow

#endif  // COMMON_PKI_PKCS10_ATTRIBUTES_H_
