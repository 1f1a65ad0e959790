#include "server/est/issuing.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/failpoint.h"
#include "server/est/status_table.h"
#include "server/est/store_refusal.h"
#include "server/store/certificate_record.h"

namespace bestow::server {
namespace {

// Two serial numbers of 134 random bits never meet; a third attempt means that
// something else is wrong.
constexpr int kMaxAttempts = 3;

}  // namespace

void Issuing::Start(const Services& services,
                    std::shared_ptr<Exchange> exchange, IssueOrder order,
                    Done done) {
  std::shared_ptr<Issuing> issuing(new Issuing(
      services, std::move(exchange), std::move(order), std::move(done)));
  issuing->Sign();
}

void Issuing::Record(const Services& services,
                     std::shared_ptr<Exchange> exchange, IssueOrder order,
                     const Certificate& certificate, Done done) {
  std::shared_ptr<Issuing> issuing(new Issuing(
      services, std::move(exchange), std::move(order), std::move(done)));
  issuing->signed_elsewhere_ = true;
  issuing->OnSigned(certificate);
}

void Issuing::Sign() {
  ++attempts_;
  exchange_->service().ca->Issue(
      order_.contents, order_.spki, services_.clock->Now(),
      [self = shared_from_this()](absl::StatusOr<Certificate> certificate) {
        self->exchange_->Resume([self, certificate = std::move(certificate)] {
          self->OnSigned(certificate);
        });
      });
}

void Issuing::OnSigned(absl::StatusOr<Certificate> certificate) {
  if (!certificate.ok()) return done_(certificate.status());
  if (Failpoint("est.after_sign")) {
    return done_(absl::InternalError("failpoint est.after_sign"));
  }
  Issuance issuance;
  issuance.record = RecordOf(*certificate);
  issuance.record.identity_id = order_.identity_id;
  issuance.record.identity = order_.identity;
  issuance.record.label = exchange_->service().label;
  issuance.record.operation = order_.operation;
  issuance.record.server_key = order_.is_server_key;
  issuance.record.issued_at = services_.clock->Now();
  issuance.secret_id = order_.secret_id;
  issuance.pending_id = order_.pending_id;
  issuance.replaces_serial = order_.replaces_serial;
  issuance.max_live = exchange_->service().config.profile.max_live;
  issuance.secret_retry_window =
      exchange_->service().config.secret_retry_window;
  issuance.audit = exchange_->MakeAuditEntry(
      "issued", absl::StrCat(certificate->subject.ToText(), " until ",
                             absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                                              certificate->not_after,
                                              absl::UTCTimeZone())));
  // So that the crash test can see a server that is wrong in this. Nothing but
  // a test binary has a handler of failpoints.
  if (Failpoint("est.reply_before_commit")) done_(certificate->der);
  services_.store->Issue(
      std::move(issuance),
      [self = shared_from_this(), certificate](absl::StatusOr<Issued> issued) {
        self->exchange_->Resume(
            [self, certificate, issued = std::move(issued)] {
              self->OnStored(*certificate, issued);
            });
      });
}

bool Issuing::IsRecorded(const Certificate& certificate) const {
  absl::StatusOr<CertificateRecord> record =
      services_.store->FindCertificate(certificate.serial);
  return record.ok() && record->certificate == certificate.der &&
         record->identity == order_.identity &&
         record->label == exchange_->service().label;
}

void Issuing::OnStored(const Certificate& certificate,
                       absl::StatusOr<Issued> issued) {
  if (absl::IsAlreadyExists(issued.status()) && signed_elsewhere_ &&
      IsRecorded(certificate)) {
    issued = Issued{certificate.der, certificate.serial, /*repeated=*/true};
  }
  if (absl::IsAlreadyExists(issued.status()) && !signed_elsewhere_ &&
      attempts_ < kMaxAttempts) {
    return Sign();
  }
  // An upstream counts as it likes, and here no two have the same number.
  if (absl::IsAlreadyExists(issued.status()) && signed_elsewhere_) {
    return done_(Refuse(
        Problem::kUpstreamReply,
        absl::StrCat("the upstream's certificate has serial number ",
                     certificate.SerialHex(), " of issuer \"",
                     certificate.issuer.ToText(),
                     "\", and another certificate that is recorded here has "
                     "that number already")));
  }
  if (!issued.ok()) return done_(RefusalOf(issued.status()));
  if (issued->repeated) {
    exchange_->log().AddNote("repeated");
    absl::StatusOr<Certificate> repeated =
        ParseCertificateDer(issued->certificate);
    if (!repeated.ok()) return done_(repeated.status());
    exchange_->log().serial = repeated->SerialHex();
  } else {
    exchange_->log().serial = certificate.SerialHex();
  }
  if (Failpoint("est.before_reply")) {
    return done_(absl::InternalError("failpoint est.before_reply"));
  }
  done_(std::move(issued->certificate));
}

}  // namespace bestow::server
