// AsymmetricKeyPackage (RFC 5958 2): id-ct-KP-aKeyPackage,
// 2.16.840.1.101.2.1.2.78.5.
#ifndef COMMON_CMS_KEY_PACKAGE_H_
#define COMMON_CMS_KEY_PACKAGE_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"

namespace bestow::cms {

// With the one key given, a DER PrivateKeyInfo; kInvalidArgument when it is
// none.
absl::StatusOr<Secret> SerializeAsymmetricKeyPackageDer(ByteView pkcs8);

// The PKCS#8 in it. kInvalidArgument: malformed, trailing bytes, or not exactly
// one key. NOT checked: that it is a key of its algorithm.
absl::StatusOr<Secret> ParseAsymmetricKeyPackageDer(ByteView der);

}  // namespace bestow::cms

#endif  // COMMON_CMS_KEY_PACKAGE_H_
