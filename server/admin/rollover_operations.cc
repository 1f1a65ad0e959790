#include "server/admin/rollover_operations.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "server/admin/ca_folder.h"
#include "server/admin/console.h"
#include "server/admin/file_swap.h"
#include "server/admin/state_files.h"
#include "server/admin/state_folder.h"
#include "server/ca/ca_key.h"
#include "server/config/duration.h"
#include "server/config/known_names.h"
#include "server/rollover/rollover_folder.h"
#include "server/rollover/rollover_task.h"
#include "server/rollover/successor.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kDefaultIn = absl::Hours(30 * 24);
constexpr absl::Duration kMaxIn = absl::Hours(20 * 366 * 24);
constexpr size_t kPemLine = 64;
constexpr size_t kMaxChain = 10;

struct CaName {
  std::string in_config;  // "ca", "cas/NAME"
  std::string folder;
  CaKeyOptions keys;
};

absl::StatusOr<CaName> NameOf(const RolloverContext& context,
                              const Json& arguments) {
  const std::string name = TextOf(arguments, "name");
  CaName ca;
  ca.in_config = name == "ca" ? name : absl::StrCat("cas/", name);
  if (name != "ca" && !IsCaName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name,
                     "\" is no CA's name: \"ca\", or one of those "
                     "below cas/"));
  }
  ca.folder = FolderOfCa(context.state_dir, ca.in_config);
  if (!PathExists(ca.folder)) {
    return absl::NotFoundError(
        absl::StrCat("there is no CA ", name, ": ", ca.folder));
  }
  absl::StatusOr<CaKeyOptions> keys =
      CaKeyOptionsOf(context.config.ca_keys, StatePaths(context.state_dir));
  if (!keys.ok()) return keys.status();
  ca.keys = *std::move(keys);
  return ca;
}

AuditEntry Audit(const RolloverContext& context, std::string_view action,
                 std::string_view subject, std::string_view detail) {
  AuditEntry entry;
  entry.at = context.clock.Now();
  entry.actor = context.actor;
  entry.source = "local";
  entry.action = std::string(action);
  entry.outcome = "done";
  entry.subject = std::string(subject);
  entry.detail = std::string(detail);
  return entry;
}

std::string RequestPem(ByteView der) {
  const std::string base64 = absl::Base64Escape(AsText(der));
  std::string pem = "-----BEGIN CERTIFICATE REQUEST-----\n";
  for (size_t i = 0; i < base64.size(); i += kPemLine) {
    absl::StrAppend(&pem, base64.substr(i, kPemLine), "\n");
  }
  return pem + "-----END CERTIFICATE REQUEST-----\n";
}

std::string Sha256Hex(const Certificate& certificate) {
  const Sha256Digest digest = Sha256(certificate.der);
  return HexText(ByteView(digest.data(), digest.size()));
}

absl::StatusOr<absl::Duration> DurationArgument(const Json& arguments,
                                                std::string_view name) {
  const std::string text = TextOf(arguments, name);
  const std::optional<absl::Duration> duration = ParseDurationText(text);
  if (!duration.has_value() || *duration > kMaxIn) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", name, "=", text, " is not a duration like 30d or 12h"));
  }
  return *duration;
}

