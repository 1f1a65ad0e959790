#include "server/est/enroll.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "server/est/csr_check.h"
#include "server/est/issuing.h"
#include "server/est/linking.h"
#include "server/est/reply.h"
#include "server/est/status_table.h"

namespace bestow::server {

void Enrollment::Start(const Services& services, est::Operation operation,
                       std::shared_ptr<Exchange> exchange) {
  std::shared_ptr<Enrollment> enrollment(
      new Enrollment(services, operation, std::move(exchange)));
  absl::Status status = enrollment->CheckForm();
  if (!status.ok()) return enrollment->exchange_->Fail(status);
  enrollment->Authenticate();
}

absl::Status Enrollment::CheckForm() const {
  const std::optional<std::string> type =
      FindHeader(exchange_->request().headers, "Content-Type");
  if (!type.has_value() || !est::MediaTypeIs(*type, est::kPkcs10MediaType)) {
    return Refuse(Problem::kWrongMediaType,
                  absl::StrCat("Content-Type must be ", est::kPkcs10MediaType));
  }
  return absl::OkStatus();
}

void Enrollment::Authenticate() {
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

  absl::Status status = CheckRequest();
  if (status.ok()) status = Decide();
  if (!status.ok()) return exchange_->Fail(status);
  Issue();
}

absl::Status Enrollment::CheckRequest() {
  absl::StatusOr<Pkcs10Request> request =
      CheckCsr(exchange_->request().body, CsrKey::kCertified);
  if (!request.ok()) return request.status();
  request_ = *std::move(request);
  // Before the verdict: RFC 9266 4.1 wants no second try over this session
  // either.
  if (HasLink(request_)) exchange_->EndConnection();
  return CheckLinking(request_, LinkRules{},
                      exchange_->client().channel_binding)
      .status();
}

absl::Status Enrollment::Decide() {
  absl::StatusOr<SubscriberContents> contents =
      exchange_->service().policy.Grant(principal_.identity);
  if (!contents.ok()) {
    return Refuse(Problem::kNotGranted, contents.status().message());
  }
  contents_ = *std::move(contents);
  // RFC 6402 2.8
  if (HasChangeSubjectName(request_)) {
    return Refuse(Problem::kNameChange,
                  "the request asks to change its names (ChangeSubjectName), "
                  "and names are this server's to give");
  }
  if (is_reenrollment()) {
    const Certificate& current = exchange_->client().tls.chain.front();
    absl::Status status = CheckSameNames(request_, current);
    if (!status.ok()) return Refuse(Problem::kOtherNames, status.message());
    status = CheckSameNames(contents_, current);
    if (!status.ok()) return Refuse(Problem::kNotGranted, status.message());
  }
  exchange_->log().wish = DescribeWish(request_, contents_);
  return absl::OkStatus();
}

void Enrollment::Issue() {
  IssueOrder order;
  order.contents = contents_;
  order.spki = request_.spki;
  order.identity_id = principal_.identity_id;
  order.operation = std::string(est::OperationName(operation_));
  order.secret_id = principal_.secret_id;
  Issuing::Start(services_, exchange_, std::move(order),
                 [self = shared_from_this()](absl::StatusOr<Bytes> issued) {
                   if (!issued.ok()) {
                     return self->exchange_->Fail(issued.status());
                   }
                   self->ReplyWith(*issued);
                 });
}

void Enrollment::ReplyWith(const Bytes& certificate_der) {
  // RFC 7030 4.2.3: "containing only the certificate that was issued".
  absl::StatusOr<Bytes> certs_only = SerializeCertsOnlyDer({certificate_der});
  if (!certs_only.ok()) return exchange_->Fail(certs_only.status());
  exchange_->Finish(EstReply(
      est::kCertsOnlyMediaType,
      est::EncodeBody(*certs_only, exchange_->service().config.line_wrap)));
}

}  // namespace bestow::server
