#include "server/admin/revoke_operations.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/pki/crl.h"
#include "common/pki/revocation_reason.h"
#include "server/admin/certificate_json.h"
#include "server/admin/console.h"
#include "server/revocation/crl_series.h"
#include "server/revocation/issuing_key.h"

namespace bestow::server {
namespace {

constexpr size_t kSha256Bytes = 32;
constexpr std::string_view kReasons =
    "unspecified, keyCompromise, affiliationChanged, superseded, "
    "cessationOfOperation, certificateHold, privilegeWithdrawn";

absl::StatusOr<RevocationReason> ReasonArgument(const Json& arguments) {
  const std::string text = TextOf(arguments, "reason");
  if (text.empty()) return RevocationReason::kUnspecified;
  const std::optional<RevocationReason> reason = RevocationReasonFromName(text);
  if (!reason.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--reason=", text, " is none of ", kReasons));
  }
  switch (*reason) {
    case RevocationReason::kRemoveFromCrl:
      return absl::InvalidArgumentError(
          "removeFromCRL is what delta CRLs say of a hold that was lifted: "
          "--release lifts one");
    case RevocationReason::kCaCompromise:
    case RevocationReason::kAaCompromise:
      return absl::InvalidArgumentError(absl::StrCat(
          "--reason=", text,
          " is said of a CA's own certificate (RFC 5280 5.3.1), and this "
          "revokes what a CA issued: keyCompromise may be what is meant"));
    default:
      return *reason;
  }
}

// RFC 5280 5.3.2: when the key was lost, or is thought to have been.
absl::StatusOr<std::optional<absl::Time>> InvalidityArgument(
    const Json& arguments, absl::Time now) {
  const std::string text = TextOf(arguments, "invalidity_date");
  if (text.empty()) return std::nullopt;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--invalidity_date=", text,
                     " is not a time like 2026-11-21T12:00:00Z"));
  }
  if (time > now) {
    return absl::InvalidArgumentError(
        absl::StrCat("--invalidity_date=", text, " is yet to come"));
  }
  if (time < absl::FromUnixSeconds(0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--invalidity_date=", text, " is before any certificate of today"));
  }
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

// What is meant, and how people are told of it.
absl::StatusOr<std::string> WhatIsMeant(const Json& arguments,
                                        RevokeOrder& order) {
  order.identity = TextOf(arguments, "identity");
  absl::StatusOr<Bytes> serial = HexArgument(arguments, "serial");
  if (!serial.ok()) return serial.status();
  order.serial = *std::move(serial);
  absl::StatusOr<Bytes> key = HexArgument(arguments, "key");
  if (!key.ok()) return key.status();
  order.key_sha256 = *std::move(key);
  const int named = !order.identity.empty() + !order.serial.empty() +
                    !order.key_sha256.empty();
  if (named != 1) {
    return absl::InvalidArgumentError(
        "say what is meant by exactly one of --serial (one certificate), "
        "--identity (all that it has) and --key (all of a key, by its SHA-256 "
        "as `certificates list --json` shows it)");
  }
  if (!order.identity.empty()) return absl::StrCat("of ", order.identity);
  if (!order.serial.empty()) {
    return absl::StrCat("with the serial number ", HexText(order.serial));
  }
  if (order.key_sha256.size() != kSha256Bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--key=", HexText(order.key_sha256),
        " is no SHA-256 of a key: that has ", 2 * kSha256Bytes, " digits"));
  }
  return absl::StrCat("of the key ", HexText(order.key_sha256));
}

absl::StatusOr<Json> Revoke(const AdminContext& context,
                            const Json& arguments) {
  const absl::Time now = context.clock.Now();
  RevokeOrder order;
  absl::StatusOr<std::string> meant = WhatIsMeant(arguments, order);
  if (!meant.ok()) return meant.status();
  order.release = IsTrue(arguments, "release");
  if (order.release && (!TextOf(arguments, "reason").empty() ||
                        !TextOf(arguments, "invalidity_date").empty())) {
    return absl::InvalidArgumentError(
        "--release lifts a hold: it takes neither --reason nor "
        "--invalidity_date");
  }
  absl::StatusOr<RevocationReason> reason = ReasonArgument(arguments);
  if (!reason.ok()) return reason.status();
  absl::StatusOr<std::optional<absl::Time>> invalid =
      InvalidityArgument(arguments, now);
  if (!invalid.ok()) return invalid.status();
  order.revocation = {now, *reason, *invalid};
  order.audit = context.Audit(
      order.release ? "release" : "revoke", "", order.identity,
      order.release
          ? *meant
          : absl::StrCat(*meant, ", ", RevocationReasonName(*reason)));
  absl::StatusOr<std::vector<CertificateRecord>> changed =
      context.store.Revoke(order);
  if (!changed.ok()) return changed.status();
  Json rows = Json::array();
  for (const CertificateRecord& record : *changed) {
    rows.push_back(CertificateJson(record, now));
  }
  const std::string count =
      changed->size() == 1 ? std::string("One certificate ")
                           : absl::StrCat(changed->size(), " certificates ");
  Json answer = {{"certificates", std::move(rows)}};
  answer["message"] = absl::StrCat(
      count, *meant,
      order.release ? " released from hold: usable again from now on."
                    : absl::StrCat(" revoked (", RevocationReasonName(*reason),
                                   "): refused by this server from now on."));
  if (context.hooks.publish_crls) {
    context.hooks.publish_crls();
  } else {
    answer["notes"] = Json::array(
        {"no server runs here: it puts this on its CRLs when it starts, or "
         "`bestow-server crl publish` does now"});
  }
  return answer;
}

