// The enroller's part that learns what is new: CA certificates, renewal
// information.
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/enroll/enroller.h"
#include "common/crypto/public_key.h"
#include "common/est/renewal_info.h"
#include "common/est_client/trust_source.h"
#include "common/net/http_message.h"
#include "common/pki/certs_only.h"

namespace bestow::agent {

void Enroller::Do(const action::FetchCaCerts& action) {
  observer_.working(action.mode);
  DropConnection();
  login_.emplace(config_.username,
                 [path = config_.secret_file] { return ReadSecretFile(path); });
  const Channel channel =
      action.bootstrap ? Channel::kPinned : ChannelFor(action.mode);
  if (action.bootstrap && !config_.ca_sha256) {
    return Fail("", absl::FailedPreconditionError(
                        "the CA file holds no certificate to trust"));
  }
  WithConnection(channel, [this, bootstrap = action.bootstrap] {
    client_->Get(
        est::Operation::kCaCerts, nullptr,
        [this, guard = Guard(), bootstrap](absl::StatusOr<EstReply> reply) {
          guard([&] { TakeCaCerts(reply, bootstrap); });
        });
  });
}

void Enroller::TakeCaCerts(const absl::StatusOr<EstReply>& reply,
                           bool bootstrap) {
  constexpr std::string_view kWhat = "fetching the CA certificates";
  if (!reply.ok()) return Fail(kWhat, reply.status());
  if (reply->status != 200) return Refused(kWhat, *reply);
  auto certs = ParseCertsOnlyDer(reply->body);
  if (!certs.ok()) return Fail(kWhat, certs.status());
  Trust vouching = trust_;
  if (bootstrap) {
    auto pinned = FindPinned(certs->certificates, *config_.ca_sha256);
    if (!pinned.ok()) return Fail(kWhat, pinned.status());
    auto alone = MakeTrust(configured_cas_, {*pinned}, config_.ca_sha256);
    if (!alone.ok()) return Fail(kWhat, alone.status());
    vouching = *std::move(alone);
  }
  CaUpdate update =
      UpdateCaCerts(vouching, learned_cas_, certs->certificates, clock_.Now());
  auto trust = MakeTrust(configured_cas_, update.learned, config_.ca_sha256);
  if (!trust.ok()) return Fail(kWhat, trust.status());
  if (trust->anchors == nullptr) {
    return Fail(kWhat, absl::InvalidArgumentError(
                           "there is no CA certificate among them"));
  }
  if (update.learned != learned_cas_) {
    absl::Status s = store_.SaveCaCerts(
        TrustSource(config_.ca_sha256, configured_cas_), update.learned);
    if (!s.ok()) return Fail("keeping the CA certificates", s);
    learned_cas_ = std::move(update.learned);
    observer_.log(
        absl::StrCat("got the CA certificates (", learned_cas_.size(), ")"));
    for (const Certificate& ca : update.added) {
      observer_.log(
          absl::StrCat("trusts a new CA certificate: ", ca.subject.ToText(),
                       ", sha256 ", HexEncode(Sha256(ca.der))));
    }
    for (const Certificate& ca : update.dropped) {
      observer_.log(absl::StrCat("dropped a CA certificate that is over: ",
                                 ca.subject.ToText()));
    }
  }
  // Said once, not at each refresh.
  if (update.refused != refused_cas_) {
    refused_cas_ = std::move(update.refused);
    for (const std::string& why : refused_cas_) {
      observer_.log(
          absl::StrCat("note: /cacerts has a certificate that is "
                       "not taken: ",
                       why));
    }
  }
  trust_ = *std::move(trust);
  Handle(event::CaCertsFetched{});
}

void Enroller::Do(const action::FetchRenewalInfo&) {
  observer_.working(Mode::kCheckup);
  const Certificate& ours = current_->certificate;
  if (ours.authority_key_id.empty()) {
    // There is no way to ask for such a certificate.
    return Handle(event::RenewalInfoFetched{});
  }
  WithConnection(Channel::kServerAuth, [this, &ours] {
    client_->GetText(
        est::Operation::kRenewalInfo,
        est::RenewalInfoId(ours.authority_key_id, ours.serial),
        [this, guard = Guard()](absl::StatusOr<HttpResponse> response) {
          guard([&] { TakeRenewalInfo(response); });
        });
  });
}

void Enroller::TakeRenewalInfo(const absl::StatusOr<HttpResponse>& response) {
  constexpr std::string_view kWhat = "asking for renewal information";
  if (!response.ok()) return Fail(kWhat, response.status());
  event::RenewalInfoFetched fetched;
  if (auto header = FindHeader(response->headers, "Retry-After")) {
    fetched.retry_after = ParseRetryAfter(*header, clock_.Now());
  }
  if (IsRefusal(response->status) || response->status == 404 ||
      response->status == 501) {
    // Most EST servers have none.
    return Handle(fetched);
  }
  if (response->status != 200) {
    return Refused(kWhat, {.status = response->status,
                           .reason = SanitizeReason(response->body),
                           .retry_after = fetched.retry_after});
  }
  auto info = est::ParseRenewalInfoJson(response->body);
  if (!info.ok()) return Fail(kWhat, info.status());
  fetched.window = {info->start, info->end};
  if (!info->explanation_url.empty() &&
      info->explanation_url != explanation_url_) {
    explanation_url_ = info->explanation_url;
    observer_.log(
        absl::StrCat("the server explains when to renew: ", explanation_url_));
  }
  Handle(fetched);
}

}  // namespace bestow::agent
