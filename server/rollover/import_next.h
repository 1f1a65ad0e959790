// The certificate that a CA's next key was waiting for.
#ifndef SERVER_ROLLOVER_IMPORT_NEXT_H_
#define SERVER_ROLLOVER_IMPORT_NEXT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pki/certificate.h"
#include "server/ca/ca_key.h"

namespace bestow::server {

// `certificates`, in any order: the next key's, its issuers' up to the root,
// and, where the root is another one than today's, the link certificates
// between the two (RFC 4210 4.4). They are shown when the server loads the
// folder, and issue at the plan's date. Returns the chain, the CA's first.
// kFailedPrecondition: no key is waiting in `folder`/next, or the folder can't
// be loaded. kInvalidArgument: as OrderChain(), MakeCaBundle() and SetNext()
// refuse; nothing is written then.
absl::StatusOr<std::vector<Certificate>> ImportIntoNext(
    const std::string& folder, const std::vector<Certificate>& certificates,
    const CaKeyOptions& keys);

}  // namespace bestow::server

#endif  // SERVER_ROLLOVER_IMPORT_NEXT_H_
