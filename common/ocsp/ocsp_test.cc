// Requests and responses together, with the openssl command at the other end.
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/ocsp/cert_id.h"
#include "common/ocsp/ocsp_nonce.h"
#include "common/ocsp/ocsp_request.h"
#include "common/ocsp/ocsp_response.h"
#include "common/pki/certificate.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

constexpr int64_t kStart = 1704067200;  // 2024-01-01

TEST(OcspRequestTest, EveryCase) {
  testdata::ExpectRoundTrips(
      "ocsp_request", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<OcspRequest> request = ParseOcspRequestDer(der);
        if (!request.ok()) return request.status();
        return SerializeOcspRequestDer(*request);
      });
}

TEST(OcspResponseTest, EveryCase) {
  testdata::ExpectRoundTrips(
      "ocsp_response", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<OcspResponse> response = ParseOcspResponseDer(der);
        if (!response.ok()) return response.status();
        return SerializeOcspResponseDer(*response);
      });
}

// What is said again from what was understood is octet by octet the same.
TEST(OcspResponseTest, DataIsWrittenFromItsFields) {
  for (const testdata::Case& test : testdata::LoadCases("ocsp_response")) {
    if (!test.accept || test.name == "single_extension") continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<OcspResponse> response =
        ParseOcspResponseDer(test.data);
    ASSERT_TRUE(response.ok());
    if (response->status != OcspResponseStatus::kSuccessful) continue;
    EXPECT_EQ(*SerializeOcspResponseDataDer(response->data),
              response->response_data_der);
  }
}

TEST(OcspRequestTest, OpensslReadsWhatWeTake) {
  for (const testdata::Case& test : testdata::LoadCases("ocsp_request")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const auto seen =
        testdata::RunOpenssl("ocsp -req_text -reqin " +
                             testdata::WriteScratch("request.der", test.data));
    EXPECT_EQ(seen.exit_code, 0) << seen.output;
    EXPECT_TRUE(absl::StrContains(seen.output, "Certificate ID"))
        << seen.output;
  }
}

TEST(OcspResponseTest, OpensslReadsWhatWeTake) {
  for (const testdata::Case& test : testdata::LoadCases("ocsp_response")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const auto seen =
        testdata::RunOpenssl("ocsp -noverify -resp_text -respin " +
                             testdata::WriteScratch("response.der", test.data));
    const std::string_view status =
        test.name == "malformed_request" ? "malformedrequest"
        : test.name == "internal_error"  ? "internalerror"
        : test.name == "try_later"       ? "trylater"
        : test.name == "sig_required"    ? "sigrequired"
        : test.name == "unauthorized"    ? "unauthorized"
                                         : "successful";
    EXPECT_TRUE(absl::StrContains(seen.output, status)) << seen.output;
  }
}

// The request that a GET stands for is octet by octet that of a POST.
TEST(OcspGetTest, EveryCase) {
  const Bytes request = testdata::LoadCase("ocsp_request", "sha1").data;
  int accept_count = 0, reject_count = 0;
  for (const testdata::Case& test : testdata::LoadCases("ocsp_get")) {
    SCOPED_TRACE(test.name);
    const absl::StatusOr<Bytes> der = DecodeOcspGet(AsText(test.data));
    testdata::ExpectStatus(test, der.status());
    if (der.ok()) {
      EXPECT_EQ(*der, request);
    }
    ++(test.accept ? accept_count : reject_count);
  }
  EXPECT_GT(reject_count, accept_count);
  EXPECT_EQ(*DecodeOcspGet(EncodeOcspGet(request)), request);
}

TEST(OcspNonceTest, OneTo128Octets) {
  for (const size_t size : {1u, 16u, 32u, 128u}) {
    const absl::StatusOr<Extension> extension =
        OcspNonceExtension(Bytes(size, 'n'));
    ASSERT_TRUE(extension.ok()) << size;
    EXPECT_EQ(*ParseOcspNonce(extension->value), Bytes(size, 'n'));
  }
  for (const size_t size : {0u, 129u}) {
    EXPECT_FALSE(OcspNonceExtension(Bytes(size, 'n')).ok()) << size;
  }
}

// A CA, a certificate of it, and a responder that it delegates to.
class OcspTest : public testing::Test {
 protected:
  void SetUp() override {
    const Bytes ca_der = Issue("Test CA", 1, *ca_, true, {});
    ca_pem_ = WritePem("ca.pem", ca_der);
    leaf_pem_ = WritePem("leaf.pem", Issue("gw-17", 0x55, *leaf_, false, {}));
    responder_der_ =
        Issue("Responder", 2, *responder_, false, oids::KpOcspSigning());
    issuer_ = *OcspIssuer::Create(*Name::FromCommonName("Test CA"),
                                  ca_->public_key_spki());
  }

  static std::string WritePem(const std::string& name, ByteView der) {
    return testdata::WriteScratch(name, AsBytes(SerializeCertificatePem(der)));
  }

