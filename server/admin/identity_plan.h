// What an operator says of an identity, checked against the config.
#ifndef SERVER_ADMIN_IDENTITY_PLAN_H_
#define SERVER_ADMIN_IDENTITY_PLAN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/admin/operation.h"

namespace bestow::server {

struct IdentityPlan {
  std::string name;
  IdentityOptions options;
  std::vector<std::string> realms;  // of the labels that it is good for
  bool digest_offered = false;      // by one of them
};

// Of the arguments "name", "label" (names separated by commas; "." is the
// service without one) and "ra". kInvalidArgument: a name that can't be, a
// label that the config doesn't have; kPermissionDenied: a name that one of the
// labels gives to nobody.
absl::StatusOr<IdentityPlan> PlanIdentity(const AdminContext& context,
                                          const Json& arguments);

// ["", "plant"] as JSON; ". plant" for the audit log.
Json LabelsJson(const std::vector<std::string>& labels);
std::string LabelsText(const std::vector<std::string>& labels);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_IDENTITY_PLAN_H_