// What was given takes the place of what `plan` says.
absl::Status ReadPlan(const Json& arguments, absl::Time now,
                      RolloverPlan& plan) {
  const std::string at = TextOf(arguments, "switch_at");
  if (!at.empty() && !TextOf(arguments, "in").empty()) {
    return absl::InvalidArgumentError(
        "--in and --switch_at exclude each other");
  }
  if (!at.empty()) {
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, at, &plan.switch_at, &error)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--switch_at=", at, " is not a time like 2027-01-31T00:00:00Z"));
    }
    if (plan.switch_at <= now) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--switch_at=", at, " has passed: `ca switch` switches now"));
    }
    if (plan.switch_at > now + kMaxIn) {
      return absl::InvalidArgumentError(
          absl::StrCat("--switch_at=", at, " is too far off"));
    }
  }
  if (!TextOf(arguments, "in").empty()) {
    absl::StatusOr<absl::Duration> in = DurationArgument(arguments, "in");
    if (!in.ok()) return in.status();
    plan.switch_at = now + *in;
  }
  if (!TextOf(arguments, "renew_within").empty()) {
    absl::StatusOr<absl::Duration> within =
        DurationArgument(arguments, "renew_within");
    if (!within.ok()) return within.status();
    plan.renew_within = *within;
  }
  // Kept to the second.
  if (plan.switch_at != absl::InfiniteFuture()) {
    plan.switch_at = absl::FromUnixSeconds(absl::ToUnixSeconds(plan.switch_at));
  }
  return absl::OkStatus();
}

// The running server takes what lies in the folder now.
absl::Status Reload(const RolloverContext& context) {
  if (!context.reload) return absl::OkStatus();
  absl::Status status = context.reload().status();
  if (status.ok()) return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "it is done on the disk, and the running server could not load it: ",
      status.message(), "\nmend that, then `bestow-server reload`"));
}

absl::Status AuditAndReload(const RolloverContext& context,
                            std::string_view action, const CaName& ca,
                            std::string_view detail) {
  absl::Status status =
      context.store.AppendAndWait(Audit(context, action, ca.in_config, detail));
  if (!status.ok()) return status;
  return Reload(context);
}

absl::StatusOr<NewCaKey> MakeKey(const CaName& name, const CaBundle& ca,
                                 const Json& arguments) {
  const std::string type_name = TextOf(arguments, "key_type");
  absl::StatusOr<KeyType> type =
      type_name.empty() ? KeyTypeOfSpki(ca.authority->certificate().spki)
                        : KeyTypeByName(type_name);
  if (!type.ok()) return type.status();
  const std::string storage_name = TextOf(arguments, "key_storage");
  absl::StatusOr<KeyStorage> storage =
      storage_name.empty() ? CaKeyStorage(SwapPath(name.folder, "ca.key.pem"))
                           : KeyStorageByName(storage_name);
  if (!storage.ok()) return storage.status();
  return MakeCaKey(*type, *storage, name.keys);
}

std::string When(const RolloverPlan& plan) {
  return plan.switch_at == absl::InfiniteFuture()
             ? "`ca switch` makes it issue"
             : absl::StrCat("it issues from ", UtcText(plan.switch_at), " on");
}

