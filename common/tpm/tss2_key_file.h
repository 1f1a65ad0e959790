// TSS2 PRIVATE KEY files, which tpm2-openssl and others read.
#ifndef COMMON_TPM_TSS2_KEY_FILE_H_
#define COMMON_TPM_TSS2_KEY_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/tpm/tpm.h"

namespace bestow {

// TPMKey ::= SEQUENCE {
//   type        OBJECT IDENTIFIER,          -- 2.23.133.10.1.3, loadable key,
//                                           -- or .5, sealed data
//   emptyAuth   [0] EXPLICIT BOOLEAN OPTIONAL,
//   policy      [1] EXPLICIT SEQUENCE OF TPMPolicy OPTIONAL,
//   secret      [2] EXPLICIT OCTET STRING OPTIONAL,
//   authPolicy  [3] EXPLICIT SEQUENCE OF TPMAuthPolicy OPTIONAL,
//   description [4] EXPLICIT UTF8String OPTIONAL,
//   rsaParent   [5] EXPLICIT BOOLEAN OPTIONAL,
//   parent      INTEGER,
//   pubkey      OCTET STRING,               -- TPM2B_PUBLIC
//   privkey     OCTET STRING }              -- TPM2B_PRIVATE
//
// Read: keys without a policy, an import secret or a password (emptyAuth TRUE),
// whose public part ParseTpmPublic takes; both blobs' sizes fit. A description
// is skipped. kInvalidArgument otherwise.
absl::StatusOr<TpmKey> ParseTss2KeyDer(ByteView der);
// With emptyAuth, the policy if there is one, and nothing else that is
// optional, as tpm2-openssl does.
absl::StatusOr<Bytes> SerializeTss2KeyDer(const TpmKey& key);

// Sealed data, likewise; its public part passes CheckTpmSealedPublic.
absl::StatusOr<SealedBlob> ParseTss2SealedDer(ByteView der);
absl::StatusOr<Bytes> SerializeTss2SealedDer(const SealedBlob& blob);

// The same and keys with a password (emptyAuth not TRUE: wants_auth) or a PCR
// policy, for who can put the password to them. The policy is PolicyPCR over
// the SHA-256 bank, and then PolicyAuthValue if, and only if, there is a
// password; the public part has its digest.
//
// TPMPolicy ::= SEQUENCE {
//   commandCode   [0] EXPLICIT INTEGER,
//   commandPolicy [1] EXPLICIT OCTET STRING }
absl::StatusOr<TpmKey> ParseProtectedTss2KeyDer(ByteView der);
absl::StatusOr<TpmKey> ParseProtectedTss2KeyPem(std::string_view pem);

// One "TSS2 PRIVATE KEY" PEM block; text around it is ignored, other blocks
// are refused. Keys, not sealed data.
absl::StatusOr<TpmKey> ParseTss2KeyPem(std::string_view pem);
absl::StatusOr<std::string> SerializeTss2KeyPem(const TpmKey& key);

}  // namespace bestow

#endif  // COMMON_TPM_TSS2_KEY_FILE_H_
