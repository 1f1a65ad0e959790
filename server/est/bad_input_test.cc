// Each line of bad input gets the status that docs/STATUS_CODES.md says, a
// one-line reason, and a line in the log; the server goes on.
#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/base64.h"
#include "common/est/transfer_encoding.h"
#include "gtest/gtest.h"
#include "server/est/service_fixture.h"

namespace bestow::server {
namespace {

class BadInputTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    basic_ = Basic("gw-17", kPassword);
    log_.clear();
  }

  // After each: the server still enrolls.
  void TearDown() override {
    IssuedBy(Enroll(MakeCsr(*device_, ""), basic_));
    ServiceFixture::TearDown();
  }

  void ExpectRefused(const HttpResponse& response, int status,
                     std::string_view problem, std::string_view reason) {
    EXPECT_EQ(response.status, status) << response.body;
    ASSERT_FALSE(log_.empty());
    EXPECT_TRUE(absl::StrContains(log_.back(), absl::StrCat("status=", status)))
        << log_.back();
    EXPECT_TRUE(
        absl::StrContains(log_.back(), absl::StrCat("problem=", problem)))
        << log_.back();
    EXPECT_TRUE(absl::StrContains(log_.back(), reason)) << log_.back();
    EXPECT_EQ(log_.back().find('\n'), std::string::npos);
    if (status == 401) {
      EXPECT_EQ(response.body, "");
      ASSERT_FALSE(response.headers.empty());
      EXPECT_EQ(response.headers[0].first, "WWW-Authenticate");
      EXPECT_EQ(response.headers[0].second, "Basic realm=\"Bestow\"");
      return;
    }
    EXPECT_TRUE(
        absl::StartsWith(HeaderOf(response, "Content-Type"), "text/plain"));
    EXPECT_TRUE(absl::StrContains(response.body, reason)) << response.body;
    EXPECT_EQ(std::count(response.body.begin(), response.body.end(), '\n'), 1);
    EXPECT_TRUE(absl::EndsWith(response.body, "\n"));
  }

  // What only openssl makes: other keys than P-256.
  static std::string CsrOf(EVP_PKEY* key, const EVP_MD* digest) {
    bssl::UniquePtr<X509_REQ> request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), key);
    EXPECT_TRUE(X509_REQ_sign(request.get(), key, digest));
    uint8_t* der = nullptr;
    const int size = i2d_X509_REQ(request.get(), &der);
    EXPECT_GT(size, 0);
    Bytes copy(der, der + size);
    OPENSSL_free(der);
    return est::EncodeBody(copy);
  }
  static std::string RsaCsr(int bits, const EVP_MD* digest) {
    bssl::UniquePtr<RSA> rsa(RSA_new());
    bssl::UniquePtr<BIGNUM> e(BN_new());
    BN_set_word(e.get(), RSA_F4);
    EXPECT_TRUE(RSA_generate_key_ex(rsa.get(), bits, e.get(), nullptr));
    bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
    EVP_PKEY_set1_RSA(key.get(), rsa.get());
    return CsrOf(key.get(), digest);
  }
  static std::string EcCsr(int curve) {
    bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
    EXPECT_TRUE(EC_KEY_generate_key(ec.get()));
    bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
    EVP_PKEY_set1_EC_KEY(key.get(), ec.get());
    return CsrOf(key.get(), EVP_sha256());
  }

  // A certificate of gw-17's that the store knows.
  Certificate Current() {
    return IssuedBy(Enroll(MakeCsr(*device_, ""), basic_));
  }

  std::string basic_;
};

TEST_F(BadInputTest, BodiesThatAreNoRequest) {
  const Bytes der = MakeCsrDer(*device_, Wish(*device_, "CN=a"));
  ExpectRefused(Enroll("", basic_), 400, "bad-encoding", "empty");
  ExpectRefused(Enroll("\r\n", basic_), 400, "bad-encoding", "empty");
  ExpectRefused(Enroll("!not base64!", basic_), 400, "bad-encoding",
                "not base64");
  // The DER itself, and PEM.
  ExpectRefused(Enroll(ToText(der), basic_), 400, "bad-encoding", "not base64");
  ExpectRefused(Enroll(absl::StrCat("-----BEGIN CERTIFICATE REQUEST-----\n",
                                    EncodeBase64(der)),
                       basic_),
                400, "bad-encoding", "not base64");
  ExpectRefused(Enroll(EncodeBase64(AsBytes("no DER at all")), basic_), 400,
                "bad-request", "not a PKCS#10 request");
  // Truncated at every length.
  for (size_t size = 1; size < der.size(); size += 7) {
    ExpectRefused(Enroll(EncodeBase64(ByteView(der).subspan(0, size)), basic_),
                  400, "bad-request", "not a PKCS#10 request");
  }
  Bytes longer = der;
  longer.push_back(0);
  ExpectRefused(Enroll(EncodeBase64(longer), basic_), 400, "bad-request",
                "not a PKCS#10 request");
}

