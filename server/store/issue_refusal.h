// Why a store refuses to issue, beside its words.
#ifndef SERVER_STORE_ISSUE_REFUSAL_H_
#define SERVER_STORE_ISSUE_REFUSAL_H_

#include <string_view>

#include "absl/status/status.h"

namespace bestow::server {

enum class IssueRefusal {
  kSecret,  // the one-time secret, or the approval, gives nothing (more)
  kCompromisedKey,  // a certificate of this key was revoked because of its key
  kRevoked,         // what is to be renewed, or was approved, is revoked
  kRemoved,         // the identity was removed
};

// kPermissionDenied, with the reason.
absl::Status RefuseIssue(IssueRefusal reason, std::string_view words);
// Of a kPermissionDenied: kSecret where none was said.
IssueRefusal IssueRefusalOf(const absl::Status& status);

}  // namespace bestow::server

#endif  // SERVER_STORE_ISSUE_REFUSAL_H_
