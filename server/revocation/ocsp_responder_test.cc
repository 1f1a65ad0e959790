#include "server/revocation/ocsp_responder.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/crypto/public_key.h"
#include "common/ocsp/ocsp_nonce.h"
#include "common/ocsp/ocsp_request.h"
#include "common/ocsp/ocsp_response.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/revocation/issuing_key_fixture.h"
#include "server/revocation/ocsp_signer.h"

namespace bestow::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);

class OcspResponderTest : public IssuingKeyFixture {
 protected:
  void SetUp() override {
    IssuingKeyFixture::SetUp();
    key_.config.ocsp_validity = absl::Hours(1);
    Serve({key_});
  }
  void TearDown() override {
    responder_.reset();
    signers_.reset();
    IssuingKeyFixture::TearDown();
  }

  void Serve(IssuingKeys keys) {
    keys_ = std::make_shared<const IssuingKeys>(std::move(keys));
    if (signers_ == nullptr) {
      signers_ = std::make_unique<OcspSigners>(
          OcspSigners::Options{[this] { return keys_; }, store_.get()});
      responder_ = std::make_unique<OcspResponder>(*signers_, *store_, 2);
    }
    signers_->Run(clock_.Now());
  }

  static OcspCertId IdOf(const IssuingKey& key, ByteView serial,
                         OcspHash hash = OcspHash::kSha1) {
    return *OcspIssuer::Create(key.certificate().subject,
                               key.certificate().spki)
                ->IdOf(serial, hash);
  }
  static Bytes RequestFor(const std::vector<OcspCertId>& ids,
                          const Bytes& nonce = {}) {
    OcspRequest request;
    for (const OcspCertId& id : ids) request.requests.push_back({id, {}});
    if (!nonce.empty()) {
      request.extensions.push_back(*OcspNonceExtension(nonce));
    }
    return *SerializeOcspRequestDer(request);
  }
  OcspAnswer Ask(const Bytes& request) {
    return responder_->Answer(request, clock_.Now());
  }
  // What it says, after checking who signed it.
  OcspResponse Read(const OcspAnswer& answer) {
    auto response = ParseOcspResponseDer(answer.der);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return {};
    if (response->status != OcspResponseStatus::kSuccessful) return *response;
    EXPECT_THAT(response->certificates, SizeIs(1));
    auto signer = ParseCertificateDer(response->certificates.at(0));
    EXPECT_TRUE(signer.ok()) << signer.status();
    EXPECT_EQ(response->data.responder_key_hash, KeyIdentifier(signer->spki));
    EXPECT_TRUE(VerifySignature(response->signature_algorithm, signer->spki,
                                response->response_data_der,
                                response->signature)
                    .ok());
    EXPECT_EQ(response->data.produced_at, clock_.Now());
    return *response;
  }
  OcspSingleResponse StatusOf(const Bytes& serial,
                              OcspHash hash = OcspHash::kSha1) {
    const OcspResponse response =
        Read(Ask(RequestFor({IdOf(key_, serial, hash)})));
    EXPECT_EQ(response.status, OcspResponseStatus::kSuccessful);
    EXPECT_THAT(response.data.responses, SizeIs(1));
    if (response.data.responses.empty()) return {};
    return response.data.responses[0];
  }
  OcspResponseStatus ErrorOf(const Bytes& request) {
    const OcspAnswer answer = Ask(request);
    EXPECT_FALSE(answer.is_authoritative);
    EXPECT_FALSE(answer.cacheable.has_value());
    return Read(answer).status;
  }
  Certificate SignerCertificate() {
    const OcspResponse response = Read(Ask(RequestFor({IdOf(key_, {1})})));
    return *ParseCertificateDer(response.certificates.at(0));
  }

  std::shared_ptr<const IssuingKeys> keys_;
  std::unique_ptr<OcspSigners> signers_;
  std::unique_ptr<OcspResponder> responder_;
};

