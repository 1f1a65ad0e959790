#include "server/revocation/public_http.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/ocsp/ocsp_nonce.h"
#include "common/pki/crl.h"
#include "gtest/gtest.h"
#include "server/revocation/issuing_key_fixture.h"

namespace bestow::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PublicHttpTest : public IssuingKeyFixture {
 protected:
  void SetUp() override {
    IssuingKeyFixture::SetUp();
    Serve({key_});
  }
  void Serve(IssuingKeys keys) {
    keys_ = std::make_shared<const IssuingKeys>(std::move(keys));
    const auto now = [this] { return keys_; };
    if (http_ == nullptr) {
      crls_ = std::make_unique<CrlPublisher>(
          CrlPublisher::Options{now, store_.get()});
      signers_ = std::make_unique<OcspSigners>(
          OcspSigners::Options{now, store_.get()});
      ocsp_ = std::make_unique<OcspResponder>(*signers_, *store_);
      http_ = std::make_unique<PublicHttp>(
          PublicHttp::Options{now, crls_.get(), ocsp_.get(), &clock_});
    }
    crls_->Run(clock_.Now());
    signers_->Run(clock_.Now());
  }

  HttpResponse Ask(const std::string& method, const std::string& target,
                   const HttpHeaders& headers = {},
                   const std::string& body = "") {
    return http_->Handle({method, target, headers, body});
  }
  HttpResponse Get(const std::string& target, const HttpHeaders& headers = {}) {
    return Ask("GET", target, headers);
  }
  static std::string HeaderOf(const HttpResponse& response,
                              const std::string& name) {
    return FindHeader(response.headers, name).value_or("");
  }
  Bytes OcspRequestFor(const Bytes& serial, const Bytes& nonce = {}) {
    OcspRequest request;
    request.requests.push_back({*OcspIssuer::Create(key_.certificate().subject,
                                                    key_.certificate().spki)
                                     ->IdOf(serial, OcspHash::kSha1),
                                {}});
    if (!nonce.empty()) {
      request.extensions.push_back(*OcspNonceExtension(nonce));
    }
    return *SerializeOcspRequestDer(request);
  }
  static OcspResponseStatus StatusOf(const HttpResponse& response) {
    auto parsed = ParseOcspResponseDer(AsBytes(response.body));
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed.ok() ? parsed->status : OcspResponseStatus::kSigRequired;
  }

  std::shared_ptr<const IssuingKeys> keys_;
  std::unique_ptr<CrlPublisher> crls_;
  std::unique_ptr<OcspSigners> signers_;
  std::unique_ptr<OcspResponder> ocsp_;
  std::unique_ptr<PublicHttp> http_;
};

TEST_P(PublicHttpTest, ShowsTheCrlAndTheCertificateOfEachKey) {
  IssuingKey former = MakeKey("Test CA");
  former.is_current = false;
  Serve({key_, former});
  for (const IssuingKey& key : {key_, former}) {
    const KeyPaths paths = PathsOf("ca", key.key_id);
    const HttpResponse crl = Get(paths.crl);
    EXPECT_EQ(crl.status, 200);
    EXPECT_EQ(HeaderOf(crl, "Content-Type"), "application/pkix-crl");
    EXPECT_EQ(ParseCrlDer(AsBytes(crl.body))->contents.authority_key_id,
              key.key_id);
    const HttpResponse certificate = Get(paths.certificate);
    EXPECT_EQ(HeaderOf(certificate, "Content-Type"), "application/pkix-cert");
    EXPECT_EQ(ToBytes(AsBytes(certificate.body)), key.certificate().der);
  }
  // By the folder's name: the key that issues now.
  EXPECT_EQ(Get("/crl/ca.crl").body, Get(PathsOf("ca", key_.key_id).crl).body);
  EXPECT_EQ(ToBytes(AsBytes(Get("/ca/ca.cer").body)), key_.certificate().der);
}

