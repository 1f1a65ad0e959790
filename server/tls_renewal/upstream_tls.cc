#include "server/tls_renewal/upstream_tls.h"

#include <algorithm>
#include <vector>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file.h"
#include "common/pki/path.h"
#include "server/admin/state_files.h"
#include "server/admin/tls_files.h"
#include "server/ca/certificate_authority.h"
#include "server/upstream/upstream_files.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kAuditInterval = absl::Hours(1);
// Of a certificate's time: what is left is short.
constexpr double kLittle = 0.1;

std::string Utc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

bool Verifies(const OwnCredential& credential, const Trust& trust,
              PathPurpose purpose, absl::Time now) {
  if (trust.anchors == nullptr) return false;
  const std::vector<Certificate> others(credential.chain.begin() + 1,
                                        credential.chain.end());
  return trust.anchors->Verify(credential.chain.front(), others, purpose, now)
      .ok();
}

void AppendRoot(const Trust& trust, std::vector<Certificate>& chain) {
  const Certificate& last = chain.back();
  for (const Certificate& anchor : trust.anchors->certificates()) {
    if (anchor.subject == last.issuer &&
        (last.authority_key_id.empty() || anchor.subject_key_id.empty() ||
         anchor.subject_key_id == last.authority_key_id)) {
      if (anchor != last) chain.push_back(anchor);
      return;
    }
  }
}

}  // namespace

absl::StatusOr<OwnCredential> UpstreamTls::Load() const {
  absl::StatusOr<StoredTls> stored = LoadTlsFiles(options_.tls_folder);
  if (!stored.ok()) return stored.status();
  return OwnCredential{std::move(stored->key), std::move(stored->chain)};
}

absl::Status UpstreamTls::Save(const OwnCredential& credential) {
  absl::StatusOr<Secret> key_pem = credential.key->ToPkcs8Pem();
  if (!key_pem.ok()) return key_pem.status();
  absl::Status status =
      RecordTls(*options_.store, credential.chain.front(),
                absl::StrCat("got its own certificate from ",
                             options_.wish.config.upstream.server.ToText()),
                options_.clock->Now());
  if (status.ok()) status = MakeDirectory(options_.tls_folder, kFolderMode);
  if (status.ok()) {
    status = ReplaceTlsFiles(options_.tls_folder, *key_pem, credential.chain);
  }
  if (!status.ok()) return status;
  audited_.clear();
  return options_.serve(TlsFiles{credential.chain, credential.key});
}

bool UpstreamTls::IsUsable(const OwnCredential& present, const Trust& trust,
                           absl::Time now) const {
  return Verifies(present, trust, PathPurpose::kTlsServer, now);
}

bool UpstreamTls::CanRenew(const OwnCredential& present, const Trust& trust,
                           absl::Time now) const {
  return Verifies(present, trust, PathPurpose::kTlsClient, now);
}

bool UpstreamTls::WantsOtherNames(const Certificate& present) const {
  const std::vector<std::string>& names = options_.wish.hostnames;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return !MatchesHost(present, name);
  });
}

absl::Status UpstreamTls::SetNames(Pkcs10Template& wanted) const {
  absl::StatusOr<Name> subject =
      Name::FromCommonName(options_.wish.config.upstream.username);
  if (!subject.ok()) return subject.status();
  absl::StatusOr<SubscriberContents> contents =
      TlsServerContents(options_.wish.hostnames, absl::ZeroDuration());
  if (!contents.ok()) return contents.status();
  wanted.subject = *std::move(subject);
  wanted.sans = std::move(contents->sans);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TlsCredential>> UpstreamTls::Introducer() const {
  const std::string& folder = options_.wish.config.introducer_folder;
  if (folder.empty()) return std::optional<TlsCredential>();
  absl::StatusOr<OwnCredential> introducer =
      UpstreamFiles(absl::StrCat(options_.state_dir, "/", folder))
          .LoadCredential();
  if (!introducer.ok() && !absl::IsNotFound(introducer.status())) {
    return introducer.status();
  }
  if (!introducer.ok() ||
      introducer->chain.front().not_after <= options_.clock->Now()) {
    return absl::UnavailableError(
        absl::StrCat("the registration authority's certificate, which asks for "
                     "it, is not in ",
                     folder, " yet, or is over"));
  }
  return std::optional<TlsCredential>(ToTlsCredential(*introducer));
}

absl::Status UpstreamTls::Finish(OwnCredential& issued, const Trust& trust,
                                 const Certificate* renewed) const {
  for (const std::string& name : options_.wish.hostnames) {
    if (renewed != nullptr && !MatchesHost(*renewed, name)) continue;
    if (MatchesHost(issued.chain.front(), name)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "what it issued is not for ", name,
        ": its profile has to give that name, or let a request add it"));
  }
  AppendRoot(trust, issued.chain);
  return absl::OkStatus();
}

void UpstreamTls::OnFailure(const absl::Status& status, int failures,
                            const Certificate* present, absl::Time now,
                            absl::Time next_try) {
  const UpstreamConnection& upstream = options_.wish.config.upstream;
  const std::string next_step =
      absl::IsPermissionDenied(status)
          ? absl::StrCat("see to it that it knows ", upstream.username,
                         ", gives it ",
                         absl::StrJoin(options_.wish.hostnames, ", "),
                         ", serverAuth and clientAuth, and takes what it shows")
          : absl::StrCat(upstream.server.ToText(),
                         " has to be reached before that");
  const bool little = present == nullptr ||
                      present->not_after - now <
                          (present->not_after - present->not_before) * kLittle;
  LOG(LEVEL(little ? absl::LogSeverity::kError : absl::LogSeverity::kWarning))
      << "the server's TLS certificate is due from its upstream, "
      << upstream.server.ToText() << ", and did not come (" << failures
      << " times): " << status.message() << "; tried again at " << Utc(next_try)
      << ". "
      << (present == nullptr
              ? std::string("There is none yet that anybody trusts")
              : absl::StrCat(
                    "The present one, of ", present->issuer.ToText(),
                    now < present->not_after ? ", ends at " : ", ended at ",
                    Utc(present->not_after)))
      << ": " << next_step << "; or put another into " << options_.tls_folder
      << " and reload";
  const std::string what(status.message());
  if (what == audited_ && now - audited_at_ < kAuditInterval &&
      now >= audited_at_) {
    return;
  }
  audited_ = what;
  audited_at_ = now;
  AuditTlsFailure(*options_.store, status, now);
}

}  // namespace bestow::server