  Bytes Issue(const std::string& subject, uint8_t serial, const Signer& key,
              bool is_ca, const der::Oid& purpose) {
    CertificateTemplate contents;
    contents.serial = {serial};
    contents.issuer = *Name::FromCommonName("Test CA");
    contents.subject = *Name::FromCommonName(subject);
    contents.not_before = absl::FromUnixSeconds(kStart);
    contents.not_after = contents.not_before + absl::Hours(24 * 3650);
    contents.spki = key.public_key_spki();
    contents.extensions = {{oids::BasicConstraints(), true,
                            *SerializeBasicConstraints({is_ca, {}})}};
    if (is_ca) {
      contents.extensions.push_back(
          {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign)});
    }
    if (!purpose.content.empty()) {
      contents.extensions.push_back({oids::ExtendedKeyUsage(), false,
                                     *SerializeExtendedKeyUsage({purpose})});
      contents.extensions.push_back(
          {oids::OcspNoCheck(), false, Bytes{0x05, 0x00}});
    }
    const Bytes tbs = *SerializeTbsCertificateDer(contents, ca_->algorithm());
    return *AssembleCertificateDer(tbs, ca_->algorithm(),
                                   *SignAndWait(*ca_, tbs));
  }

  // openssl's request for the leaf.
  OcspRequest Ask(const std::string& flags) {
    request_path_ = testdata::WriteScratch("request.der", {});
    const auto made = testdata::RunOpenssl(
        absl::StrCat("ocsp ", flags, " -issuer ", ca_pem_, " -cert ", leaf_pem_,
                     " -reqout ", request_path_));
    EXPECT_EQ(made.exit_code, 0) << made.output;
    std::string der;
    FILE* const file = fopen(request_path_.c_str(), "rb");
    char buffer[4096];
    der.append(buffer, fread(buffer, 1, sizeof(buffer), file));
    fclose(file);
    absl::StatusOr<OcspRequest> request = ParseOcspRequestDer(AsBytes(der));
    EXPECT_TRUE(request.ok()) << request.status();
    return request.ok() ? *std::move(request) : OcspRequest();
  }

  // What openssl makes of the answer to its last request.
  std::string Judge(const OcspResponseData& data, Signer& signer,
                    const std::vector<Bytes>& certificates) {
    const absl::StatusOr<Bytes> tbs = SerializeOcspResponseDataDer(data);
    EXPECT_TRUE(tbs.ok()) << tbs.status();
    const absl::StatusOr<Bytes> der = AssembleOcspResponseDer(
        *tbs, signer.algorithm(), *SignAndWait(signer, *tbs), certificates);
    EXPECT_TRUE(der.ok()) << der.status();
    return testdata::RunOpenssl(
               absl::StrCat("ocsp -issuer ", ca_pem_, " -cert ", leaf_pem_,
                            " -reqin ", request_path_, " -CAfile ", ca_pem_,
                            " -attime ", kStart + 3600,
                            " -no_nonce -validity_period 999999999 -respin ",
                            testdata::WriteScratch("response.der", *der)))
        .output;
  }

  OcspResponseData Answer(const OcspRequest& request, const Signer& signer) {
    OcspResponseData data;
    data.responder_key_hash = KeyIdentifier(signer.public_key_spki());
    data.produced_at = absl::FromUnixSeconds(kStart);
    data.nonce = request.nonce;
    for (const OcspSingleRequest& single : request.requests) {
      OcspSingleResponse one;
      one.id = single.id;
      one.status = OcspCertStatus::kGood;
      one.this_update = data.produced_at;
      data.responses.push_back(one);
    }
    return data;
  }

  const std::unique_ptr<SoftwareSigner> ca_ = *SoftwareSigner::Generate();
  const std::unique_ptr<SoftwareSigner> leaf_ = *SoftwareSigner::Generate();
  const std::unique_ptr<SoftwareSigner> responder_ =
      *SoftwareSigner::Generate();
  std::string ca_pem_, leaf_pem_, request_path_;
  Bytes responder_der_;
  OcspIssuer issuer_ = *OcspIssuer::Create(Name(), ca_->public_key_spki());
};

TEST_F(OcspTest, KnowsItsOwnCertificatesByBothHashes) {
  const OcspIssuer other = *OcspIssuer::Create(*Name::FromCommonName("Test CA"),
                                               leaf_->public_key_spki());
  const OcspIssuer renamed = *OcspIssuer::Create(
      *Name::FromCommonName("Test CB"), ca_->public_key_spki());
  for (const std::string hash : {"-sha1", "-sha256"}) {
    SCOPED_TRACE(hash);
    const OcspRequest request = Ask("-no_nonce " + hash);
    ASSERT_EQ(request.requests.size(), 1u);
    const OcspCertId& id = request.requests[0].id;
    EXPECT_EQ(id.serial, Bytes{0x55});
    EXPECT_TRUE(issuer_.Issued(id));
    EXPECT_FALSE(other.Issued(id));
    EXPECT_FALSE(renamed.Issued(id));
    EXPECT_EQ(*issuer_.IdOf(Bytes{0x55}, id.hash), id);
    EXPECT_TRUE(request.nonce.empty());
  }
  EXPECT_FALSE(issuer_.Issued(Ask("-sha384").requests[0].id));
  EXPECT_FALSE(issuer_.IdOf(Bytes{0x55}, OcspHash::kOther).ok());
  EXPECT_FALSE(issuer_.IdOf(Bytes{0x80}, OcspHash::kSha1).ok());
  EXPECT_FALSE(issuer_.IdOf(Bytes{0x00, 0x01}, OcspHash::kSha1).ok());
  EXPECT_FALSE(OcspIssuer::Create(Name(), Bytes{0x30, 0x00}).ok());
}