TEST_P(OcspResponderTest, GoodRevokedAndUnknown) {
  const Certificate good = IssueFrom(key_);
  const Certificate revoked = IssueFrom(key_);
  const Certificate held = IssueFrom(key_);
  clock_.Advance(absl::Minutes(1));
  const absl::Time at = clock_.Now();
  Revoke(revoked, RevocationReason::kKeyCompromise);
  Revoke(held, RevocationReason::kCertificateHold);
  clock_.Advance(absl::Minutes(1));
  for (const OcspHash hash : {OcspHash::kSha1, OcspHash::kSha256}) {
    const OcspSingleResponse is_good = StatusOf(good.serial, hash);
    EXPECT_EQ(is_good.status, OcspCertStatus::kGood);
    EXPECT_EQ(is_good.id, IdOf(key_, good.serial, hash));
    EXPECT_EQ(is_good.this_update, clock_.Now());
    EXPECT_EQ(is_good.next_update, clock_.Now() + absl::Hours(1));
    const OcspSingleResponse is_revoked = StatusOf(revoked.serial, hash);
    EXPECT_EQ(is_revoked.status, OcspCertStatus::kRevoked);
    EXPECT_EQ(is_revoked.revoked_at, at);
    EXPECT_EQ(is_revoked.reason, RevocationReason::kKeyCompromise);
    EXPECT_EQ(StatusOf(held.serial, hash).reason,
              RevocationReason::kCertificateHold);
    EXPECT_EQ(StatusOf({0x11, 0x22}, hash).status, OcspCertStatus::kUnknown);
  }
  // The CA's own, which the store need not know.
  key_.own_serials = {key_.certificate().serial};
  Serve({key_});
  EXPECT_EQ(StatusOf(key_.certificate().serial).status, OcspCertStatus::kGood);
}

// RFC 6960 2.2: "unknown" for what this CA never issued, though another of
// this server did.
TEST_P(OcspResponderTest, ASerialNumberOfAnotherCaIsUnknown) {
  IssuingKey other = MakeKey("Other CA");
  other.folder = "cas/other";
  Serve({key_, other});
  const Certificate certificate = IssueFrom(other);
  EXPECT_EQ(StatusOf(certificate.serial).status, OcspCertStatus::kUnknown);
  const OcspResponse response =
      Read(Ask(RequestFor({IdOf(other, certificate.serial)})));
  EXPECT_EQ(response.data.responses.at(0).status, OcspCertStatus::kGood);
}

TEST_P(OcspResponderTest, RefusesWhatItCanNotAnswer) {
  const Certificate ours = IssueFrom(key_);
  const IssuingKey stranger = MakeKey("Stranger");
  const Bytes right = RequestFor({IdOf(key_, ours.serial)});
  EXPECT_EQ(Read(Ask(right)).status, OcspResponseStatus::kSuccessful);
  EXPECT_EQ(ErrorOf({}), OcspResponseStatus::kMalformedRequest);
  EXPECT_EQ(ErrorOf({0x30, 0x00}), OcspResponseStatus::kMalformedRequest);
  Bytes cut = right;
  cut.pop_back();
  EXPECT_EQ(ErrorOf(cut), OcspResponseStatus::kMalformedRequest);
  // RFC 5019 2.2.3: not capable of responding authoritatively.
  EXPECT_EQ(ErrorOf(RequestFor({IdOf(stranger, ours.serial)})),
            OcspResponseStatus::kUnauthorized);
  EXPECT_EQ(ErrorOf(RequestFor(
                {IdOf(key_, ours.serial), IdOf(stranger, ours.serial)})),
            OcspResponseStatus::kUnauthorized);
  // A CA that does not publish.
  key_.is_published = false;
  Serve({key_});
  EXPECT_EQ(ErrorOf(right), OcspResponseStatus::kUnauthorized);
}

