#include "server/revocation/crl_series.h"

#include <algorithm>
#include <utility>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/signer.h"
#include "common/pki/extension.h"

namespace bestow::server {
namespace {

// Servers that share a database may differ by so much: what another revoked
// within it is looked for again.
constexpr absl::Duration kClockSkew = absl::Minutes(5);
// A delta must not be over before the next one is everywhere.
constexpr int kDeltaValidityIntervals = 2;
constexpr int kMaxTries = 5;
// The first full CRL of a key has no delta of the same moment, for that would
// build on nothing earlier.
constexpr absl::Duration kFirstDeltaAfter = absl::Seconds(1);

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

std::string KeyOf(ByteView serial) { return std::string(AsText(serial)); }

std::vector<CrlEntry> EntriesOf(
    const std::vector<RevokedCertificate>& revoked) {
  std::vector<CrlEntry> entries;
  entries.reserve(revoked.size());
  for (const RevokedCertificate& one : revoked) {
    entries.push_back({one.serial, WholeSeconds(one.revocation.at),
                       one.revocation.reason, one.revocation.invalidity_date});
  }
  return entries;
}

// Whether CRLs that say `known` do not say so.
bool IsNews(const RevokedCertificate& one,
            const std::unordered_map<std::string, RevocationReason>& known) {
  const auto it = known.find(KeyOf(one.serial));
  if (one.revocation.reason == RevocationReason::kRemoveFromCrl) {
    return it != known.end();
  }
  return it == known.end() || it->second != one.revocation.reason;
}

// RFC 5280 5.2.3: a full CRL and the delta of the same moment "MUST ... provide
// the same revocation information". What was revoked or released between the
// two readings is on the next ones. `full` is in the order of serial numbers.
void SayAsIn(const std::vector<RevokedCertificate>& full,
             RevokedCertificate& one) {
  const auto it =
      std::lower_bound(full.begin(), full.end(), one.serial,
                       [](const RevokedCertificate& each, const Bytes& serial) {
                         return each.serial < serial;
                       });
  if (it != full.end() && it->serial == one.serial) {
    one.revocation = it->revocation;
  } else if (one.revocation.reason != RevocationReason::kRemoveFromCrl) {
    one.revocation = {one.revocation.at, RevocationReason::kRemoveFromCrl, {}};
  }
}

}  // namespace

bool CrlSeries::HasDeltas() const {
  return key_.config.delta_interval > absl::ZeroDuration();
}

absl::Status CrlSeries::CheckCanSign(absl::Time now) const {
  const Certificate& ca = key_.certificate();
  if (now >= ca.not_after) {
    return absl::FailedPreconditionError(
        absl::StrCat("the CA's certificate ended at ",
                     absl::FormatTime(ca.not_after, absl::UTCTimeZone()),
                     ": nobody takes its CRLs any more"));
  }
  // RFC 5280 4.2.1.3: only such a key's CRLs verify.
  if ((ca.key_usage.value_or(kCrlSign) & kCrlSign) == 0) {
    return absl::FailedPreconditionError(
        "the CA's certificate does not let it sign CRLs (keyUsage cRLSign)");
  }
  return absl::OkStatus();
}

absl::Status CrlSeries::Learn(const StoredCrl& stored) {
  absl::StatusOr<Crl> crl = ParseCrlDer(stored.der);
  if (!crl.ok()) return crl.status();
  for (const CrlEntry& entry : crl->contents.entries) {
    if (entry.reason == RevocationReason::kRemoveFromCrl) {
      known_.erase(KeyOf(entry.serial));
    } else {
      known_[KeyOf(entry.serial)] = entry.reason;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> CrlSeries::Refresh() {
  absl::StatusOr<StoredCrl> full = store_.FindCrl(key_.key_id, false);
  if (!full.ok() && !absl::IsNotFound(full.status())) return full.status();
  absl::StatusOr<StoredCrl> delta = store_.FindCrl(key_.key_id, true);
  if (!delta.ok() && !absl::IsNotFound(delta.status())) return delta.status();
  const int64_t full_number = full.ok() ? full->number : 0;
  // One that the full CRL has overtaken is of no use.
  const bool has_delta =
      full.ok() && delta.ok() && delta->number >= full_number;
  const int64_t delta_number = has_delta ? delta->number : 0;
  const int64_t newest = std::max(full_number, delta_number);
  if (newest != 0 && newest == unreadable_) return false;
  const bool is_new = full_number != (full_ == nullptr ? 0 : full_->number) ||
                      delta_number != (delta_ == nullptr ? 0 : delta_->number);
  if (!is_new) return false;
  known_.clear();
  full_ = nullptr;
  delta_ = nullptr;
  if (!full.ok()) return true;
  absl::Status status = Learn(*full);
  if (status.ok() && has_delta) status = Learn(*delta);
  if (absl::IsInvalidArgument(status)) {
    LOG(ERROR) << key_.folder << ": its CRL number " << newest
               << " can't be read back from the database, and another takes "
                  "its place: "
               << status.message();
    known_.clear();
    unreadable_ = newest;
    return true;
  }
  if (!status.ok()) return status;
  known_at_ = has_delta ? delta->this_update : full->this_update;
  base_ = Base{full->number, full->this_update};
  full_ = std::make_shared<const StoredCrl>(*std::move(full));
  if (has_delta) delta_ = std::make_shared<const StoredCrl>(*std::move(delta));
  return true;
}

absl::StatusOr<bool> CrlSeries::HasChanged(absl::Time now) {
  absl::StatusOr<std::vector<RevokedCertificate>> changed = store_.ListRevoked(
      key_.key_id, now, std::min(known_at_, now) - kClockSkew);
  if (!changed.ok()) return changed.status();
  return std::any_of(
      changed->begin(), changed->end(),
      [&](const RevokedCertificate& one) { return IsNews(one, known_); });
}

bool CrlSeries::IsFullDue(absl::Time now) const {
  // One from the future was made by a clock that was wrong.
  return full_ == nullptr ||
         now >= full_->this_update + key_.config.crl_interval ||
         now >= full_->next_update || now + kClockSkew < full_->this_update;
}

bool CrlSeries::IsDeltaDue(absl::Time now) const {
  return HasDeltas() && full_ != nullptr && now >= NextDelta();
}

absl::Time CrlSeries::NextDelta() const {
  return delta_ == nullptr ? full_->this_update + kFirstDeltaAfter
                           : delta_->this_update + key_.config.delta_interval;
}

absl::Time CrlSeries::NextDue() const {
  absl::Time next = full_->this_update + key_.config.crl_interval;
  return HasDeltas() ? std::min(next, NextDelta()) : next;
}

// Never less than the time: a database that was restored from a backup must not
// give a number again that is out already (RFC 5280 5.2.3).
int64_t CrlSeries::NextNumber(absl::Time now) const {
  int64_t last = std::max(unreadable_, full_ == nullptr ? 0 : full_->number);
  if (delta_ != nullptr) last = std::max(last, delta_->number);
  return std::max(last + 1, absl::ToUnixSeconds(now));
}

absl::StatusOr<StoredCrl> CrlSeries::Sign(CrlContents contents) const {
  const CertificateAuthority& authority = *key_.authority;
  contents.issuer = authority.certificate().subject;
  contents.authority_key_id = key_.key_id;
  Signer& signer = authority.signer();
  absl::StatusOr<Bytes> tbs = SerializeTbsCrlDer(contents, signer.algorithm());
  if (!tbs.ok()) return tbs.status();
  absl::StatusOr<Bytes> signature = SignAndWait(signer, *tbs);
  if (!signature.ok()) return signature.status();
  absl::StatusOr<Bytes> der =
      AssembleCrlDer(*tbs, signer.algorithm(), *signature);
  if (!der.ok()) return der.status();
  StoredCrl signed_one;
  signed_one.issuer_key_id = key_.key_id;
  signed_one.number = static_cast<int64_t>(contents.number);
  if (contents.base_number.has_value()) {
    signed_one.base_number = static_cast<int64_t>(*contents.base_number);
  }
  signed_one.this_update = contents.this_update;
  signed_one.next_update = contents.next_update;
  signed_one.der = *std::move(der);
  return signed_one;
}

absl::Status CrlSeries::Store(const std::vector<StoredCrl>& crls,
                              std::string_view detail) {
  AuditEntry audit;
  audit.at = crls.front().this_update;
  audit.actor = "server";
  audit.source = "local";
  audit.action = "crl";
  audit.outcome = "done";
  audit.subject = key_.folder;
  audit.detail = absl::StrCat("CRL number ", crls.front().number, ": ", detail);
  return store_.AddCrls(crls, audit);
}

absl::StatusOr<std::vector<RevokedCertificate>> CrlSeries::ListChanged(
    absl::Time now, const Base& base) {
  // A base from the future was made by a clock that was wrong: all that ever
  // changed may have done so since.
  return store_.ListRevoked(key_.key_id, now,
                            base.this_update > now + kClockSkew
                                ? absl::UnixEpoch()
                                : base.this_update - kClockSkew);
}

absl::StatusOr<CrlContents> CrlSeries::FullContents(
    absl::Time now, const std::vector<RevokedCertificate>& revoked) const {
  CrlContents contents;
  contents.this_update = WholeSeconds(now);
  contents.next_update = contents.this_update + key_.config.crl_validity;
  contents.entries = EntriesOf(revoked);
  contents.number = static_cast<uint64_t>(NextNumber(now));
  if (HasDeltas() && !key_.config.url.empty()) {
    absl::StatusOr<DistributionPoint> freshest = DistributionPointAt(
        {key_.config.url + PathsOf(key_.folder, key_.key_id).delta_crl});
    if (!freshest.ok()) return freshest.status();
    contents.freshest_crl = {*std::move(freshest)};
  }
  return contents;
}

CrlContents CrlSeries::DeltaContents(
    absl::Time now, const Base& base,
    const std::vector<RevokedCertificate>& changed) const {
  CrlContents contents;
  contents.this_update = WholeSeconds(now);
  contents.next_update = contents.this_update +
                         kDeltaValidityIntervals * key_.config.delta_interval;
  contents.entries = EntriesOf(changed);
  contents.number = static_cast<uint64_t>(NextNumber(now));
  contents.base_number = static_cast<uint64_t>(base.number);
  return contents;
}

absl::Status CrlSeries::PublishFull(absl::Time now, bool by_schedule) {
  absl::StatusOr<std::vector<RevokedCertificate>> revoked =
      store_.ListRevoked(key_.key_id, now, std::nullopt);
  if (!revoked.ok()) return revoked.status();
  // Who holds the full CRL of the interval before goes on with deltas.
  const bool has_delta = HasDeltas() && full_ != nullptr;
  std::vector<RevokedCertificate> changed;
  if (has_delta) {
    absl::StatusOr<std::vector<RevokedCertificate>> listed =
        ListChanged(now, base_);
    if (!listed.ok()) return listed.status();
    changed = *std::move(listed);
    for (RevokedCertificate& one : changed) SayAsIn(*revoked, one);
  }
  Reasons known;
  known.reserve(revoked->size());
  for (const RevokedCertificate& one : *revoked) {
    known.emplace(KeyOf(one.serial), one.revocation.reason);
  }
  absl::StatusOr<CrlContents> contents = FullContents(now, *revoked);
  if (!contents.ok()) return contents.status();
  std::vector<StoredCrl> crls;
  absl::StatusOr<StoredCrl> full = Sign(*std::move(contents));
  if (!full.ok()) return full.status();
  crls.push_back(*std::move(full));
  std::string detail =
      absl::StrCat("a full one with ", revoked->size(), " entries");
  if (has_delta) {
    absl::StatusOr<StoredCrl> delta = Sign(DeltaContents(now, base_, changed));
    if (!delta.ok()) return delta.status();
    crls.push_back(*std::move(delta));
    absl::StrAppend(&detail, ", a delta from ", base_.number, " with ",
                    changed.size());
  }
  absl::Status status = Store(crls, detail);
  if (!status.ok()) return status;
  full_ = std::make_shared<const StoredCrl>(std::move(crls.front()));
  delta_ = has_delta ? std::make_shared<const StoredCrl>(std::move(crls.back()))
                     : nullptr;
  known_ = std::move(known);
  known_at_ = full_->this_update;
  if (by_schedule || !has_delta) base_ = {full_->number, full_->this_update};
  return absl::OkStatus();
}

absl::Status CrlSeries::PublishDelta(absl::Time now) {
  absl::StatusOr<std::vector<RevokedCertificate>> changed =
      ListChanged(now, base_);
  if (!changed.ok()) return changed.status();
  absl::StatusOr<StoredCrl> delta = Sign(DeltaContents(now, base_, *changed));
  if (!delta.ok()) return delta.status();
  absl::Status status =
      Store({*delta}, absl::StrCat("a delta from ", base_.number, " with ",
                                   changed->size(), " entries"));
  if (!status.ok()) return status;
  delta_ = std::make_shared<const StoredCrl>(*std::move(delta));
  for (const RevokedCertificate& one : *changed) {
    if (one.revocation.reason == RevocationReason::kRemoveFromCrl) {
      known_.erase(KeyOf(one.serial));
    } else {
      known_[KeyOf(one.serial)] = one.revocation.reason;
    }
  }
  known_at_ = delta_->this_update;
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> CrlSeries::Update(absl::Time now, bool force) {
  if (!is_loaded_) {
    absl::StatusOr<bool> refreshed = Refresh();
    if (!refreshed.ok()) return refreshed.status();
    is_loaded_ = true;
  }
  for (int tries = 0; tries < kMaxTries; ++tries) {
    absl::StatusOr<bool> changed = HasChanged(now);
    if (!changed.ok()) return changed.status();
    const bool by_schedule = IsFullDue(now);
    const bool full_due = by_schedule || force || *changed;
    if (!full_due && !IsDeltaDue(now)) return NextDue();
    absl::Status status = CheckCanSign(now);
    if (!status.ok()) return status;
    // Perhaps another server has just published that.
    absl::StatusOr<bool> refreshed = Refresh();
    if (!refreshed.ok()) return refreshed.status();
    if (*refreshed) continue;
    status = full_due ? PublishFull(now, by_schedule) : PublishDelta(now);
    if (status.ok()) return NextDue();
    if (!absl::IsAlreadyExists(status)) return status;
  }
  return absl::UnavailableError(
      "other servers publish CRLs of this key without end");
}

}  // namespace bestow::server
