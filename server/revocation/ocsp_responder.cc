#include "server/revocation/ocsp_responder.h"

#include <algorithm>
#include <utility>

#include "common/crypto/signer.h"

namespace bestow::server {
namespace {

// RFC 5019 6.1: a newer answer is there before the max-age of the old one.
constexpr double kRefreshFraction = 0.5;

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

OcspAnswer Error(OcspResponseStatus status) {
  OcspAnswer answer;
  answer.der = SerializeOcspErrorDer(status);
  return answer;
}

std::string KeyOf(const OcspCertId& id) { return std::string(AsText(id.der)); }

}  // namespace

absl::StatusOr<OcspSingleResponse> OcspResponder::StatusOf(
    const OcspSigner& signer, const OcspCertId& id, absl::Time now) const {
  const IssuingKey& key = signer.issuing_key;
  OcspSingleResponse response;
  response.id = id;
  response.this_update = WholeSeconds(now);
  // RFC 5019 2.2.4: always there. Its signer's certificate is good for as long.
  response.next_update =
      std::max(response.this_update + absl::Seconds(1),
               std::min(WholeSeconds(now + key.config.ocsp_validity),
                        signer.certificate.not_after));
  absl::StatusOr<CertificateRecord> record = store_.FindCertificate(id.serial);
  if (!record.ok() && !absl::IsNotFound(record.status())) {
    return record.status();
  }
  // Another CA of this store may have given that number.
  if (!record.ok() || record->issuer_key_id != key.key_id) {
    const bool is_own =
        std::find(key.own_serials.begin(), key.own_serials.end(), id.serial) !=
        key.own_serials.end();
    response.status = is_own ? OcspCertStatus::kGood : OcspCertStatus::kUnknown;
    return response;
  }
  response.status = OcspCertStatus::kGood;
  if (record->revocation.has_value()) {
    response.status = OcspCertStatus::kRevoked;
    response.revoked_at = WholeSeconds(record->revocation->at);
    response.reason = record->revocation->reason;
  }
  return response;
}

absl::StatusOr<OcspAnswer> OcspResponder::Sign(const OcspSigner& signer,
                                               OcspResponseData data) {
  data.responder_key_hash = signer.key_hash;
  absl::StatusOr<Bytes> der = SerializeOcspResponseDataDer(data);
  if (!der.ok()) return der.status();
  absl::StatusOr<Bytes> signature = SignAndWait(*signer.key, *der);
  if (!signature.ok()) return signature.status();
  absl::StatusOr<Bytes> whole = AssembleOcspResponseDer(
      *der, signer.key->algorithm(), *signature, {signer.certificate.der});
  if (!whole.ok()) return whole.status();
  OcspAnswer answer;
  answer.der = *std::move(whole);
  answer.is_authoritative =
      std::all_of(data.responses.begin(), data.responses.end(),
                  [](const OcspSingleResponse& one) {
                    return one.status != OcspCertStatus::kUnknown;
                  });
  return answer;
}

std::optional<OcspAnswer> OcspResponder::FindKept(
    const OcspSingleResponse& response, absl::Time now) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = kept_.find(KeyOf(response.id));
  if (it == kept_.end()) return std::nullopt;
  const Kept& kept = it->second;
  const bool is_same = kept.status == response.status &&
                       kept.revoked_at == response.revoked_at &&
                       kept.reason == response.reason;
  const OcspAnswer::Times& times = *kept.answer.cacheable;
  if (!is_same || now >= times.refresh_at || now < times.this_update) {
    return std::nullopt;
  }
  return kept.answer;
}

void OcspResponder::Keep(const OcspSingleResponse& response,
                         const OcspAnswer& answer) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string key = KeyOf(response.id);
  const auto [it, is_new] = kept_.insert_or_assign(
      key, Kept{response.status, response.revoked_at, response.reason, answer});
  if (!is_new) return;
  order_.push_back(std::move(key));
  if (order_.size() > max_kept_) {
    kept_.erase(order_.front());
    order_.pop_front();
  }
}

OcspAnswer OcspResponder::Answer(ByteView request_der, absl::Time now) {
  absl::StatusOr<OcspRequest> request = ParseOcspRequestDer(request_der);
  if (!request.ok()) return Error(OcspResponseStatus::kMalformedRequest);
  const std::shared_ptr<const OcspSigner> signer =
      signers_.Find(request->requests.front().id);
  if (signer == nullptr) return Error(OcspResponseStatus::kUnauthorized);
  OcspResponseData data;
  data.produced_at = WholeSeconds(now);
  data.nonce = request->nonce;
  for (const OcspSingleRequest& single : request->requests) {
    // One signer answers for one CA.
    if (!signer->issuer.Issued(single.id)) {
      return Error(OcspResponseStatus::kUnauthorized);
    }
    absl::StatusOr<OcspSingleResponse> response =
        StatusOf(*signer, single.id, now);
    if (!response.ok()) return Error(OcspResponseStatus::kTryLater);
    data.responses.push_back(*std::move(response));
  }
  const bool is_light = data.responses.size() == 1 && data.nonce.empty();
  const OcspSingleResponse first = data.responses.front();
  if (is_light) {
    std::optional<OcspAnswer> kept = FindKept(first, now);
    if (kept.has_value()) return *std::move(kept);
  }
  absl::StatusOr<OcspAnswer> answer = Sign(*signer, std::move(data));
  if (!answer.ok()) return Error(OcspResponseStatus::kInternalError);
  if (is_light && answer->is_authoritative) {
    answer->cacheable = OcspAnswer::Times{
        first.this_update, *first.next_update,
        first.this_update +
            kRefreshFraction * (*first.next_update - first.this_update)};
    Keep(first, *answer);
  }
  return *std::move(answer);
}

}  // namespace bestow::server