absl::StatusOr<Json> Begin(const RolloverContext& context, const CaName& name,
                           const Json& arguments) {
  const CaPaths paths(name.folder);
  const absl::Time now = context.clock.Now();
  absl::StatusOr<CaBundle> ca = LoadCa(name.folder, name.keys);
  if (!ca.ok()) return ca.status();
  NextFiles files;
  files.plan.switch_at = now + kDefaultIn;
  absl::Status status = ReadPlan(arguments, now, files.plan);
  if (!status.ok()) return status;
  if (files.plan.switch_at >= ca->authority->certificate().not_after) {
    return absl::InvalidArgumentError(
        absl::StrCat("the CA's certificate ends before the switch, at ",
                     UtcText(ca->authority->certificate().not_after)));
  }
  absl::StatusOr<NewCaKey> key = MakeKey(name, *ca, arguments);
  if (!key.ok()) return key.status();
  Json answer = {{"ca", name.in_config}};
  std::string message;
  if (ca->chain.size() == 1) {
    absl::StatusOr<Successor> successor =
        MakeSuccessor(*ca, *key->signer, now, absl::ZeroDuration());
    if (!successor.ok()) return successor.status();
    // What could not be loaded is not to be there.
    absl::StatusOr<CaBundle> next =
        MakeCaBundle(successor->chain, successor->rollover, key->signer);
    if (!next.ok()) return next.status();
    status = SetNext(*next, files.plan.switch_at, *ca);
    if (!status.ok()) return status;
    files.chain = successor->chain;
    files.rollover = successor->rollover;
    const std::string sha256 = Sha256Hex(files.chain.front());
    answer["certificate_sha256"] = sha256;
    message = absl::StrCat(
        "The next key of ", name.in_config,
        " is made, to be shown in /cacerts (sha256 of its certificate: ",
        sha256, "); ", When(files.plan), ".");
  } else {
    absl::StatusOr<Bytes> request = MakeSuccessorRequest(*ca, *key->signer);
    if (!request.ok()) return request.status();
    files.request_pem = RequestPem(*request);
    answer["request"] = files.request_pem;
    message = absl::StrCat(
        "Have ", ca->chain[1].subject.ToText(), " sign ", paths.next_folder,
        "/request.pem, then import the certificate with `bestow-server ca "
        "import`: from then on it is shown, and ",
        When(files.plan), ".");
  }
  files.key_pem = std::move(key->pem);
  status = PrepareNext(paths, files);
  if (!status.ok()) return status;
  status = AuditAndReload(context, "ca rollover", name,
                          absl::StrCat("next key prepared, switch at ",
                                       UtcText(files.plan.switch_at)));
  if (!status.ok()) return status;
  answer["switch_at"] = UtcText(files.plan.switch_at);
  answer["message"] = message;
  return answer;
}

// Until when a former key is needed; InfinitePast: it never issued anything
// that lasted.
absl::StatusOr<absl::Time> NeededUntil(const RolloverContext& context,
                                       const CaName& name,
                                       const Certificate& former) {
  const Bytes key_id = former.subject_key_id.empty()
                           ? KeyIdentifier(former.spki)
                           : former.subject_key_id;
  absl::StatusOr<std::optional<absl::Time>> last =
      context.store.LastExpiry(key_id);
  if (!last.ok()) return last.status();
  absl::Time until = last->value_or(absl::InfinitePast());
  // Of `init`'s, and what a restored database does not know.
  const StatePaths paths(context.state_dir);
  absl::StatusOr<std::vector<Certificate>> tls =
      LoadCertificatesPem(SwapPath(paths.tls_folder, "server.pem"), kMaxChain);
  if (!tls.ok()) return tls.status();
  if (tls->front().authority_key_id == key_id) {
    until = std::max(until, tls->front().not_after);
  }
  absl::Duration grace;
  for (const std::string& label : LabelsOf(context.config, name.in_config)) {
    grace =
        std::max(grace, context.config.Find(label)->enrollment.expired_grace);
  }
  return until + grace;
}

}  // namespace

absl::StatusOr<Json> CaRollover(const RolloverContext& context,
                                const Json& arguments) {
  absl::StatusOr<CaName> name = NameOf(context, arguments);
  if (!name.ok()) return name.status();
  const CaPaths paths(name->folder);
  absl::StatusOr<RolloverStatus> rollover = ReadRollover(paths);
  if (!rollover.ok()) return rollover.status();
  if (IsTrue(arguments, "cancel")) {
    absl::Status status = DropNext(paths);
    if (status.ok()) {
      status = AuditAndReload(context, "ca rollover", *name, "given up");
    }
    if (!status.ok()) return status;
    return Json{{"ca", name->in_config},
                {"message", absl::StrCat("The rollover of ", name->in_config,
                                         " is given up.")}};
  }
  if (rollover->stage == RolloverStage::kNone) {
    return Begin(context, *name, arguments);
  }
  RolloverPlan plan = rollover->plan;
  absl::Status status = ReadPlan(arguments, context.clock.Now(), plan);
  if (!status.ok()) return status;
  if (plan == rollover->plan) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a rollover of ", name->in_config, " is under way: ", When(plan),
        ". --switch_at or --in changes that, --cancel gives it up"));
  }
  status = SetPlan(paths, plan);
  if (status.ok()) {
    status = AuditAndReload(
        context, "ca rollover", *name,
        absl::StrCat("switch moved to ", UtcText(plan.switch_at)));
  }
  if (!status.ok()) return status;
  return Json{{"ca", name->in_config},
              {"switch_at", UtcText(plan.switch_at)},
              {"message", absl::StrCat("The next key of ", name->in_config,
                                       ": ", When(plan), ".")}};
}

