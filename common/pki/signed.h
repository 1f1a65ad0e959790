// SIGNED{ToBeSigned}, the frame of certificates and CRLs (RFC 5280 4.1.1,
// 5.1.1): what is signed, by which algorithm, the signature.
#ifndef COMMON_PKI_SIGNED_H_
#define COMMON_PKI_SIGNED_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"

namespace bestow {

// Views into the DER that was read.
struct Signed {
  ByteView tbs;        // a SEQUENCE, whole
  ByteView algorithm;  // an AlgorithmIdentifier, whole
  ByteView signature;  // the BIT STRING's content
};

// What is wrong with `der`, in a few words; "" when it is one such frame with
// nothing after it. NOT checked: the signature.
[[nodiscard]] std::string_view ReadSigned(ByteView der, Signed* out);

absl::StatusOr<Bytes> SerializeSignedDer(const Signed& parts);
absl::StatusOr<Bytes> AssembleSignedDer(ByteView tbs_der,
                                        SignatureAlgorithm algorithm,
                                        ByteView signature);

}  // namespace bestow

#endif  // COMMON_PKI_SIGNED_H_
