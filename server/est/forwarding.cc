#include "server/est/forwarding.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/crypto/public_key.h"
#include "common/est/protocol.h"
#include "server/est/approval.h"
#include "server/est/reply.h"
#include "server/est/status_table.h"
#include "server/est/store_refusal.h"
#include "server/store/listing.h"
#include "server/upstream/contents_check.h"

namespace bestow::server {
namespace {

// Whatever the upstream says (UpstreamKeeper has the same): devices obey.
constexpr absl::Duration kLongestRetryAfter = absl::Hours(24);

}  // namespace

void Forwarding::Start(const Services& services,
                       std::shared_ptr<Exchange> exchange,
                       ForwardingOrder order, Done done) {
  std::shared_ptr<Forwarding> self(new Forwarding(
      services, std::move(exchange), std::move(order), std::move(done)));
  absl::Status status =
      CheckForwardable(self->order_.request, self->order_.issue.contents);
  if (!status.ok()) {
    return self->done_(Refuse(Problem::kNotGranted, status.message()));
  }
  self->Check();
}

// What the store is certain to refuse once it is signed would be valid, and in
// no record.
void Forwarding::Check() {
  Issuance issuance;
  issuance.record.identity_id = order_.issue.identity_id;
  issuance.record.identity = order_.issue.identity;
  issuance.record.label = exchange_->service().label;
  const Sha256Digest key = Sha256(order_.request.spki);
  issuance.record.key_sha256 = Bytes(key.begin(), key.end());
  issuance.record.issued_at = services_.clock->Now();
  issuance.replaces_serial = order_.issue.replaces_serial;
  issuance.max_live = exchange_->service().config.profile.max_live;
  services_.store->CheckIssuable(
      std::move(issuance), [self = shared_from_this()](absl::Status status) {
        self->exchange_->Resume(
            [self, status = std::move(status)] { self->OnChecked(status); });
      });
}

void Forwarding::OnChecked(const absl::Status& status) {
  if (!status.ok()) return done_(RefusalOf(status));
  // A renewal uses nothing up, and its own certificate stays good.
  order_.issue.replaces_serial.empty() ? Reserve() : Send();
}

void Forwarding::Reserve() {
  PendingRequest pending =
      PendingOf(exchange_->service().config, order_.issue.identity_id,
                order_.issue.identity, order_.issue.operation, order_.request,
                services_.clock->Now());
  // The operator here has been asked already, where this label asks him.
  pending.state = PendingRequest::State::kApproved;
  pending.secret_id = order_.issue.secret_id;
  pending.reserves_secret = true;
  pending.audit = exchange_->MakeAuditEntry("waiting", "for the upstream");
  services_.store->FindOrAddPending(
      std::move(pending), MaxPending(exchange_->service().config.limits),
      [self = shared_from_this()](absl::StatusOr<PendingRequest> reserved) {
        self->exchange_->Resume([self, reserved = std::move(reserved)] {
          self->OnReserved(reserved);
        });
      });
}

void Forwarding::OnReserved(absl::StatusOr<PendingRequest> reserved) {
  if (absl::IsResourceExhausted(reserved.status())) {
    return done_(RefuseUntil(Problem::kTooManyPending,
                             reserved.status().message(),
                             config().retry_after));
  }
  if (!reserved.ok()) return done_(RefusalOf(reserved.status()));
  exchange_->log().AddNote(absl::StrCat("request ", reserved->id));
  order_.issue.identity_id = reserved->identity_id;
  order_.issue.pending_id = reserved->id;
  switch (reserved->state) {
    case PendingRequest::State::kIssued:
      return Repeat();
    case PendingRequest::State::kApproved:
      break;
    case PendingRequest::State::kWaiting:
      return done_(ForwardingAnswer{
          std::nullopt,
          exchange_->service().config.enrollment.approval_retry_after});
    case PendingRequest::State::kRefused:
      return done_(Refuse(Problem::kDenied,
                          absl::StrCat("the operator refused this request: ",
                                       reserved->reason)));
  }
  if (Failpoint("est.before_forward")) {
    return done_(absl::InternalError("failpoint est.before_forward"));
  }
  Send();
}

void Forwarding::Repeat() {
  absl::StatusOr<CertificateRecord> record = FindIssued();
  if (!record.ok()) return done_(record.status());
  if (record->revocation.has_value()) {
    return done_(Refuse(Problem::kSecretSpent,
                        "the certificate that this key got is revoked"));
  }
  // A certificate of the local CA may be over long before its time to be
  // repeated is: who needs no secret gets another.
  if (record->not_after <= services_.clock->Now()) {
    if (order_.issue.secret_id.has_value()) {
      return done_(Refuse(Problem::kSecretSpent,
                          "the one-time secret was used, and the certificate "
                          "that it gave is over"));
    }
    order_.issue.pending_id.reset();
    return Send();
  }
  exchange_->log().AddNote("repeated");
  AuditEntry audit = exchange_->MakeAuditEntry("repeated", record->subject);
  audit.serial = record->serial;
  services_.audit->Append(std::move(audit));
  done_(ForwardingAnswer{std::move(record->certificate), {}});
}

// The newest of this key, and of no other label.
absl::StatusOr<CertificateRecord> Forwarding::FindIssued() const {
  CertificateFilter filter;
  filter.identity = order_.issue.identity;
  filter.label = exchange_->service().label;
  const Sha256Digest key = Sha256(order_.request.spki);
  filter.key_sha256 = Bytes(key.begin(), key.end());
  Page page;
  page.limit = kMaxPage;
  absl::StatusOr<std::vector<CertificateRecord>> records =
      services_.store->ListCertificates(filter, page);
  if (!records.ok()) return records.status();
  if (records->empty()) {
    return absl::NotFoundError("the certificate that was issued is not there");
  }
  return std::move(records->back());
}

void Forwarding::Send() {
  ForwardRequest request;
  request.folder = config().connection.folder;
  request.csr_der = order_.request.der;
  request.spki = order_.request.spki;
  request.common_name = std::string(order_.request.subject.common_name());
  services_.forwarder->Forward(
      std::move(request), [self = shared_from_this()](ForwardAnswer answer) {
        self->exchange_->Resume(
            [self, answer = std::move(answer)] { self->OnAnswer(answer); });
      });
}

void Forwarding::OnAnswer(ForwardAnswer answer) {
  using Kind = ForwardAnswer::Kind;
  const absl::Duration retry_after =
      std::clamp(answer.retry_after.value_or(config().retry_after),
                 absl::Seconds(1), kLongestRetryAfter);
  switch (answer.kind) {
    case Kind::kIssued:
      return Record(*answer.certificate);
    case Kind::kWaiting:
      exchange_->log().AddNote("waits upstream");
      return done_(ForwardingAnswer{std::nullopt, retry_after});
    case Kind::kRefused:
      return done_(Refuse(Problem::kUpstreamRefused, answer.reason));
    case Kind::kBadReply:
      return done_(Refuse(Problem::kUpstreamReply, answer.reason));
    case Kind::kBusy:
      return done_(
          RefuseUntil(Problem::kUpstreamBusy, answer.reason, retry_after));
    case Kind::kDown:
      if (config().when_down == WhenDown::kLocal &&
          exchange_->service().ca != nullptr) {
        return SignHere(answer.reason);
      }
      break;
    case Kind::kNotServed:
      break;
  }
  done_(RefuseUntil(Problem::kUpstreamDown, answer.reason, retry_after));
}

void Forwarding::Record(const Certificate& certificate) {
  absl::Status status = CheckIssuedContents(certificate, order_.issue.contents);
  if (!status.ok()) {
    NoteUnrecorded(certificate, status);
    return done_(Refuse(Problem::kUpstreamReply, status.message()));
  }
  exchange_->log().AddNote("by the upstream");
  Issuing::Record(
      services_, exchange_, order_.issue, certificate,
      [self = shared_from_this(), certificate](absl::StatusOr<Bytes> issued) {
        if (!issued.ok()) {
          self->NoteUnrecorded(certificate, issued.status());
        }
        self->OnIssued(std::move(issued));
      });
}

// It is valid, and nobody here can revoke it: whoever reads the audit log can
// have it revoked upstream. So it is written beside the refusal, which may be
// one too many to be.
void Forwarding::NoteUnrecorded(const Certificate& certificate,
                                const absl::Status& why) {
  const std::string what = absl::StrCat(
      "the upstream has signed serial number ", certificate.SerialHex(),
      ", issuer \"", certificate.issuer.ToText(), "\", and it ",
      absl::IsUnavailable(why) ? "may not be" : "is not", " recorded here");
  AuditEntry audit = exchange_->MakeAuditEntry(
      "failed",
      absl::StrCat(what, ": have it revoked there: ", OneLine(why.message())));
  audit.serial = certificate.serial;
  services_.audit->Append(std::move(audit));
  exchange_->log().AddNote(what);
}

// So that devices live while the uplink is down: short, for what the upstream
// knows nothing of it can't revoke either.
void Forwarding::SignHere(std::string_view why) {
  exchange_->log().AddNote(absl::StrCat("signed here: ", why));
  IssueOrder order = order_.issue;
  order.contents.validity =
      std::min(order.contents.validity, config().local_validity);
  Issuing::Start(services_, exchange_, std::move(order),
                 [self = shared_from_this()](absl::StatusOr<Bytes> issued) {
                   self->OnIssued(std::move(issued));
                 });
}

void Forwarding::OnIssued(absl::StatusOr<Bytes> certificate_der) {
  if (!certificate_der.ok()) return done_(certificate_der.status());
  done_(ForwardingAnswer{*std::move(certificate_der), {}});
}

}  // namespace bestow::server
