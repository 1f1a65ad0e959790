#include "server/admin/identity_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/admin/console.h"

namespace bestow::server {
namespace {

// No label is a dot alone.
constexpr std::string_view kWithoutLabel = ".";
constexpr size_t kMaxLabels = 64;

std::string_view Shown(std::string_view label) {
  return label.empty() ? kWithoutLabel : label;
}

std::string LabelsOf(const Snapshot& snapshot) {
  return absl::StrJoin(snapshot.services, ", ",
                       [](std::string* out, const auto& entry) {
                         absl::StrAppend(out, Shown(entry.first));
                       });
}

// Adds what `labels` say to `plan`.
absl::Status UseLabels(const Snapshot& snapshot,
                       const std::vector<std::string>& labels,
                       IdentityPlan& plan) {
  for (const std::string& label : labels) {
    const Service* service = snapshot.Find(label);
    if (service == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the config has no label ", label, "; it has: ", LabelsOf(snapshot)));
    }
    absl::Status status = service->policy.CheckIdentity(plan.name);
    if (!status.ok()) return status;
    const std::string& realm = service->config.realm;
    if (std::find(plan.realms.begin(), plan.realms.end(), realm) ==
        plan.realms.end()) {
      plan.realms.push_back(realm);
    }
    if (service->config.auth.digest != DigestOffer::kOff) {
      plan.digest_offered = true;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<IdentityPlan> PlanIdentity(const AdminContext& context,
                                          const Json& arguments) {
  IdentityPlan plan;
  plan.name = TextOf(arguments, "name");
  if (arguments.contains("ra")) plan.options.is_ra = IsTrue(arguments, "ra");
  for (const std::string& label : SplitList(TextOf(arguments, "label"))) {
    plan.options.labels.push_back(label == kWithoutLabel ? "" : label);
  }
  if (plan.options.labels.size() > kMaxLabels) {
    return absl::InvalidArgumentError(
        absl::StrCat("--label: at most ", kMaxLabels, " labels at once"));
  }
  absl::StatusOr<const Snapshot*> snapshot = context.snapshot();
  if (!snapshot.ok()) return snapshot.status();
  absl::Status status = UseLabels(**snapshot, plan.options.labels, plan);
  if (!status.ok()) return status;
  absl::StatusOr<Identity> known = context.store.FindIdentity(plan.name);
  if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  std::vector<std::string> others;
  if (known.ok()) {
    // A label can have left the config since.
    for (const std::string& label : known->labels) {
      if ((*snapshot)->Find(label) != nullptr) others.push_back(label);
    }
  } else if (plan.options.labels.empty()) {
    others.push_back("");
  }
  status = UseLabels(**snapshot, others, plan);
  if (!status.ok()) return status;
  return plan;
}

Json LabelsJson(const std::vector<std::string>& labels) {
  Json out = Json::array();
  for (const std::string& label : labels) out.push_back(label);
  return out;
}

std::string LabelsText(const std::vector<std::string>& labels) {
  return absl::StrJoin(labels, " ",
                       [](std::string* out, const std::string& label) {
                         absl::StrAppend(out, Shown(label));
                       });
}

}  // namespace bestow::server
