#include "server/audit/serving_entry.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"

namespace bestow::server {
namespace {

// Enough to tell two certificates apart; the log's lines are limited.
std::string Fingerprint(const Certificate& certificate) {
  constexpr size_t kOctets = 8;
  const Sha256Digest digest = Sha256(certificate.der);
  return absl::BytesToHexString(AsText(ByteView(digest).first(kOctets)));
}

}  // namespace

AuditEntry ServingEntry(std::string_view action, absl::Time now,
                        const Snapshot::Materials& materials,
                        std::string_view actor, std::string_view changes) {
  AuditEntry entry;
  entry.at = now;
  entry.actor = std::string(actor);
  entry.source = "local";
  entry.action = std::string(action);
  entry.outcome = "done";
  entry.detail =
      absl::StrCat(changes, changes.empty() ? "" : "; ", "TLS certificate ",
                   Fingerprint(materials.tls_certificate), " until ",
                   absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                                    materials.tls_certificate.not_after,
                                    absl::UTCTimeZone()));
  for (const auto& [folder, ca] : materials.cas) {
    const Certificate& certificate = ca.authority->certificate();
    absl::StrAppend(&entry.detail, "; ", folder, ": ", Fingerprint(certificate),
                    " ", certificate.subject.ToText());
  }
  return entry;
}

}  // namespace bestow::server