TEST_P(PublicHttpTest, ShowsDeltasWhereThereAreAny) {
  EXPECT_EQ(Get("/crl/ca.delta.crl").status, 404);
  key_.config.delta_interval = absl::Hours(1);
  Serve({key_});
  clock_.Advance(absl::Hours(1));
  Serve({key_});
  const HttpResponse delta = Get("/crl/ca.delta.crl");
  EXPECT_EQ(delta.status, 200);
  EXPECT_TRUE(ParseCrlDer(AsBytes(delta.body))->contents.base_number);
}

TEST_P(PublicHttpTest, TellsCachesHowLongACrlIsGood) {
  clock_.Advance(absl::Minutes(10));
  const HttpResponse crl = Get("/crl/ca.crl");
  // Issued at 1800000000 and good for a week.
  EXPECT_EQ(HeaderOf(crl, "Last-Modified"), "Fri, 15 Jan 2027 08:00:00 GMT");
  EXPECT_EQ(HeaderOf(crl, "Expires"), "Fri, 22 Jan 2027 08:00:00 GMT");
  EXPECT_EQ(HeaderOf(crl, "Cache-Control"),
            "max-age=3600, public, no-transform, must-revalidate");
  const std::string etag = HeaderOf(crl, "ETag");
  for (const HttpHeaders& headers : {
           HttpHeaders{{"If-None-Match", etag}},
           {{"If-None-Match", absl::StrCat("\"other\", W/", etag)}},
           {{"If-None-Match", "*"}},
           {{"If-Modified-Since", "Fri, 15 Jan 2027 08:00:00 GMT"}},
       }) {
    const HttpResponse again = Get("/crl/ca.crl", headers);
    EXPECT_EQ(again.status, 304) << headers[0].second;
    EXPECT_THAT(again.body, IsEmpty());
    EXPECT_EQ(HeaderOf(again, "ETag"), etag);
  }
  for (const HttpHeaders& headers : {
           HttpHeaders{{"If-None-Match", "\"other\""}},
           {{"If-None-Match", "\"other\""},
            {"If-Modified-Since", "Fri, 15 Jan 2027 08:00:00 GMT"}},
           {{"If-Modified-Since", "Fri, 15 Jan 2027 07:59:59 GMT"}},
           {{"If-Modified-Since", "yesterday"}},
       }) {
    EXPECT_EQ(Get("/crl/ca.crl", headers).status, 200) << headers[0].second;
  }
  Revoke(IssueFrom(key_));
  Serve({key_});
  EXPECT_EQ(Get("/crl/ca.crl", {{"If-None-Match", etag}}).status, 200);
}

TEST_P(PublicHttpTest, AnswersOcspByGetAndPost) {
  const Certificate certificate = IssueFrom(key_);
  const Bytes request = OcspRequestFor(certificate.serial);
  const HttpResponse posted =
      Ask("POST", "/ocsp", {{"Content-Type", "application/ocsp-request"}},
          std::string(AsText(request)));
  const HttpResponse got = Get(absl::StrCat("/ocsp/", EncodeOcspGet(request)));
  for (const HttpResponse& response : {posted, got}) {
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(HeaderOf(response, "Content-Type"), "application/ocsp-response");
    EXPECT_EQ(StatusOf(response), OcspResponseStatus::kSuccessful);
  }
  EXPECT_EQ(posted.body, got.body) << "signed once";
  const HttpResponse empty_path =
      Ask("POST", "/ocsp/", {{"Content-Type", "application/ocsp-request"}},
          std::string(AsText(request)));
  EXPECT_EQ(empty_path.status, 200);
}

