// The ChangeSubjectName attribute of a request: the names wanted in place of
// those of the certificate that is renewed (RFC 6402 2.8, RFC 7030 4.2.2).
#ifndef COMMON_PKI_CHANGE_SUBJECT_NAME_H_
#define COMMON_PKI_CHANGE_SUBJECT_NAME_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/pki/name.h"

namespace bestow {

// A field that is left out deletes: no subject is the empty subject, no SANs
// take the certificate's subjectAltName away (RFC 6402 2.8). At least one of
// the two is there.
struct ChangeSubjectName {
  std::optional<Name> subject;
  std::vector<GeneralName> sans;  // empty: left out
  bool operator==(const ChangeSubjectName&) const = default;
};

// The attribute's value. kInvalidArgument: not one DER SEQUENCE of the two,
// neither of them, names that Name and ParseGeneralNamesDer do not take.
absl::StatusOr<ChangeSubjectName> ParseChangeSubjectNameDer(ByteView der);
// kInvalidArgument with neither; equal to whatever ParseChangeSubjectNameDer
// took.
absl::StatusOr<Bytes> SerializeChangeSubjectNameDer(
    const ChangeSubjectName& change);

}  // namespace bestow

#endif  // COMMON_PKI_CHANGE_SUBJECT_NAME_H_
