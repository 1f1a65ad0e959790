#include "server/est/enroll.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/est/server_key.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "common/pki/oids.h"
#include "server/est/approval.h"
#include "server/est/authenticate.h"
#include "server/est/csr_check.h"
#include "server/est/decision.h"
#include "server/est/forwarding.h"
#include "server/est/issuing.h"
#include "server/est/linking.h"
#include "server/est/reply.h"
#include "server/est/requested_key.h"
#include "server/est/status_table.h"
#include "server/est/store_refusal.h"

namespace bestow::server {

namespace {

// Of both a subject may be as long as the body.
constexpr size_t kMaxAskedBytes = 300;

std::string DescribeRequest(const Pkcs10Request& request) {
  const std::string subject = request.subject.ToText();
  absl::StatusOr<KeyType> type = KeyTypeOfSpki(request.spki);
  return absl::StrCat(
      subject.empty() ? "no subject" : subject.substr(0, kMaxAskedBytes), ", ",
      type.ok() ? KeyTypeName(*type) : "another kind of key");
}

}  // namespace

void Enrollment::Start(const Services& services, const Shared& shared,
                       est::Operation operation,
                       std::shared_ptr<Exchange> exchange) {
  std::shared_ptr<Enrollment> self(
      new Enrollment(services, shared, operation, std::move(exchange)));
  self->exchange_->BeginDecision();
  absl::Status status = self->CheckForm();
  if (!status.ok()) return self->exchange_->Fail(status);
  if (self->is_renewal()) {
    return self->OnAuthenticated(
        AuthenticateRenewal(services, *self->exchange_));
  }
  Authenticate(services, self->exchange_,
               [self](absl::StatusOr<Principal> principal) {
                 self->OnAuthenticated(std::move(principal));
               });
}

absl::Status Enrollment::CheckForm() const {
  if (is_server_key() && !config().enrollment.server_keys) {
    return Refuse(Problem::kNotOffered,
                  "this label makes no keys for its clients: make one, and use "
                  "/simpleenroll");
  }
  const HttpRequest& request = exchange_->request();
  const std::optional<std::string> type =
      FindHeader(request.headers, "Content-Type");
  if (!type.has_value() || !est::MediaTypeIs(*type, est::kPkcs10MediaType)) {
    return Refuse(Problem::kWrongMediaType,
                  absl::StrCat("Content-Type must be ", est::kPkcs10MediaType));
  }
  if (request.body.size() > static_cast<size_t>(config().limits.body_bytes)) {
    return Refuse(Problem::kTooLarge,
                  absl::StrCat("the body is longer than ",
                               config().limits.body_bytes, " octets"));
  }
  return absl::OkStatus();
}

void Enrollment::OnAuthenticated(absl::StatusOr<Principal> principal) {
  if (!principal.ok()) return exchange_->Fail(principal.status());
  principal_ = *std::move(principal);
  absl::Status status = CheckRequest();
  if (status.ok()) status = Decide();
  if (!status.ok()) return exchange_->Fail(status);
  // RFC 7030 4.2.2: whoever renews has been let in before, if it was here.
  const bool was_let_in = is_renewal() && principal_.certificate.has_value() &&
                          principal_.certificate->label == config().label;
  if (was_let_in || config().enrollment.approval == Approval::kAutomatic) {
    return CountAndGoOn();
  }
  Approve();
}

absl::Status Enrollment::CheckRequest() {
  absl::StatusOr<Pkcs10Request> request =
      CheckCsr(exchange_->request().body,
               is_server_key() ? CsrKey::kIgnored : CsrKey::kCertified);
  if (!request.ok()) return request.status();
  request_ = *std::move(request);
  exchange_->log().asked = DescribeRequest(request_);
  // Before the verdict: RFC 9266 4.1 wants no second try over this session
  // either.
  if (HasLink(request_)) exchange_->EndConnection();
  if (is_renewal()) {
    enrollee_ = {principal_.identity_id, principal_.identity};
  } else {
    absl::StatusOr<Enrollee> enrollee =
        FindEnrollee(*services_.store, principal_, config().label, request_);
    if (!enrollee.ok()) return enrollee.status();
    enrollee_ = *std::move(enrollee);
  }

  const absl::StatusOr<Bytes>& binding = exchange_->client().channel_binding;
  absl::Status status =
      CheckLinking(request_,
                   {.is_required = config().auth.linking == Linking::kRequired,
                    .is_ra = enrollee_.identity != principal_.identity},
                   binding)
          .status();
  if (!status.ok()) return status;
  if (enrollee_.identity != principal_.identity) {
    // It would have to be used up by somebody else's certificate.
    if (principal_.secret_id.has_value()) {
      return Refuse(Problem::kNotRegistered,
                    "a registration authority enrolls others by its "
                    "certificate or its password, not by a one-time secret");
    }
    exchange_->log().enrollee = enrollee_.identity;
    exchange_->log().AddNote(absl::StrCat("for ", enrollee_.identity));
  }
  // RFC 7894 4: "The EST server MAY ignore challenge attributes according to
  // local policy": nobody revokes here by a password, so none is kept.
  if (request_.revocation_challenge.has_value()) {
    exchange_->log().AddNote("revocationChallenge ignored");
  }
  absl::StatusOr<std::optional<int64_t>> otp = FindOtpSecret(
      *services_.store, enrollee_, request_, principal_.secret_id, binding);
  if (!otp.ok()) return otp.status();
  secret_id_ = otp->has_value() ? *otp : principal_.secret_id;
  return absl::OkStatus();
}

absl::Status Enrollment::Decide() {
  absl::StatusOr<KeyType> type = is_server_key()
                                     ? RequestedKeyType(request_.spki)
                                     : KeyTypeOfSpki(request_.spki);
  if (is_server_key() && !type.ok()) {
    return Refuse(Problem::kKeyType, type.status().message());
  }
  // Strong keys of other sizes have no name.
  if (type.ok()) key_type_ = *type;
  absl::StatusOr<SubscriberContents> contents =
      is_renewal() ? DecideOnRenewal()
                   : DecideEnrollment(exchange_->service(), enrollee_.identity,
                                      request_, key_type_);
  if (!contents.ok()) return contents.status();
  contents_ = *std::move(contents);
  // RFC 6402 2.10: to whom it shows this certificate it shows what it is.
  if (principal_.is_ra && enrollee_.identity == principal_.identity) {
    contents_.extended_key_usage.push_back(oids::KpCmcRa());
  }
  exchange_->log().wish = DescribeWish(request_, contents_);
  if (!is_server_key()) return absl::OkStatus();

  absl::StatusOr<KeyRecipient> recipient =
      FindKeyRecipient(*services_.store, services_.sealer, enrollee_.id,
                       request_, services_.clock->Now());
  if (!recipient.ok()) return recipient.status();
  recipient_ = *std::move(recipient);
  return absl::OkStatus();
}

absl::StatusOr<SubscriberContents> Enrollment::DecideOnRenewal() {
  absl::Time order_start = absl::InfiniteFuture();
  if (principal_.certificate.has_value()) {
    absl::StatusOr<RenewalOrder> order =
        services_.store->FindRenewalOrder(*principal_.certificate);
    if (order.ok()) {
      order_start = order->window_start;
    } else if (!absl::IsNotFound(order.status())) {
      return order.status();
    }
  }
  return DecideRenewal(exchange_->service(), enrollee_.identity, request_,
                       key_type_, exchange_->client().tls.chain.front(),
                       order_start, services_.clock->Now());
}

void Enrollment::Approve() {
  AskForApproval(
      services_, exchange_, enrollee_, request_,
      std::string(est::OperationName(operation_)), secret_id_,
      [self = shared_from_this()](absl::StatusOr<ApprovalAnswer> approval) {
        if (!approval.ok()) {
          return self->exchange_->Fail(approval.status());
        }
        if (!approval->pending_id.has_value()) {
          return self->exchange_->Finish(
              AcceptedReply(self->config().enrollment.approval_retry_after));
        }
        self->pending_id_ = approval->pending_id;
        self->asked_at_ = approval->asked_at;
        self->CountAndGoOn();
      });
}

void Enrollment::CountAndGoOn() {
  const absl::Duration wait = shared_.rate_limit.Take(
      config().label, config().limits.enrollments_per_minute,
      services_.clock->Now());
  if (wait > absl::ZeroDuration()) {
    return exchange_->Fail(
        RefuseUntil(Problem::kTooManyRequests,
                    absl::StrCat("this label takes ",
                                 config().limits.enrollments_per_minute,
                                 " enrollments per minute"),
                    wait));
  }
  if (is_server_key()) return MakeKey();
  Issue(request_.spki);
}

void Enrollment::MakeKey() {
  // Not a key, which may take seconds, for what can get no certificate.
  if (secret_id_.has_value()) {
    absl::Status status = services_.store->CheckUnused(
        enrollee_.id, *secret_id_,
        pending_id_.has_value() ? asked_at_ : services_.clock->Now());
    if (!status.ok()) return exchange_->Fail(RefusalOf(status));
  }
  if (Failpoint("est.make_key")) {
    return exchange_->Fail(absl::InternalError("failpoint est.make_key"));
  }
  MakeServerKey(shared_.key_maker, exchange_, *key_type_, std::move(recipient_),
                services_.clock->Now(),
                [self = shared_from_this()](
                    absl::StatusOr<std::shared_ptr<ServerKey>> key) {
                  if (!key.ok()) return self->exchange_->Fail(key.status());
                  self->server_key_ = *std::move(key);
                  self->Issue(self->server_key_->spki);
                });
}

void Enrollment::Issue(Bytes spki) {
  IssueOrder order;
  order.contents = contents_;
  order.spki = std::move(spki);
  order.identity_id = enrollee_.id;
  order.identity = enrollee_.identity;
  order.operation = std::string(est::OperationName(operation_));
  order.is_server_key = is_server_key();
  order.secret_id = secret_id_;
  order.pending_id = pending_id_;
  if (is_renewal()) order.replaces_serial = principal_.certificate->serial;
  if (config().upstream.forwards()) return Forward(std::move(order));
  Issuing::Start(services_, exchange_, std::move(order),
                 [self = shared_from_this()](absl::StatusOr<Bytes> issued) {
                   if (!issued.ok()) {
                     return self->exchange_->Fail(issued.status());
                   }
                   self->ReplyWith(*issued);
                 });
}

void Enrollment::Forward(IssueOrder order) {
  Forwarding::Start(
      services_, exchange_, {std::move(order), request_},
      [self = shared_from_this()](absl::StatusOr<ForwardingAnswer> answer) {
        if (!answer.ok()) return self->exchange_->Fail(answer.status());
        if (!answer->certificate_der.has_value()) {
          return self->exchange_->Finish(AcceptedReply(answer->retry_after));
        }
        self->ReplyWith(*answer->certificate_der);
      });
}

void Enrollment::ReplyWith(const Bytes& certificate_der) {
  // RFC 7030 4.2.3: "containing only the certificate that was issued".
  absl::StatusOr<Bytes> certs_only = SerializeCertsOnlyDer({certificate_der});
  if (!certs_only.ok()) return exchange_->Fail(certs_only.status());
  if (!is_server_key()) {
    return exchange_->Finish(
        EstReply(est::kCertsOnlyMediaType,
                 est::EncodeBody(*certs_only, config().line_wrap)));
  }
  absl::StatusOr<est::MimeBody> body =
      est::SerializeServerKeyReply({.encrypted = server_key_->is_encrypted,
                                    .key = std::move(server_key_->key),
                                    .certs_only = *std::move(certs_only)},
                                   config().line_wrap);
  server_key_.reset();
  if (!body.ok()) return exchange_->Fail(body.status());
  HttpResponse response;
  response.headers = {{"Content-Type", std::move(body->content_type)}};
  response.body = std::move(body->body);
  response.is_secret = true;
  exchange_->Finish(std::move(response));
}

}  // namespace bestow::server
