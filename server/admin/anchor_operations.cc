#include "server/admin/anchor_operations.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/certificate.h"
#include "server/admin/console.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxName = 128;

// What is known of an anchor but for its place in the database.
void Describe(ByteView der, Json& row) {
  absl::StatusOr<Certificate> certificate = ParseCertificateDer(der);
  if (!certificate.ok()) return;
  row["subject"] = certificate->subject.ToText();
  row["not_after"] = UtcText(certificate->not_after);
  row["sha256"] = HexText(Sha256(der));
}

absl::StatusOr<Json> List(const AdminContext& context, const Json& arguments) {
  absl::StatusOr<std::vector<TrustAnchorRecord>> anchors =
      context.store.ListTrustAnchors();
  if (!anchors.ok()) return anchors.status();
  const std::optional<std::string> label = LabelArgument(arguments);
  Json rows = Json::array();
  for (const TrustAnchorRecord& anchor : *anchors) {
    if (label.has_value() && anchor.label != *label) continue;
    Json row = {{"id", absl::StrCat(anchor.id)},
                {"label", anchor.label},
                {"name", anchor.name}};
    Describe(anchor.certificate, row);
    row["added_at"] = UtcText(anchor.added_at);
    rows.push_back(std::move(row));
  }
  return Json{{"items", std::move(rows)}};
}

// RFC 5280 6.1.1 (d) takes any self-signed certificate or key; what signs
// devices' certificates is a CA's.
absl::Status CheckAnchor(const Certificate& certificate,
                         const Snapshot& snapshot, absl::Time now) {
  // What this server issues is judged by its records, and never as a
  // manufacturer's, whose devices choose their names.
  for (const auto& [label, service] : snapshot.services) {
    for (const Certificate& own : service.ca_chain) {
      if (own.spki == certificate.spki) {
        return absl::InvalidArgumentError(absl::StrCat(
            certificate.subject.ToText(),
            " is a CA of this server's own, and no manufacturer's"));
      }
    }
  }
  if (!certificate.basic_constraints.has_value() ||
      !certificate.basic_constraints->is_ca) {
    return absl::InvalidArgumentError(absl::StrCat(
        certificate.subject.ToText(),
        " is no CA (its basicConstraints do not say so): give the certificate "
        "of the CA that issued the devices' ones"));
  }
  if (certificate.key_usage.has_value() &&
      (*certificate.key_usage & kKeyCertSign) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(certificate.subject.ToText(),
                     " may not sign certificates (its keyUsage)"));
  }
  if (certificate.not_after <= now) {
    return absl::InvalidArgumentError(
        absl::StrCat(certificate.subject.ToText(), " expired at ",
                     UtcText(certificate.not_after)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> Add(const AdminContext& context, const Json& arguments) {
  TrustAnchorRecord anchor;
  anchor.name = TextOf(arguments, "name");
  if (anchor.name.empty() || anchor.name.size() > kMaxName ||
      !std::all_of(anchor.name.begin(), anchor.name.end(), [](char c) {
        return absl::ascii_isgraph(static_cast<unsigned char>(c));
      })) {
    return absl::InvalidArgumentError(
        absl::StrCat("NAME is for people: 1 to ", kMaxName,
                     " printable ASCII characters without spaces"));
  }
  anchor.label = LabelArgument(arguments).value_or("");
  if (context.config.Find(anchor.label) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the config has no label ", anchor.label));
  }
  absl::StatusOr<std::vector<Certificate>> certificates =
      ParseCertificatesPem(TextOf(arguments, "pem"), 1);
  if (!certificates.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--file must hold one certificate in PEM: ",
                     certificates.status().message()));
  }
  const absl::Time now = context.clock.Now();
  const Certificate& certificate = certificates->front();
  absl::StatusOr<const Snapshot*> snapshot = context.snapshot();
  if (!snapshot.ok()) return snapshot.status();
  absl::Status status = CheckAnchor(certificate, **snapshot, now);
  if (!status.ok()) return status;
  anchor.certificate = certificate.der;
  anchor.added_at = now;
  const std::string fingerprint = HexText(Sha256(certificate.der));
  absl::StatusOr<int64_t> id = context.store.AddTrustAnchor(
      anchor, context.Audit("anchors add", anchor.label, anchor.name,
                            absl::StrCat(certificate.subject.ToText(),
                                         ", SHA-256 ", fingerprint)));
  if (!id.ok()) return id.status();
  if (context.hooks.anchors_changed) context.hooks.anchors_changed();
  Json answer = {{"id", absl::StrCat(*id)},
                 {"label", anchor.label},
                 {"name", anchor.name}};
  Describe(anchor.certificate, answer);
  answer["message"] = absl::StrCat(
      "Devices with a certificate of ", certificate.subject.ToText(),
      " (SHA-256 ", fingerprint, ") may enroll ",
      anchor.label.empty() ? "without a label"
                           : absl::StrCat("at label ", anchor.label),
      " for the first time, where their identity is known or may register.");
  return answer;
}

absl::StatusOr<Json> Remove(const AdminContext& context,
                            const Json& arguments) {
  absl::StatusOr<int64_t> id = IdArgument(arguments, "id", "anchors list");
  if (!id.ok()) return id.status();
  const std::string text = absl::StrCat(*id);
  absl::Status status = context.store.RemoveTrustAnchor(
      *id, context.Audit("anchors remove", "", text, ""));
  if (!status.ok()) return status;
  if (context.hooks.anchors_changed) context.hooks.anchors_changed();
  return Json{{"id", text},
              {"message", absl::StrCat("Trust anchor ", text,
                                       " is trusted no longer. Certificates "
                                       "already issued stay as they are.")}};
}

}  // namespace

absl::Span<const Operation> AnchorOperations() {
  static constexpr Operation kOperations[] = {
      {"anchors list", List}, {"anchors add", Add}, {"anchors remove", Remove}};
  return kOperations;
}

}  // namespace bestow::server
