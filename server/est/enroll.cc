#include "server/est/enroll.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/crypto/public_key.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "server/est/reply.h"
#include "server/est/status_table.h"

namespace bestow::server {
namespace {

// Two serial numbers of 134 random bits never meet; a third attempt means that
// something else is wrong.
constexpr int kMaxAttempts = 3;

}  // namespace

void Enrollment::Start(Services services, est::Operation operation,
                       std::shared_ptr<Exchange> exchange) {
  std::shared_ptr<Enrollment> enrollment(
      new Enrollment(services, operation, std::move(exchange)));
  enrollment->Authenticate();
}

void Enrollment::Authenticate() {
  const std::optional<std::string> type =
      FindHeader(exchange_->request().headers, "Content-Type");
  if (!type.has_value() || !est::MediaTypeIs(*type, est::kPkcs10MediaType)) {
    return exchange_->Fail(
        Refuse(Problem::kWrongMediaType,
               absl::StrCat("Content-Type must be ", est::kPkcs10MediaType)));
  }
  if (is_reenrollment()) return AuthenticateReenrollment();

  // Credentials that the client chose to send are the ones that count, also
  // beside a certificate that does not.
  const std::optional<std::string> authorization =
      FindHeader(exchange_->request().headers, "Authorization");
  if (authorization.has_value()) {
    services_.authenticator->ByBasic(
        *authorization,
        [self = shared_from_this()](absl::StatusOr<Principal> principal) {
          self->exchange_->Resume([self, principal = std::move(principal)] {
            self->OnAuthenticated(principal);
          });
        });
    return;
  }
  absl::StatusOr<Principal> principal =
      services_.authenticator->ByCertificate(exchange_->client().tls);
  if (absl::IsPermissionDenied(principal.status())) {
    // HTTP credentials could still help.
    principal = absl::UnauthenticatedError(
        absl::StrCat(principal.status().message(), "; no HTTP credentials"));
  }
  OnAuthenticated(std::move(principal));
}

// RFC 7030 4.2.2 speaks of the certificate that is being renewed: a client
// proves that it has it by TLS (3.3.2), and no password stands in for that.
void Enrollment::AuthenticateReenrollment() {
  absl::StatusOr<Principal> principal =
      services_.authenticator->ByCertificate(exchange_->client().tls);
  if (absl::IsUnauthenticated(principal.status())) {
    return exchange_->Fail(
        Refuse(Problem::kNoCertificate,
               "re-enrollment needs the certificate that is to be renewed, as "
               "TLS client certificate; without one use /simpleenroll"));
  }
  if (absl::IsPermissionDenied(principal.status())) {
    return exchange_->Fail(
        Refuse(Problem::kBadCertificate, principal.status().message()));
  }
  OnAuthenticated(std::move(principal));
}

void Enrollment::OnAuthenticated(absl::StatusOr<Principal> principal) {
  if (absl::IsUnauthenticated(principal.status())) {
    const bool tried =
        FindHeader(exchange_->request().headers, "Authorization").has_value();
    return exchange_->Fail(
        Refuse(tried ? Problem::kWrongCredentials : Problem::kNoCredentials,
               principal.status().message()));
  }
  if (!principal.ok()) return exchange_->Fail(principal.status());
  principal_ = *std::move(principal);
  exchange_->log().identity = principal_.identity;
  exchange_->log().auth = AuthMethodName(principal_.method);

  absl::StatusOr<CheckedCsr> csr =
      CheckCsr(exchange_->request().body, exchange_->client().channel_binding);
  if (!csr.ok()) return exchange_->Fail(csr.status());
  csr_ = *std::move(csr);

  absl::StatusOr<SubscriberContents> contents =
      exchange_->snapshot().policy.Grant(principal_.identity);
  if (!contents.ok()) {
    return exchange_->Fail(
        Refuse(Problem::kNotGranted, contents.status().message()));
  }
  contents_ = *std::move(contents);
  // RFC 6402 2.8
  if (HasChangeSubjectName(csr_->request)) {
    return exchange_->Fail(
        Refuse(Problem::kNameChange,
               "the request asks to change its names (ChangeSubjectName), and "
               "names are this server's to give"));
  }
  if (is_reenrollment()) {
    absl::Status status = CheckReenrollment();
    if (!status.ok()) return exchange_->Fail(status);
  }
  exchange_->log().wish = DescribeWish(csr_->request, contents_);
  Sign();
}

absl::Status Enrollment::CheckReenrollment() const {
  const Certificate& current = exchange_->client().tls.chain.front();
  absl::Status status = CheckSameNames(csr_->request, current);
  if (!status.ok()) return Refuse(Problem::kOtherNames, status.message());
  status = CheckSameNames(contents_, current);
  if (!status.ok()) return Refuse(Problem::kNotGranted, status.message());
  return absl::OkStatus();
}

void Enrollment::Sign() {
  ++attempts_;
  exchange_->snapshot().ca->Issue(
      contents_, csr_->request.spki, services_.clock->Now(),
      [self = shared_from_this()](absl::StatusOr<Certificate> certificate) {
        self->exchange_->Resume([self, certificate = std::move(certificate)] {
          self->OnSigned(certificate);
        });
      });
}

void Enrollment::OnSigned(absl::StatusOr<Certificate> certificate) {
  if (!certificate.ok()) return exchange_->Fail(certificate.status());
  if (Failpoint("est.after_sign")) {
    return exchange_->Fail(absl::InternalError("failpoint est.after_sign"));
  }
  Issuance issuance;
  issuance.record.serial = certificate->serial;
  issuance.record.identity_id = principal_.identity_id;
  issuance.record.operation = std::string(est::OperationName(operation_));
  issuance.record.subject = certificate->subject.ToText();
  issuance.record.not_before = certificate->not_before;
  issuance.record.not_after = certificate->not_after;
  issuance.record.issued_at = services_.clock->Now();
  const Sha256Digest key_hash = Sha256(certificate->spki);
  issuance.record.key_sha256 = Bytes(key_hash.begin(), key_hash.end());
  issuance.record.certificate = certificate->der;
  issuance.secret_id = principal_.secret_id;
  issuance.secret_retry_window = exchange_->snapshot().secret_retry_window;
  // So that the crash test can see a server that is wrong in this. Nothing but
  // a test binary has a handler of failpoints.
  if (Failpoint("est.reply_before_commit")) ReplyWith(certificate->der);
  services_.store->Issue(
      std::move(issuance),
      [self = shared_from_this(), certificate](absl::StatusOr<Issued> issued) {
        self->exchange_->Resume(
            [self, certificate, issued = std::move(issued)] {
              self->OnStored(*certificate, issued);
            });
      });
}

void Enrollment::OnStored(const Certificate& certificate,
                          absl::StatusOr<Issued> issued) {
  if (absl::IsAlreadyExists(issued.status()) && attempts_ < kMaxAttempts) {
    return Sign();
  }
  if (absl::IsPermissionDenied(issued.status())) {
    return exchange_->Fail(
        Refuse(Problem::kSecretSpent, issued.status().message()));
  }
  if (!issued.ok()) return exchange_->Fail(issued.status());
  if (issued->repeated) {
    exchange_->log().note = "repeated";
    absl::StatusOr<Certificate> repeated =
        ParseCertificateDer(issued->certificate);
    if (!repeated.ok()) return exchange_->Fail(repeated.status());
    exchange_->log().serial = repeated->SerialHex();
  } else {
    exchange_->log().serial = certificate.SerialHex();
  }
  if (Failpoint("est.before_reply")) {
    return exchange_->Fail(absl::InternalError("failpoint est.before_reply"));
  }
  ReplyWith(issued->certificate);
}

void Enrollment::ReplyWith(const Bytes& certificate_der) {
  // RFC 7030 4.2.3: "containing only the certificate that was issued".
  absl::StatusOr<Bytes> certs_only = SerializeCertsOnlyDer({certificate_der});
  if (!certs_only.ok()) return exchange_->Fail(certs_only.status());
  HttpResponse response =
      EstReply(est::kCertsOnlyMediaType,
               est::EncodeBody(*certs_only, exchange_->snapshot().line_wrap));
  // RFC 9266 4.1: one authentication by a channel binding per connection.
  response.close = csr_->linked;
  exchange_->Finish(std::move(response));
}

}  // namespace bestow::server
