#include "server/rollover/rollover_task.h"

#include <algorithm>
#include <utility>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "server/admin/ca_folder.h"
#include "server/rollover/rollover_folder.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kRetry = absl::Minutes(1);

AuditEntry Audit(const SwitchOrder& order, absl::Time now, std::string action,
                 std::string outcome, std::string detail) {
  AuditEntry entry;
  entry.at = now;
  entry.actor = order.actor;
  entry.source = "local";
  entry.action = std::move(action);
  entry.outcome = std::move(outcome);
  entry.subject = order.name;
  entry.detail = std::move(detail);
  return entry;
}

absl::Status SwitchOnDisk(const SwitchOrder& order, const CaPaths& paths,
                          const RolloverStatus& rollover, absl::Time now) {
  if (rollover.stage == RolloverStage::kSwitched) return absl::OkStatus();
  if (rollover.stage != RolloverStage::kAhead) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.folder, " has no next key with a certificate"));
  }
  const Certificate& next = *rollover.next;
  if (now < next.not_before || now >= next.not_after) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate of the next key, in ", paths.next_folder,
                     ", is not valid now"));
  }
  // The last look at whether all of it fits together.
  absl::StatusOr<CaBundle> ca = order.load();
  if (!ca.ok()) return ca.status();
  return SwitchToNext(paths, next);
}

absl::Status AskToRenew(const SwitchOrder& order, const RolloverPlan& plan,
                        absl::Time now, Store& store) {
  if (plan.renew_within <= absl::ZeroDuration()) return absl::OkStatus();
  for (const std::string& label : order.labels) {
    RenewalOrder renewal;
    renewal.label = label;
    renewal.issued_before = now;
    renewal.window_start = now;
    renewal.window_end = now + plan.renew_within;
    renewal.created_at = now;
    AuditEntry audit =
        Audit(order, now, "renewals add", "done", "for a rollover");
    audit.label = label;
    absl::Status status = store.AddRenewalOrder(renewal, audit).status();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> LabelsOf(const Config& config, std::string_view ca) {
  std::vector<std::string> labels;
  if (config.service.signing_ca() == ca) labels.push_back("");
  for (const ServiceConfig& label : config.labels) {
    if (label.signing_ca() == ca) labels.push_back(label.label);
  }
  return labels;
}

absl::Status SwitchCa(const SwitchOrder& order, absl::Time now, Store& store) {
  const CaPaths paths(order.folder);
  absl::StatusOr<RolloverStatus> rollover = ReadRollover(paths);
  if (!rollover.ok()) return rollover.status();
  absl::Status status = SwitchOnDisk(order, paths, *rollover, now);
  if (!status.ok()) return status;
  absl::StatusOr<CaBundle> ca = order.load();
  if (!ca.ok()) return ca.status();
  const std::string serial = ca->authority->certificate().SerialHex();
  if (order.serve != nullptr) status = order.serve(*std::move(ca));
  if (status.ok()) status = AskToRenew(order, rollover->plan, now, store);
  // Before what tells that it is done: an entry twice is better than none.
  if (status.ok()) {
    status = store.AppendAndWait(
        Audit(order, now, "ca switch", "done",
              absl::StrCat("issues by the CA certificate ", serial)));
  }
  if (status.ok()) status = FinishRollover(paths);
  return status;
}

absl::StatusOr<absl::Time> RolloverTask::Step(const std::string& name,
                                              const ServerState& state,
                                              absl::Time now) {
  const CaPaths paths(FolderOfCa(options_.state_folder, name));
  absl::StatusOr<RolloverStatus> rollover = ReadRollover(paths);
  if (!rollover.ok()) return rollover.status();
  switch (rollover->stage) {
    case RolloverStage::kNone:
    case RolloverStage::kWaiting: {
      // What a crash may have left behind the last step.
      absl::Status status = FinishRollover(paths);
      if (!status.ok()) return status;
      return absl::InfiniteFuture();
    }
    case RolloverStage::kAhead:
      if (now < rollover->plan.switch_at) return rollover->plan.switch_at;
      break;
    case RolloverStage::kSwitched:
      break;
  }
  SwitchOrder order;
  order.name = name;
  order.folder = paths.folder;
  order.labels = LabelsOf(state.config, name);
  order.actor = "server";
  order.load = [&] { return options_.load(name); };
  order.serve = [&](CaBundle ca) {
    return options_.serve(name, std::move(ca));
  };
  absl::Status status = SwitchCa(order, now, *options_.store);
  if (!status.ok()) return status;
  LOG(INFO) << name << " issues by its next key from now on; the former one "
            << "signs CRLs and OCSP answers until it is retired";
  return absl::InfiniteFuture();
}

absl::Time RolloverTask::Run(absl::Time now) {
  const std::shared_ptr<const ServerState> state = options_.state();
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [name, ca] : state->materials.cas) {
    absl::StatusOr<absl::Time> due = Step(name, *state, now);
    if (!due.ok()) {
      LOG(ERROR) << name
                 << ": its rollover can't go on: " << due.status().message()
                 << "; tried again in " << kRetry;
      due = now + kRetry;
    }
    next = std::min(next, *due);
  }
  return next;
}

}  // namespace bestow::server
