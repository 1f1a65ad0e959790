// A CA's next key: its certificate, or the request for one, and the link
// certificates between the two keys (RFC 4210 4.4).
#ifndef SERVER_ROLLOVER_SUCCESSOR_H_
#define SERVER_ROLLOVER_SUCCESSOR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "server/ca/ca_bundle.h"

namespace bestow::server {

struct Successor {
  std::vector<Certificate> chain;  // NewWithNew
  // OldWithOld, OldWithNew, NewWithOld: rollover.pem of the new key's folder.
  std::vector<Certificate> rollover;
};

// Of a self-signed root that issues: the same name, rights and constraints for
// `key`, valid for `validity` (zero: as long as the present one is). Waits for
// both signers. kFailedPrecondition: `ca` is below another CA, whose word it
// needs (MakeSuccessorRequest()), or its certificate is not valid at `now`.
// kInvalidArgument: `key` is one that the CA has or had.
absl::StatusOr<Successor> MakeSuccessor(const CaBundle& ca, Signer& key,
                                        absl::Time now,
                                        absl::Duration validity);

// A PKCS #10 request (DER) for `key` under the CA's name, that asks for the
// rights which the present certificate has. Waits for the signer.
absl::StatusOr<Bytes> MakeSuccessorRequest(const CaBundle& ca, Signer& key);

}  // namespace bestow::server

#endif  // SERVER_ROLLOVER_SUCCESSOR_H_