TEST_F(BadInputTest, ASignatureThatIsNotTheKeys) {
  Bytes der = MakeCsrDer(*device_, Wish(*device_, "CN=a"));
  auto parsed = ParsePkcs10Der(der);
  ASSERT_TRUE(parsed.ok());
  // A letter of the subject, which the signature covers.
  const auto at =
      std::search(der.begin(), der.end(), parsed->subject.der().begin(),
                  parsed->subject.der().end());
  ASSERT_NE(at, der.end());
  *(at + static_cast<int>(parsed->subject.der().size()) - 1) ^= 1;
  ExpectRefused(Enroll(EncodeBase64(der), basic_), 400, "bad-signature",
                "signature");
}

TEST_F(BadInputTest, WeakAndUnknownKeys) {
  ExpectRefused(Enroll(RsaCsr(1024, EVP_sha256()), basic_), 400, "weak-key",
                "");
  ExpectRefused(Enroll(EcCsr(NID_secp224r1), basic_), 400, "weak-key", "");
  ExpectRefused(Enroll(EcCsr(NID_secp521r1), basic_), 400, "weak-key", "");
  ExpectRefused(Enroll(RsaCsr(2048, EVP_sha1()), basic_), 400, "bad-signature",
                "");
  // And the good ones beside them.
  IssuedBy(Enroll(RsaCsr(2048, EVP_sha256()), basic_));
  IssuedBy(Enroll(EcCsr(NID_secp384r1), basic_));
}

// RFC 7030 4.2.2
TEST_F(BadInputTest, AReenrollmentForOtherNames) {
  const Certificate current = Current();
  ExpectRefused(Reenroll(MakeCsr(*device_, "CN=gw-18"), ClientWith(current)),
                400, "other-names", "Subject");
  ExpectRefused(Reenroll(MakeCsr(*device_, ""), ClientWith(current)), 400,
                "other-names", "Subject");
  Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
  wanted.sans = {*GeneralName::Dns("gw-17.example")};
  ExpectRefused(Reenroll(est::EncodeBody(MakeCsrDer(*device_, wanted)),
                         ClientWith(current)),
                400, "other-names", "SubjectAltName");
  // Names go into ChangeSubjectName alone, and are not to be had there.
  wanted = Wish(*device_, "CN=gw-17");
  wanted.change_subject_name =
      ChangeSubjectName{.subject = *Name::FromText("CN=gw-18"), .sans = {}};
  ExpectRefused(Reenroll(est::EncodeBody(MakeCsrDer(*device_, wanted)),
                         ClientWith(current)),
                403, "name-change", "ChangeSubjectName");
}

TEST_F(BadInputTest, PathsMethodsAndMediaTypes) {
  for (const char* path :
       {"/", "/.well-known/est/", "/.well-known/est/nothing", "/cacerts",
        "/.well-known/est/cacerts/", "/.well-known/est/fullcmc",
        "/.well-known/est/%63acerts", "/.well-known/est/../est/cacerts"}) {
    ExpectRefused(Get(path), 404, "unknown-path", "not an EST operation");
  }
  ExpectRefused(Get("/.well-known/est/line7/cacerts"), 404, "unknown-label",
                "label");
  HttpRequest request{.method = "GET",
                      .target = "/.well-known/est/simpleenroll"};
  HttpResponse response = Send(request, Anonymous());
  ExpectRefused(response, 405, "wrong-method", "takes POST");
  EXPECT_EQ(HeaderOf(response, "Allow"), "POST");
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get"}) {
    request = {.method = method, .target = "/.well-known/est/cacerts"};
    response = Send(request, Anonymous());
    ExpectRefused(response, 405, "wrong-method", "takes GET");
    EXPECT_EQ(HeaderOf(response, "Allow"), "GET, HEAD");
  }
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "", "pkcs10"}) {
    request = {.method = "POST",
               .target = "/.well-known/est/simpleenroll",
               .headers = {{"Content-Type", type}, {"Authorization", basic_}},
               .body = MakeCsr(*device_, "")};
    ExpectRefused(Send(request, Anonymous()), 415, "wrong-media-type",
                  "application/pkcs10");
  }
  request.headers.erase(request.headers.begin());
  ExpectRefused(Send(request, Anonymous()), 415, "wrong-media-type", "");
}

