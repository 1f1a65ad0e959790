// AlgorithmIdentifiers and SubjectPublicKeyInfo, which both requests and
// certificates carry (RFC 5280 4.1.1.2, 4.1.2.7).
#ifndef COMMON_PKI_ALGORITHM_H_
#define COMMON_PKI_ALGORITHM_H_

#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {

// One AlgorithmIdentifier, whole: SEQUENCE { OID, ANY OPTIONAL }.
[[nodiscard]] bool ExpectAlgorithmIdentifier(der::Reader* reader,
                                             ByteView* element);

// One SubjectPublicKeyInfo, whole. The key in it is not looked at.
[[nodiscard]] bool ExpectSubjectPublicKeyInfo(der::Reader* reader,
                                              ByteView* element);

// The AlgorithmIdentifier of a signature by `algorithm`.
void AddSignatureAlgorithm(der::Writer& writer, SignatureAlgorithm algorithm);

}  // namespace bestow

#endif  // COMMON_PKI_ALGORITHM_H_
