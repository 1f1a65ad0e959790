#include "server/admin/identity_operations.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/admin/certificate_json.h"
#include "server/admin/console.h"
#include "server/admin/identity_plan.h"

namespace bestow::server {
namespace {

Json JsonOf(const Identity& identity) {
  return {{"name", identity.name},
          {"labels", LabelsJson(identity.labels)},
          {"ra", identity.is_ra},
          {"password", !identity.password_hash.empty()},
          {"created_at", UtcText(identity.created_at)}};
}

absl::StatusOr<Json> List(const AdminContext& context, const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<std::vector<Identity>> identities =
      context.store.ListIdentities(*page);
  if (!identities.ok()) return identities.status();
  Json rows = Json::array();
  int64_t last = 0;
  for (const Identity& identity : *identities) {
    rows.push_back(JsonOf(identity));
    last = identity.id;
  }
  return PageAnswer(std::move(rows), last, *page);
}

absl::StatusOr<Json> Show(const AdminContext& context, const Json& arguments) {
  const std::string name = TextOf(arguments, "name");
  absl::StatusOr<Identity> identity = context.store.FindIdentity(name);
  if (absl::IsNotFound(identity.status())) {
    return absl::NotFoundError(
        absl::StrCat("there is no identity ", name,
                     ": see `bestow-server identities list`"));
  }
  if (!identity.ok()) return identity.status();
  CertificateFilter filter;
  filter.identity = name;
  filter.now = context.clock.Now();
  filter.state = CertificateState::kValid;
  absl::StatusOr<std::vector<CertificateRecord>> certificates =
      context.store.ListCertificates(filter, {});
  if (!certificates.ok()) return certificates.status();
  Json answer = JsonOf(*identity);
  Json rows = Json::array();
  for (const CertificateRecord& record : *certificates) {
    rows.push_back({{"serial", HexText(record.serial)},
                    {"label", record.label},
                    {"not_after", UtcText(record.not_after)}});
  }
  answer["valid_certificates"] = std::move(rows);
  return answer;
}

absl::StatusOr<Json> Add(const AdminContext& context, const Json& arguments) {
  absl::StatusOr<IdentityPlan> plan = PlanIdentity(context, arguments);
  if (!plan.ok()) return plan.status();
  const std::string& name = plan->name;
  absl::Status status = context.store.AddIdentity(
      name, plan->options, context.clock.Now(),
      context.Audit(
          "identities add", "", name,
          absl::StrCat("labels added: ", LabelsText(plan->options.labels),
                       plan->options.is_ra.has_value()
                           ? *plan->options.is_ra ? "; ra" : "; no ra"
                           : "")));
  if (!status.ok()) return status;
  absl::StatusOr<Identity> made = context.store.FindIdentity(name);
  if (!made.ok()) return made.status();
  Json answer = JsonOf(*made);
  answer["message"] = absl::StrCat(
      "Identity ", name, " is good for: ",
      absl::StrJoin(made->labels, ", ",
                    [](std::string* out, const std::string& label) {
                      absl::StrAppend(out, label.empty() ? "." : label);
                    }),
      made->is_ra ? "; it is a registration authority" : "", ".");
  return answer;
}

absl::StatusOr<Json> Remove(const AdminContext& context,
                            const Json& arguments) {
  const std::string name = TextOf(arguments, "name");
  absl::Status status = context.store.RemoveIdentity(
      name, context.clock.Now(),
      context.Audit("identities remove", "", name, ""));
  if (absl::IsFailedPrecondition(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat(status.message(), ": revoke them first, by ",
                     "`bestow-server revoke --identity=", name, "`"));
  }
  if (!status.ok()) return status;
  return Json{{"name", name},
              {"message", absl::StrCat("Identity ", name,
                                       " is removed, with all that it "
                                       "authenticated with.")}};
}

}  // namespace

absl::Span<const Operation> IdentityOperations() {
  static constexpr Operation kOperations[] = {{"identities list", List},
                                              {"identities show", Show},
                                              {"identities add", Add},
                                              {"identities remove", Remove}};
  return kOperations;
}

}  // namespace bestow::server