TEST_F(OcspTest, OpensslVerifiesTheDelegatedResponder) {
  const OcspRequest request = Ask("-nonce");
  ASSERT_FALSE(request.nonce.empty());
  OcspResponseData data = Answer(request, *responder_);
  std::string said = Judge(data, *responder_, {responder_der_});
  EXPECT_TRUE(absl::StrContains(said, "Response verify OK")) << said;
  EXPECT_TRUE(absl::StrContains(said, "leaf.pem: good")) << said;
  data.responses[0].status = OcspCertStatus::kRevoked;
  data.responses[0].revoked_at = absl::FromUnixSeconds(kStart - 60);
  data.responses[0].reason = RevocationReason::kKeyCompromise;
  data.responses[0].next_update = absl::FromUnixSeconds(kStart + 86400);
  said = Judge(data, *responder_, {responder_der_});
  for (const std::string_view part :
       {"Response verify OK", "leaf.pem: revoked", "keyCompromise",
        "Revocation Time: Dec 31 23:59:00 2023 GMT",
        "Next Update: Jan  2 00:00:00 2024 GMT"}) {
    EXPECT_TRUE(absl::StrContains(said, part)) << part << said;
  }
  data.responses[0].status = OcspCertStatus::kUnknown;
  said = Judge(data, *responder_, {responder_der_});
  EXPECT_TRUE(absl::StrContains(said, "leaf.pem: unknown")) << said;
}

TEST_F(OcspTest, OpensslRefusesAResponderWithoutTheRight) {
  const OcspRequest request = Ask("-no_nonce");
  // The CA's own key, then one that it has not delegated to.
  EXPECT_TRUE(absl::StrContains(Judge(Answer(request, *ca_), *ca_, {}),
                                "Response verify OK"));
  const Bytes device = Issue("gw-17", 0x55, *leaf_, false, {});
  EXPECT_FALSE(absl::StrContains(
      Judge(Answer(request, *leaf_), *leaf_, {device}), "Response verify OK"));
}

TEST_F(OcspTest, OpensslReadsOurRequest) {
  OcspRequest request;
  request.requests.push_back({*issuer_.IdOf(Bytes{0x55}, OcspHash::kSha1), {}});
  request.extensions = {*OcspNonceExtension(Bytes(32, 0xAB))};
  const absl::StatusOr<Bytes> der = SerializeOcspRequestDer(request);
  ASSERT_TRUE(der.ok()) << der.status();
  EXPECT_EQ(ParseOcspRequestDer(*der)->nonce, Bytes(32, 0xAB));
  const auto seen = testdata::RunOpenssl(
      "ocsp -req_text -reqin " + testdata::WriteScratch("our.der", *der));
  EXPECT_EQ(seen.exit_code, 0) << seen.output;
  EXPECT_TRUE(absl::StrContains(seen.output, "Serial Number: 55"));
  EXPECT_TRUE(absl::StrContains(seen.output, "OCSP Nonce"));
  request.requests.clear();
  EXPECT_FALSE(SerializeOcspRequestDer(request).ok());
}

TEST_F(OcspTest, RefusesToSayNonsense) {
  const OcspResponseData good = Answer(Ask("-no_nonce"), *ca_);
  ASSERT_TRUE(SerializeOcspResponseDataDer(good).ok());
  OcspResponseData data = good;
  data.responses.clear();
  EXPECT_FALSE(SerializeOcspResponseDataDer(data).ok());
  data = good;
  data.responses.resize(kMaxOcspSingleResponses + 1, good.responses[0]);
  EXPECT_FALSE(SerializeOcspResponseDataDer(data).ok());
  data = good;
  data.responses[0].next_update = data.responses[0].this_update;
  EXPECT_FALSE(SerializeOcspResponseDataDer(data).ok());
  data = good;
  data.nonce = Bytes(kMaxOcspNonceBytes + 1, 1);
  EXPECT_FALSE(SerializeOcspResponseDataDer(data).ok());
  data = good;
  data.responses[0].reason = RevocationReason::kRemoveFromCrl;
  EXPECT_FALSE(SerializeOcspResponseDataDer(data).ok());
}

}  // namespace
}  // namespace bestow