// RFC 6960 4.4.1, RFC 8954: the nonce of the request, and of no other.
TEST_P(OcspResponderTest, AnswersEachNonceAfresh) {
  const OcspCertId id = IdOf(key_, IssueFrom(key_).serial);
  const OcspAnswer without = Ask(RequestFor({id}));
  EXPECT_THAT(Read(without).data.nonce, IsEmpty());
  EXPECT_TRUE(without.cacheable.has_value());
  for (const Bytes& nonce : {Bytes(16, 0x0a), Bytes(32, 0x0b)}) {
    const OcspAnswer answer = Ask(RequestFor({id}, nonce));
    EXPECT_EQ(Read(answer).data.nonce, nonce);
    EXPECT_TRUE(answer.is_authoritative);
    EXPECT_FALSE(answer.cacheable.has_value());
  }
}

TEST_P(OcspResponderTest, AnswersManyAtOnce) {
  const Certificate good = IssueFrom(key_);
  const Certificate revoked = IssueFrom(key_);
  Revoke(revoked);
  const OcspAnswer answer =
      Ask(RequestFor({IdOf(key_, good.serial), IdOf(key_, revoked.serial),
                      IdOf(key_, {0x77})}));
  EXPECT_FALSE(answer.cacheable.has_value());
  const OcspResponse response = Read(answer);
  ASSERT_THAT(response.data.responses, SizeIs(3));
  EXPECT_EQ(response.data.responses[0].status, OcspCertStatus::kGood);
  EXPECT_EQ(response.data.responses[1].status, OcspCertStatus::kRevoked);
  EXPECT_EQ(response.data.responses[2].status, OcspCertStatus::kUnknown);
}

// RFC 5019 6.1: "OCSP responders MUST refresh the OCSP response before the
// max-age time."
TEST_P(OcspResponderTest, GivesASignedAnswerAgainUntilHalfOfItsTime) {
  const Bytes request = RequestFor({IdOf(key_, IssueFrom(key_).serial)});
  const OcspAnswer first = Ask(request);
  ASSERT_TRUE(first.cacheable.has_value());
  EXPECT_EQ(first.cacheable->refresh_at, clock_.Now() + absl::Minutes(30));
  clock_.Advance(absl::Minutes(29));
  EXPECT_EQ(Ask(request).der, first.der);
  clock_.Advance(absl::Minutes(1));
  const OcspAnswer second = Ask(request);
  EXPECT_NE(second.der, first.der);
  EXPECT_EQ(second.cacheable->this_update, clock_.Now());
  // One from a clock that was ahead is none.
  clock_.Advance(-kDay);
  EXPECT_EQ(Ask(request).cacheable->this_update, clock_.Now());
}

TEST_P(OcspResponderTest, ARevocationCountsFromThatMoment) {
  const Certificate certificate = IssueFrom(key_);
  EXPECT_EQ(StatusOf(certificate.serial).status, OcspCertStatus::kGood);
  Revoke(certificate, RevocationReason::kCertificateHold);
  EXPECT_EQ(StatusOf(certificate.serial).status, OcspCertStatus::kRevoked);
  Release(certificate);
  EXPECT_EQ(StatusOf(certificate.serial).status, OcspCertStatus::kGood);
  Revoke(certificate, RevocationReason::kSuperseded);
  EXPECT_EQ(StatusOf(certificate.serial).reason, RevocationReason::kSuperseded);
}

TEST_P(OcspResponderTest, KeepsNoMoreAnswersThanItMay) {
  std::vector<Bytes> requests;
  std::vector<Bytes> answers;
  for (int i = 0; i < 3; ++i) {
    requests.push_back(RequestFor({IdOf(key_, IssueFrom(key_).serial)}));
    answers.push_back(Ask(requests.back()).der);
  }
  // Room for two: the first is gone, and is signed again.
  EXPECT_EQ(Ask(requests[2]).der, answers[2]);
  EXPECT_EQ(Ask(requests[1]).der, answers[1]);
  EXPECT_NE(Ask(requests[0]).der, answers[0]);
  // "unknown" is said of anything, and not kept.
  const Bytes unknown = RequestFor({IdOf(key_, {0x55})});
  EXPECT_NE(Ask(unknown).der, Ask(unknown).der);
  EXPECT_EQ(Ask(requests[2]).der, answers[2]);
}