Json CrlJson(const IssuingKey& key, const StoredCrl& crl) {
  return {{"ca", key.folder},
          {"key", key.is_current ? "current" : "former"},
          {"kind", crl.base_number.has_value() ? "delta" : "full"},
          {"number", absl::StrCat(crl.number)},
          {"this_update", UtcText(crl.this_update)},
          {"next_update", UtcText(crl.next_update)},
          {"key_id", HexText(key.key_id)}};
}

absl::StatusOr<std::shared_ptr<const IssuingKeys>> KeysOf(
    const AdminContext& context) {
  absl::StatusOr<const Snapshot*> snapshot = context.snapshot();
  if (!snapshot.ok()) return snapshot.status();
  return (*snapshot)->issuing_keys;
}

absl::StatusOr<Json> List(const AdminContext& context,
                          const Json& /*arguments*/) {
  absl::StatusOr<std::shared_ptr<const IssuingKeys>> keys = KeysOf(context);
  if (!keys.ok()) return keys.status();
  Json rows = Json::array();
  for (const IssuingKey& key : **keys) {
    for (const bool delta : {false, true}) {
      absl::StatusOr<StoredCrl> crl = context.store.FindCrl(key.key_id, delta);
      if (absl::IsNotFound(crl.status())) continue;
      if (!crl.ok()) return crl.status();
      rows.push_back(CrlJson(key, *crl));
    }
  }
  return Json{{"items", std::move(rows)}};
}

absl::StatusOr<Json> Publish(const AdminContext& context,
                             const Json& /*arguments*/) {
  absl::StatusOr<std::shared_ptr<const IssuingKeys>> keys = KeysOf(context);
  if (!keys.ok()) return keys.status();
  Json rows = Json::array();
  Json notes = Json::array();
  for (const IssuingKey& key : **keys) {
    CrlSeries series(key, context.store);
    absl::StatusOr<absl::Time> next =
        series.Update(context.clock.Now(), /*force=*/true);
    if (!next.ok() && key.is_current) return next.status();
    if (!next.ok()) {
      // A former key may be over; the others' CRLs are no worse for it.
      notes.push_back(absl::StrCat("no CRL of a former key of ", key.folder,
                                   ": ", next.status().message()));
      continue;
    }
    rows.push_back(CrlJson(key, *series.full()));
    if (series.delta() != nullptr) {
      rows.push_back(CrlJson(key, *series.delta()));
    }
  }
  // A running server serves them from now on.
  if (context.hooks.publish_crls) context.hooks.publish_crls();
  return Json{{"items", std::move(rows)}, {"notes", std::move(notes)}};
}

absl::StatusOr<Json> Export(const AdminContext& context,
                            const Json& arguments) {
  absl::StatusOr<std::shared_ptr<const IssuingKeys>> keys = KeysOf(context);
  if (!keys.ok()) return keys.status();
  absl::StatusOr<Bytes> key_id = HexArgument(arguments, "key");
  if (!key_id.ok()) return key_id.status();
  std::string folder = TextOf(arguments, "ca");
  if (folder.empty()) folder = context.config.service.ca;
  const bool delta = IsTrue(arguments, "delta");
  for (const IssuingKey& key : **keys) {
    if (key.folder != folder) continue;
    if (key_id->empty() ? !key.is_current : key.key_id != *key_id) continue;
    absl::StatusOr<StoredCrl> crl = context.store.FindCrl(key.key_id, delta);
    if (absl::IsNotFound(crl.status())) {
      return absl::NotFoundError(absl::StrCat(
          folder, " has no ", delta ? "delta " : "",
          "CRL yet: `bestow-server crl publish` makes one",
          delta ? ", where revocation.delta_interval wants it" : ""));
    }
    if (!crl.ok()) return crl.status();
    Json answer = CrlJson(key, *crl);
    const std::string pem = SerializeCrlPem(crl->der);
    answer["pem"] = pem;
    answer["message"] = absl::StripSuffix(pem, "\n");
    return answer;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no CA that the config names has ",
      key_id->empty()
          ? absl::StrCat("the folder ", folder)
          : absl::StrCat("the key ", HexText(*key_id), " in ", folder),
      ": see `bestow-server crl list`"));
}

}  // namespace

absl::Span<const Operation> RevokeOperations() {
  static constexpr Operation kOperations[] = {{"revoke", Revoke},
                                              {"crl list", List},
                                              {"crl publish", Publish},
                                              {"crl export", Export}};
  return kOperations;
}

}  // namespace bestow::server
