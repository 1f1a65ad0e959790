// PKCS#12 files (RFC 7292): a key with its certificates, as others export them.
#ifndef COMMON_PKI_PKCS12_H_
#define COMMON_PKI_PKCS12_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/pki/certificate.h"

namespace bestow {

struct Pkcs12Contents {
  Secret private_key;                     // DER PrivateKeyInfo
  std::vector<Certificate> certificates;  // in the file's order; may be none
};

// OK for a DER PFX of the password-integrity kind whose key derivations, all
// together, stay within kMaxPbkdf2Iterations (pbes2.h). kInvalidArgument:
// malformed, BER that is not DER, over 256 KiB, signed in place of a MAC, more
// than 32 bags, algorithms of encryption that are neither PBES2 (pbes2.h) nor
// PKCS#12's own. No key is derived, nothing decrypted.
absl::Status CheckPkcs12Der(ByteView der);

// As above, and: kPermissionDenied: the passphrase is not that of the MAC;
// kInvalidArgument: no private key in it, or an algorithm that BoringSSL does
// not read. Blocks for the time of the key derivations.
// NOT checked: whether the certificates belong to the key, or to each other.
absl::StatusOr<Pkcs12Contents> ParsePkcs12Der(ByteView der,
                                              const Secret& passphrase);

}  // namespace bestow

#endif  // COMMON_PKI_PKCS12_H_