// RFC 6960 4.2.2.2: issued by the CA itself, for OCSP answers and nothing else.
TEST_P(OcspResponderTest, TheSignersCertificateIsTheCasAndRecorded) {
  const Certificate signer = SignerCertificate();
  const Certificate& ca = key_.certificate();
  EXPECT_EQ(signer.issuer, ca.subject);
  EXPECT_EQ(signer.authority_key_id, key_.key_id);
  EXPECT_TRUE(VerifySignature(signer.signature_algorithm, ca.spki,
                              signer.tbs_der, signer.signature)
                  .ok());
  EXPECT_THAT(signer.extended_key_usage, ElementsAre(oids::KpOcspSigning()));
  EXPECT_EQ(signer.key_usage, uint32_t{kDigitalSignature});
  EXPECT_FALSE(signer.basic_constraints->is_ca);
  int nochecks = 0;
  for (const Extension& extension : signer.extensions) {
    EXPECT_NE(extension.id, oids::CrlDistributionPoints());
    EXPECT_NE(extension.id, oids::AuthorityInfoAccess());
    if (extension.id != oids::OcspNoCheck()) continue;
    ++nochecks;
    EXPECT_FALSE(extension.critical);
    EXPECT_EQ(extension.value, (Bytes{0x05, 0x00}));
  }
  EXPECT_EQ(nochecks, 1);
  auto record = store_->FindCertificate(signer.serial);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->operation, "ocsp");
  EXPECT_EQ(record->certificate, signer.der);
}

TEST_P(OcspResponderTest, RenewsTheSignersCertificateAtHalfOfItsLife) {
  const Certificate first = SignerCertificate();
  const absl::Duration life = first.not_after - first.not_before;
  signers_->Run(clock_.Now());
  EXPECT_EQ(SignerCertificate(), first);
  clock_.Advance(life / 2 + absl::Minutes(1));
  signers_->Run(clock_.Now());
  const Certificate second = SignerCertificate();
  EXPECT_NE(second.spki, first.spki);
  EXPECT_GT(second.not_after, first.not_after);
  // An answer is never good for longer than its signer's certificate.
  EXPECT_LT(*StatusOf({1}).next_update, second.not_after);
}

TEST_P(OcspResponderTest, GoesOnWithTheOldSignerWhenNoneCanBeMade) {
  const Certificate first = SignerCertificate();
  clock_.Advance((first.not_after - first.not_before) * 3 / 4);
  // No certificate is out without its record.
  class Full : public Signer {
   public:
    explicit Full(Bytes spki) : spki_(std::move(spki)) {}
    const Bytes& public_key_spki() const override { return spki_; }
    SignatureAlgorithm algorithm() const override {
      return SignatureAlgorithm::kEcdsaP256Sha256;
    }
    void Sign(SignatureAlgorithm, ByteView, Done done) override {
      done(absl::UnavailableError("the TPM is gone"));
    }

   private:
    const Bytes spki_;
  };
  key_.authority = *CertificateAuthority::Create(
      key_.certificate(), std::make_shared<Full>(key_.certificate().spki));
  Serve({key_});
  EXPECT_EQ(SignerCertificate(), first);
  clock_.Advance((first.not_after - first.not_before) / 2);
  Serve({key_});
  EXPECT_EQ(ErrorOf(RequestFor({IdOf(key_, {1})})),
            OcspResponseStatus::kUnauthorized);
}

TEST_P(OcspResponderTest, EndsWithItsCa) {
  IssuingKey brief = MakeKey("Brief CA", absl::Hours(2));
  brief.config.ocsp_validity = kDay;
  const Bytes request = RequestFor({IdOf(brief, {1})});
  Serve({brief});
  const OcspResponse response = Read(Ask(request));
  EXPECT_EQ(response.data.responses.at(0).next_update,
            brief.certificate().not_after);
  clock_.Advance(absl::Hours(3));
  Serve({brief});
  EXPECT_EQ(ErrorOf(request), OcspResponseStatus::kUnauthorized);
}

INSTANTIATE_ON_BOTH_ENGINES(OcspResponderTest);

}  // namespace
}  // namespace bestow::server