// RFC 5019 6.2.
TEST_P(PublicHttpTest, TellsCachesHowLongAnOcspAnswerIsGood) {
  const Bytes serial = IssueFrom(key_).serial;
  const std::string path =
      absl::StrCat("/ocsp/", EncodeOcspGet(OcspRequestFor(serial)));
  HttpResponse answer = Get(path);
  EXPECT_EQ(HeaderOf(answer, "Last-Modified"), "Fri, 15 Jan 2027 08:00:00 GMT");
  EXPECT_EQ(HeaderOf(answer, "Expires"), "Fri, 15 Jan 2027 09:00:00 GMT");
  // Later than now, earlier than nextUpdate.
  EXPECT_EQ(HeaderOf(answer, "Cache-Control"),
            "max-age=2700, public, no-transform, must-revalidate");
  EXPECT_EQ(HeaderOf(answer, "ETag").size(), 42u);
  EXPECT_EQ(Get(path, {{"If-None-Match", HeaderOf(answer, "ETag")}}).status,
            304);
  clock_.Advance(absl::Minutes(20));
  answer = Get(path);
  EXPECT_EQ(HeaderOf(answer, "Last-Modified"), "Fri, 15 Jan 2027 08:00:00 GMT");
  EXPECT_THAT(HeaderOf(answer, "Cache-Control"), HasSubstr("max-age=1500,"));
  // "MUST NOT include a [...] no-cache, or [...] no-store header in
  // authoritative OCSP responses", and in others it should.
  const HttpResponse fresh = Get(absl::StrCat(
      "/ocsp/", EncodeOcspGet(OcspRequestFor(serial, Bytes(16, 0x0c)))));
  EXPECT_EQ(HeaderOf(fresh, "Cache-Control"), "max-age=0, must-revalidate");
  const HttpResponse unknown =
      Get(absl::StrCat("/ocsp/", EncodeOcspGet(OcspRequestFor({0x66}))));
  EXPECT_EQ(HeaderOf(unknown, "Cache-Control"), "no-store");
}

TEST_P(PublicHttpTest, AnswersWhatIsNoRequestWithMalformedRequest) {
  for (const char* path : {"/ocsp/AAAA", "/ocsp/%zz", "/ocsp/!"}) {
    const HttpResponse response = Get(path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_EQ(StatusOf(response), OcspResponseStatus::kMalformedRequest);
    EXPECT_EQ(HeaderOf(response, "Cache-Control"), "no-store");
  }
  const HttpResponse posted =
      Ask("POST", "/ocsp", {{"Content-Type", "application/ocsp-request"}}, "?");
  EXPECT_EQ(StatusOf(posted), OcspResponseStatus::kMalformedRequest);
}

// Nothing else is there: above all nothing of EST, which needs TLS.
TEST_P(PublicHttpTest, RefusesEverythingElse) {
  struct Case {
    const char* method;
    std::string target;
    int status;
  };
  const std::string own = PathsOf("ca", key_.key_id).crl;
  for (const Case& c : {
           Case{"GET", "/", 404},
           {"GET", "/.well-known/est/cacerts", 404},
           {"POST", "/.well-known/est/simpleenroll", 404},
           {"GET", "/crl/", 404},
           {"GET", "/crl/../ca/ca.key.pem", 404},
           {"GET", "/ca/ca.key.pem", 404},
           {"GET", "/crl/cas/plant.crl", 404},
           {"GET", "/crl/ca/00.crl", 404},
           {"GET", "/ocspx", 404},
           {"POST", own, 405},
           {"DELETE", "/crl/ca.crl", 405},
           {"GET", "/ocsp", 405},
           {"GET", "/ocsp/", 405},
           {"PUT", "/ocsp", 405},
           {"POST", "/ocsp/AAAA", 405},
           {"POST", "/ocsp", 415},
       }) {
    const HttpResponse response = Ask(c.method, c.target);
    EXPECT_EQ(response.status, c.status) << c.method << " " << c.target;
    EXPECT_EQ(HeaderOf(response, "Allow").empty(), c.status != 405);
    EXPECT_EQ(HeaderOf(response, "Content-Type"), "text/plain; charset=utf-8");
  }
  EXPECT_EQ(Ask("HEAD", own).status, 200);
  EXPECT_EQ(Get(absl::StrCat(own, "?x=1")).status, 200);
}

TEST_P(PublicHttpTest, ShowsNothingOfAKeyThatIsGone) {
  const KeyPaths paths = PathsOf("ca", key_.key_id);
  EXPECT_EQ(Get(paths.crl).status, 200);
  Serve({MakeKey("Next CA")});
  EXPECT_EQ(Get(paths.crl).status, 404);
  EXPECT_EQ(Get(paths.certificate).status, 404);
  EXPECT_EQ(Get("/crl/ca.crl").status, 200);
}

INSTANTIATE_ON_BOTH_ENGINES(PublicHttpTest);

}  // namespace
}  // namespace bestow::server