absl::StatusOr<Json> CaSwitch(const RolloverContext& context,
                              const Json& arguments) {
  absl::StatusOr<CaName> name = NameOf(context, arguments);
  if (!name.ok()) return name.status();
  SwitchOrder order;
  order.name = name->in_config;
  order.folder = name->folder;
  order.labels = LabelsOf(context.config, name->in_config);
  order.actor = context.actor;
  order.load = [&] { return LoadCa(name->folder, name->keys); };
  order.serve = [&](CaBundle) { return Reload(context); };
  absl::Status status = SwitchCa(order, context.clock.Now(), context.store);
  if (!status.ok()) return status;
  return Json{
      {"ca", name->in_config},
      {"message", absl::StrCat(name->in_config,
                               " issues by its new key from now on. The former "
                               "one signs CRLs and OCSP answers until `ca "
                               "retire`.")}};
}

absl::StatusOr<Json> CaRetire(const RolloverContext& context,
                              const Json& arguments) {
  absl::StatusOr<CaName> name = NameOf(context, arguments);
  if (!name.ok()) return name.status();
  const CaPaths paths(name->folder);
  absl::StatusOr<std::vector<int>> numbers = ListFormer(paths);
  if (!numbers.ok()) return numbers.status();
  if (numbers->empty()) {
    return absl::NotFoundError(
        absl::StrCat(name->in_config, " has no former key"));
  }
  absl::StatusOr<RolloverStatus> rollover = ReadRollover(paths);
  if (!rollover.ok()) return rollover.status();
  if (rollover->stage == RolloverStage::kSwitched) {
    return absl::FailedPreconditionError(
        absl::StrCat("the last switch of ", name->in_config,
                     " is not finished: `ca switch` finishes it"));
  }
  const absl::Time now = context.clock.Now();
  Json retired = Json::array();
  std::string kept;
  // The oldest first; links lead from each to the one after it.
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    const std::string folder = absl::StrCat(paths.former_folder, "/", *number);
    absl::StatusOr<std::vector<Certificate>> chain =
        LoadCertificatesPem(CaPaths(folder).certificate, kMaxChain);
    if (!chain.ok()) return chain.status();
    absl::StatusOr<absl::Time> until =
        NeededUntil(context, *name, chain->front());
    if (!until.ok()) return until.status();
    if (*until >= now) {
      kept =
          absl::StrCat("former/", *number, " is needed until ", UtcText(*until),
                       ", when its last certificate is over");
      break;
    }
    absl::Status status = RemoveFormer(paths, *number);
    if (!status.ok()) return status;
    status = context.store.AppendAndWait(
        Audit(context, "ca retire", name->in_config,
              absl::StrCat("former/", *number, ", CA certificate ",
                           chain->front().SerialHex())));
    if (!status.ok()) return status;
    retired.push_back(*number);
  }
  if (retired.empty()) return absl::FailedPreconditionError(kept);
  absl::Status status = Reload(context);
  if (!status.ok()) return status;
  Json answer = {{"ca", name->in_config}, {"retired", retired}};
  answer["message"] =
      absl::StrCat("Removed ", retired.size(), " former key",
                   retired.size() == 1 ? "" : "s", " of ", name->in_config, ".",
                   kept.empty() ? "" : " ", kept, kept.empty() ? "" : ".");
  return answer;
}

}  // namespace bestow::server
