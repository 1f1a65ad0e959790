#include "server/admin/certificate_json.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/console.h"
#include "server/config/duration.h"

namespace bestow::server {

std::string_view StateOf(const CertificateRecord& record, absl::Time now) {
  if (record.revocation.has_value()) return "revoked";
  return record.not_after <= now ? "expired" : "valid";
}

Json CertificateJson(const CertificateRecord& record, absl::Time now) {
  Json out = {{"serial", HexText(record.serial)},
              {"identity", record.identity},
              {"label", record.label},
              {"state", StateOf(record, now)},
              {"subject", record.subject},
              {"not_before", UtcText(record.not_before)},
              {"not_after", UtcText(record.not_after)},
              {"issued_at", UtcText(record.issued_at)},
              {"operation", record.operation},
              {"key_sha256", HexText(record.key_sha256)},
              {"issuer_key_id", HexText(record.issuer_key_id)},
              {"server_key", record.server_key}};
  if (record.revocation.has_value()) {
    out["revoked_at"] = UtcText(record.revocation->at);
    out["reason"] = RevocationReasonName(record.revocation->reason);
    if (record.revocation->invalidity_date.has_value()) {
      out["invalidity_date"] = UtcText(*record.revocation->invalidity_date);
    }
  }
  return out;
}

absl::StatusOr<CertificateFilter> CertificateFilterOf(const Json& arguments,
                                                      absl::Time now) {
  CertificateFilter filter;
  filter.now = now;
  if (std::string identity = TextOf(arguments, "identity"); !identity.empty()) {
    filter.identity = std::move(identity);
  }
  filter.label = LabelArgument(arguments);
  absl::StatusOr<Bytes> serial = HexArgument(arguments, "serial");
  if (!serial.ok()) return serial.status();
  filter.serial_prefix = *std::move(serial);
  const std::string state = TextOf(arguments, "state");
  if (state == "valid") {
    filter.state = CertificateState::kValid;
  } else if (state == "expired") {
    filter.state = CertificateState::kExpired;
  } else if (state == "revoked") {
    filter.state = CertificateState::kRevoked;
  } else if (!state.empty() && state != "any") {
    return absl::InvalidArgumentError(absl::StrCat(
        "--state=", state, " is none of valid, expired, revoked, any"));
  }
  const std::string expiring = TextOf(arguments, "expiring");
  if (!expiring.empty()) {
    const std::optional<absl::Duration> within = ParseDurationText(expiring);
    if (!within.has_value() || *within <= absl::ZeroDuration()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--expiring=", expiring, " is not a duration like 30d, 12h or 30m"));
    }
    if (!state.empty() && filter.state != CertificateState::kValid) {
      return absl::InvalidArgumentError(
          "--expiring is for valid certificates: leave --state out");
    }
    filter.state = CertificateState::kValid;
    filter.expires_before = now + *within;
  }
  return filter;
}

}  // namespace bestow::server