TEST_F(BadInputTest, ReenrollmentWithoutACertificateThatCounts) {
  const std::string csr = MakeCsr(*device_, "CN=gw-17");
  ExpectRefused(Reenroll(csr, Anonymous()), 403, "no-certificate",
                "TLS client certificate");
  const Certificate current = Current();
  ExpectRefused(
      Reenroll(csr, ClientWith(current, absl::PermissionDeniedError(
                                            "certificate has expired"))),
      403, "bad-certificate", "certificate has expired");
  // Over while the connection lasted.
  clock_.Advance(absl::Hours(24 * 91));
  ExpectRefused(Reenroll(csr, ClientWith(current)), 403, "bad-certificate",
                "has expired");
}

// Of another CA: the TLS layer says so. Of our CA, but not in the store: such
// is the server's own.
TEST_F(BadInputTest, AForeignCertificate) {
  const std::string csr = MakeCsr(*device_, "CN=gw-17");
  const Certificate current = Current();
  ExpectRefused(
      Reenroll(csr, ClientWith(current, absl::PermissionDeniedError(
                                            "unable to get local issuer"))),
      403, "bad-certificate", "unable to get local issuer");
  SubscriberContents contents;
  contents.subject = *Name::FromText("CN=gw-17");
  contents.key_usage = kDigitalSignature;
  contents.validity = absl::Hours(1);
  absl::StatusOr<Certificate> unknown = absl::UnknownError("");
  ca_->Issue(contents, device_->public_key_spki(), clock_.Now(),
             [&](absl::StatusOr<Certificate> issued) { unknown = issued; });
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  ExpectRefused(Reenroll(csr, ClientWith(*unknown)), 403, "bad-certificate",
                "not one that this server issued");
  // The serial number alone proves nothing.
  Certificate forged = *unknown;
  forged.serial = current.serial;
  ExpectRefused(Reenroll(csr, ClientWith(forged)), 403, "bad-certificate",
                "not one that this server issued");
}

TEST_F(BadInputTest, NoOrWrongCredentials) {
  const std::string csr = MakeCsr(*device_, "");
  ExpectRefused(Enroll(csr), 401, "no-credentials", "");
  for (const std::string& authorization :
       {Basic("gw-17", "wrong"), Basic("gw-18", kPassword),
        Basic("", kPassword), Basic("gw-17", ""), Basic("gw-18", kSecret),
        Basic("", kSecret), std::string("Basic !!!"),
        std::string("Digest username=\"gw-17\""), std::string("Basic")}) {
    ExpectRefused(Enroll(csr, authorization), 401, "wrong-credentials", "");
  }
  // What is wrong with the body is told to those only who are known.
  ExpectRefused(Enroll("!", Basic("gw-17", "wrong")), 401, "wrong-credentials",
                "");
  for (const std::string& line : log_) {
    EXPECT_FALSE(absl::StrContains(line, kPassword)) << line;
    EXPECT_FALSE(absl::StrContains(line, kSecret)) << line;
  }
}

// RFC 7030 3.5
TEST_F(BadInputTest, ALinkToAnotherSession) {
  Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
  wanted.challenge_password = EncodeBase64(Bytes(32, 8));
  const std::string body = est::EncodeBody(MakeCsrDer(*device_, wanted));
  ClientInfo client = Anonymous();
  client.channel_binding = Bytes(32, 7);
  ExpectRefused(Enroll(body, basic_, client), 400, "not-linked",
                "challengePassword");
  client.channel_binding = absl::FailedPreconditionError("no EMS");
  ExpectRefused(Enroll(body, basic_, client), 400, "not-linked", "no EMS");
}

TEST_F(BadInputTest, AnIdentityWithTheServersName) {
  ASSERT_TRUE(store_
                  ->AddSecret("est.example",
                              HashOneTimeSecret(Secret("other secret")),
                              clock_.Now(), clock_.Now() + absl::Hours(1))
                  .ok());
  ExpectRefused(
      Enroll(MakeCsr(*device_, ""), Basic("est.example", "other secret")), 403,
      "not-granted", "est.example");
}

TEST_F(BadInputTest, ControlCharactersStayOutOfTheLog) {
  ExpectRefused(Get("/x\ny\x1b[31m"), 404, "unknown-path", "");
  EXPECT_TRUE(absl::StrContains(log_.back(), "op=/x\\x0ay\\x1b[31m"))
      << log_.back();
  // Nor is a field made up.
  ExpectRefused(Get("/x\\\"identity=admin"), 404, "unknown-path", "");
  EXPECT_TRUE(absl::StrContains(log_.back(), R"(op="/x\\\"identity=admin")"))
      << log_.back();
}

}  // namespace
}  // namespace bestow::server
