#include "server/est/est_service.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/crypto/base64.h"
#include "common/est/csr_attrs.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/est/service_fixture.h"

namespace bestow::server {
namespace {

using EstServiceTest = ServiceFixture;

// RFC 7030 4.1.2, 4.1.3
TEST_F(EstServiceTest, GivesTheCaCertificatesToAnybody) {
  const HttpResponse response = Get("/.well-known/est/cacerts");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(HeaderOf(response, "Content-Type"), "application/pkcs7-mime");
  EXPECT_EQ(HeaderOf(response, "Content-Transfer-Encoding"), "base64");
  auto certs = ParseCertsOnlyDer(*est::DecodeBody(response.body));
  ASSERT_TRUE(certs.ok()) << certs.status();
  ASSERT_EQ(certs->certificates.size(), 1u);
  EXPECT_EQ(certs->certificates[0], ca_->certificate());
}

// RFC 7030 4.5.2
TEST_F(EstServiceTest, AnswersCsrAttrsWith204WhereNothingIsAskedFor) {
  Config config;
  config.service.auth.linking = Linking::kOff;
  Configure(config);
  HttpResponse response = Get("/.well-known/est/csrattrs");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  config.service.csr_attrs.all.oids = {oids::ChallengePassword()};
  Configure(config);
  response = Get("/.well-known/est/csrattrs");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(HeaderOf(response, "Content-Type"), "application/csrattrs");
  auto attrs = est::ParseCsrAttrsDer(*est::DecodeBody(response.body));
  ASSERT_TRUE(attrs.ok()) << attrs.status();
  EXPECT_TRUE(est::ContainsOid(*attrs, oids::ChallengePassword()));
}

// As A.2's reply is framed: base64 of the SEQUENCE of id-aa 58 (RFC 7894).
TEST_F(EstServiceTest, AsksForALinkUntilConfigured) {
  const HttpResponse response = Get("/.well-known/est/csrattrs");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(HeaderOf(response, "Content-Type"), "application/csrattrs");
  EXPECT_EQ(*est::DecodeBody(response.body),
            (Bytes{0x30, 0x0d, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                   0x01, 0x09, 0x10, 0x02, 0x3a}));
}

// RFC 7030 3.2.2: "The EST server MUST provide services regardless of whether
// the additional path segment is present."
TEST_F(EstServiceTest, ServesLabelsWithCasAndProfilesOfTheirOwn) {
  std::shared_ptr<Signer> key = *SoftwareSigner::Generate(KeyType::kEcP384);
  const Certificate root = *CreateRootCertificate(
      "Plant CA", *key, clock_.Now(), absl::Hours(24 * 365));
  other_cas_.emplace("cas/plant", *MakeCaBundle({root}, {}, key));
  Config config;
  ServiceConfig plant = config.service;
  plant.label = "plant";
  plant.ca = "cas/plant";
  plant.realm = "Plant";
  plant.profile.subject = "O=Plant,CN={identity}";
  plant.csr_attrs.all.oids = {oids::ChallengePassword()};
  config.service.auth.linking = Linking::kOff;
  config.labels = {plant};
  Configure(config);

  const auto ca_of = [this](const std::string& path) {
    auto certs = ParseCertsOnlyDer(*est::DecodeBody(Get(path).body));
    EXPECT_TRUE(certs.ok()) << certs.status();
    return certs->certificates.at(0);
  };
  EXPECT_EQ(ca_of("/.well-known/est/cacerts"), ca_->certificate());
  EXPECT_EQ(ca_of("/.well-known/est/plant/cacerts"), root);
  EXPECT_EQ(Get("/.well-known/est/csrattrs").status, 204);
  EXPECT_EQ(Get("/.well-known/est/plant/csrattrs").status, 200);
  EXPECT_EQ(Get("/.well-known/est/other/cacerts").status, 404);

  HttpRequest request{.method = "POST",
                      .target = "/.well-known/est/plant/simpleenroll",
                      .headers = {{"Content-Type", "application/pkcs10"}},
                      .body = MakeCsr(*device_, "CN=x")};
  HttpResponse response = Send(request, Anonymous());
  EXPECT_EQ(response.status, 401);
  EXPECT_TRUE(absl::StrContains(HeaderOf(response, "WWW-Authenticate"),
                                "realm=\"Plant\""));
}

// RFC 7030 4.5: for whoever asks, and nobody has to say who that is.
TEST_F(EstServiceTest, AsksEachClientForItsOwnAttributes) {
  Config config;
  config.service.csr_attrs.all.oids = {oids::SerialNumber()};
  CsrAttrsConfig::ForIdentities gateways;
  gateways.identities = {"gw-*"};
  gateways.request.oids = {oids::CommonName()};
  config.service.csr_attrs.for_identities = {gateways};
  Configure(config);
  const Certificate certificate =
      IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
  const auto asks_for = [&](const std::string& authorization,
                            const ClientInfo& client, const der::Oid& oid) {
    HttpRequest request{.method = "GET", .target = "/.well-known/est/csrattrs"};
    if (!authorization.empty()) {
      request.headers = {{"Authorization", authorization}};
    }
    const HttpResponse response = Send(request, client);
    EXPECT_EQ(response.status, 200);
    auto attrs = est::ParseCsrAttrsDer(*est::DecodeBody(response.body));
    EXPECT_TRUE(attrs.ok()) << attrs.status();
    // And each for a link, whoever it is.
    return attrs.ok() && attrs->items.size() == 2 &&
           est::ContainsOid(*attrs, oids::EstIdentityLinking()) &&
           est::ContainsOid(*attrs, oid);
  };
  const der::Oid mine = oids::CommonName(), everybodys = oids::SerialNumber();
  EXPECT_TRUE(asks_for("", Anonymous(), everybodys));
  EXPECT_TRUE(asks_for(Basic("gw-17", kPassword), Anonymous(), mine));
  EXPECT_TRUE(asks_for("", ClientWith(certificate), mine));
  // Who is not let in is asked for what everybody is.
  EXPECT_TRUE(asks_for(Basic("gw-17", "wrong"), Anonymous(), everybodys));
  EXPECT_TRUE(asks_for(
      "", ClientWith(certificate, absl::PermissionDeniedError("foreign")),
      everybodys));
}

TEST_F(EstServiceTest, TakesAbsoluteTargetsAndQueries) {
  EXPECT_EQ(Get("https://est.example/.well-known/est/cacerts").status, 200);
  EXPECT_EQ(Get("/.well-known/est/cacerts?x=y").status, 200);
  EXPECT_EQ(Get("https://est.example").status, 404);
}

// RFC 7030 4.2.1: the name is the identity's, whatever the CSR says.
TEST_F(EstServiceTest, EnrollsByPasswordUnderTheIdentitysName) {
  const Certificate leaf = IssuedBy(
      Enroll(MakeCsr(*device_, "CN=admin,O=x"), Basic("gw-17", kPassword)));
  EXPECT_EQ(leaf.subject.ToText(), "CN=gw-17");
  EXPECT_EQ(leaf.spki, device_->public_key_spki());
  EXPECT_EQ(leaf.not_before, clock_.Now() - absl::Minutes(5));
  EXPECT_EQ(leaf.not_after, clock_.Now() + absl::Hours(24 * 90));
  EXPECT_EQ(leaf.key_usage, kDigitalSignature);
  EXPECT_EQ(leaf.extended_key_usage,
            std::vector<der::Oid>{oids::KpClientAuth()});
  EXPECT_EQ(leaf.basic_constraints, BasicConstraints{});

  auto record = store_->FindCertificate(leaf.serial);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->certificate, leaf.der);
  EXPECT_EQ(record->identity, "gw-17");
  EXPECT_EQ(record->operation, "simpleenroll");
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_EQ(log_[0],
            absl::StrCat("request remote=192.0.2.7:50312 op=simpleenroll "
                         "identity=gw-17 auth=password status=200 serial=",
                         leaf.SerialHex(), " wish=\"CN=admin,O=x\""));
}

TEST_F(EstServiceTest, IgnoresExtensionsThatACsrAsksFor) {
  Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
  wanted.sans = {*GeneralName::Dns("est.example")};
  wanted.extensions = {
      {oids::BasicConstraints(), true,
       *SerializeBasicConstraints({.is_ca = true})},
      {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign)},
      {oids::ExtendedKeyUsage(), false,
       *SerializeExtendedKeyUsage({oids::KpCmcRa()})}};
  const Certificate leaf =
      IssuedBy(Enroll(est::EncodeBody(MakeCsrDer(*device_, wanted)),
                      Basic("gw-17", kPassword)));
  EXPECT_EQ(leaf.basic_constraints, BasicConstraints{});
  EXPECT_EQ(leaf.key_usage, kDigitalSignature);
  EXPECT_EQ(leaf.extended_key_usage,
            std::vector<der::Oid>{oids::KpClientAuth()});
  EXPECT_TRUE(leaf.sans.empty());
}

TEST_F(EstServiceTest, TakesBodiesWrappedInAnyWay) {
  const Bytes der = MakeCsrDer(*device_, Wish(*device_, "CN=x"));
  const std::string line = EncodeBase64(der);
  std::string crlf;
  for (size_t i = 0; i < line.size(); i += 76) {
    absl::StrAppend(&crlf, line.substr(i, 76), "\r\n");
  }
  for (const std::string& body :
       {line, crlf, est::EncodeBody(der, est::LineWrap::kAlways),
        est::EncodeBody(der, est::LineWrap::kNever)}) {
    IssuedBy(Enroll(body, Basic("gw-17", kPassword)));
  }
}

// RFC 8951 3: bodies are base64 whatever a header says of it.
TEST_F(EstServiceTest, IgnoresAContentTransferEncodingOfTheRequest) {
  for (const char* encoding :
       {"base64", "BASE64", "binary", "8bit", "quoted-printable", "x"}) {
    HttpRequest request{
        .method = "POST",
        .target = "/.well-known/est/simpleenroll",
        .headers = {{"Content-Type", "application/pkcs10"},
                    {"Content-Transfer-Encoding", encoding},
                    {"Authorization", Basic("gw-17", kPassword)}},
        .body = MakeCsr(*device_, "")};
    IssuedBy(Send(request, Anonymous()));
  }
}

TEST_F(EstServiceTest, WrapsRepliesAsConfigured) {
  Config config;
  for (const auto& [wrap, lines] : {std::pair{est::LineWrap::kAuto, 1},
                                    {est::LineWrap::kNever, 1},
                                    {est::LineWrap::kAlways, 10}}) {
    config.service.line_wrap = wrap;
    Configure(config);
    const HttpResponse response =
        Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword));
    IssuedBy(response);
    const auto count =
        std::count(response.body.begin(), response.body.end(), '\n');
    if (lines == 1) {
      EXPECT_EQ(count, 1);
    } else {
      EXPECT_GE(count, lines);
    }
  }
}

// A reply can be lost after the commit: the same secret and key get the same
// certificate again, another key never does.
TEST_F(EstServiceTest, RepeatsAOneTimeSecretForItsKeyOnly) {
  const std::string auth = Basic("gw-17", kSecret);
  const Certificate first = IssuedBy(Enroll(MakeCsr(*device_, "CN=a"), auth));
  clock_.Advance(absl::Hours(23));
  const Certificate second = IssuedBy(Enroll(MakeCsr(*device_, "CN=b"), auth));
  EXPECT_EQ(second.der, first.der);
  EXPECT_EQ(RecordCount(), 1u);
  EXPECT_TRUE(absl::StrContains(log_.back(), "note=repeated")) << log_.back();
  EXPECT_TRUE(absl::StrContains(log_.back(), first.SerialHex()));

  auto other = *SoftwareSigner::Generate();
  EXPECT_EQ(Enroll(MakeCsr(*other, "CN=a"), auth).status, 403);
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(Enroll(MakeCsr(*device_, "CN=a"), auth).status, 403);
  EXPECT_EQ(RecordCount(), 1u);
}

TEST_F(EstServiceTest, RefusesAOneTimeSecretThatExpired) {
  clock_.Advance(absl::Hours(1));
  const HttpResponse response =
      Enroll(MakeCsr(*device_, ""), Basic("gw-17", kSecret));
  EXPECT_EQ(response.status, 403);
  EXPECT_TRUE(absl::StrContains(response.body, "expired")) << response.body;
  EXPECT_EQ(RecordCount(), 0u);
}

// RFC 7030 4.2.2: with the same key it is a renewal, with another a rekey.
TEST_F(EstServiceTest, ReenrollsWithTheCertificate) {
  const Certificate first =
      IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
  clock_.Advance(absl::Hours(1));
  const Certificate renewed =
      IssuedBy(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first)));
  EXPECT_EQ(renewed.subject, first.subject);
  EXPECT_EQ(renewed.spki, first.spki);
  EXPECT_NE(renewed.serial, first.serial);
  EXPECT_EQ(renewed.not_after, first.not_after + absl::Hours(1));
  auto other = *SoftwareSigner::Generate();
  const Certificate rekeyed =
      IssuedBy(Reenroll(MakeCsr(*other, "CN=gw-17"), ClientWith(renewed)));
  EXPECT_EQ(rekeyed.subject, first.subject);
  EXPECT_EQ(rekeyed.spki, other->public_key_spki());
  EXPECT_EQ(store_->FindCertificate(rekeyed.serial)->operation,
            "simplereenroll");
  EXPECT_EQ(RecordCount(), 3u);
}

TEST_F(EstServiceTest, EnrollsAgainWithTheCertificate) {
  const Certificate first =
      IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
  const Certificate second =
      IssuedBy(Enroll(MakeCsr(*device_, "CN=other"), "", ClientWith(first)));
  EXPECT_EQ(second.subject, first.subject);
}

// The names may have changed in the profile: 4.2.2 keeps the old ones.
TEST_F(EstServiceTest, ReenrollsOnlyToTheNamesOfTheProfile) {
  const Certificate first =
      IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
  Config config;
  config.service.profile.subject = "O=New,CN={identity}";
  Configure(config);
  EXPECT_EQ(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first)).status,
            403);
  EXPECT_EQ(
      Reenroll(MakeCsr(*device_, "O=New,CN=gw-17"), ClientWith(first)).status,
      400);
}

// Right credentials count beside a certificate that does not.
TEST_F(EstServiceTest, EnrollsByPasswordBesideABadCertificate) {
  const Certificate first =
      IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)));
  const ClientInfo client =
      ClientWith(first, absl::PermissionDeniedError("certificate has expired"));
  IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword), client));
  EXPECT_EQ(Enroll(MakeCsr(*device_, ""), "", client).status, 401);
}

// RFC 7030 3.5: a challengePassword that is present must be verified.
TEST_F(EstServiceTest, TakesARequestThatIsLinkedToItsSession) {
  ClientInfo client = Anonymous();
  client.channel_binding = Bytes(32, 7);
  Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
  wanted.challenge_password = EncodeBase64(Bytes(32, 7));
  const std::string body = est::EncodeBody(MakeCsrDer(*device_, wanted));
  const HttpResponse response = Enroll(body, Basic("gw-17", kPassword), client);
  IssuedBy(response);
  // RFC 9266 4.1
  EXPECT_TRUE(response.close);
  EXPECT_FALSE(
      Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword), client).close);
}

// A full queue asks to come back, and keeps nobody else out.
TEST_F(EstServiceTest, AsksToComeBackWhenTooManyPasswordsWait) {
  auto authenticator =
      Authenticator::Create(*store_, clock_, {.max_queued_passwords = 0});
  ASSERT_TRUE(authenticator.ok());
  EstService service(
      {[this] { return snapshot_; },
       {store_.get(), authenticator->get(), &clock_, sealer_.get(),
        audit_.get()},
       [this](const std::string& line) { log_.push_back(line); }});
  std::optional<HttpResponse> response;
  const auto send = [&](const std::string& password) {
    response.reset();
    service.Handle(
        {.method = "POST",
         .target = "/.well-known/est/simpleenroll",
         .headers = {{"Content-Type", "application/pkcs10"},
                     {"Authorization", Basic("gw-17", password)}},
         .body = MakeCsr(*device_, "")},
        Anonymous(),
        [&](std::function<void()> fn) { loop_.Post(std::move(fn)); },
        [&](HttpResponse got) { response = std::move(got); });
    while (!response.has_value()) loop_.RunOne();
  };
  send(kPassword);
  EXPECT_EQ(response->status, 503);
  EXPECT_NE(HeaderOf(*response, "Retry-After"), "");
  EXPECT_TRUE(absl::StrContains(log_.back(), "problem=busy")) << log_.back();
  send(kSecret);
  IssuedBy(*response);
}

TEST_F(EstServiceTest, AsksToComeBackWhenTheStoreIsFull) {
  ConfigureStore({.max_queued = 0});
  const HttpResponse response =
      Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword));
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(HeaderOf(response, "Retry-After"), "");
  EXPECT_TRUE(absl::StrContains(response.body, "waiting for the disk"));
}

std::atomic<const char*> g_fail{nullptr};
bool FailByName(std::string_view name) {
  const char* wanted = g_fail.load();
  return wanted != nullptr && name == wanted;
}

class FailpointTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    SetFailpointHandler(&FailByName);
  }
  void TearDown() override {
    g_fail = nullptr;
    ServiceFixture::TearDown();
    SetFailpointHandler(nullptr);
  }
};

TEST_F(FailpointTest, AFailureIsA500AndARetryHeals) {
  for (const char* name : {"est.after_sign", "store.before_commit",
                           "store.after_commit", "est.before_reply"}) {
    g_fail = name;
    const HttpResponse failed =
        Enroll(MakeCsr(*device_, ""), Basic("gw-17", kSecret));
    EXPECT_EQ(failed.status, 500) << name;
    EXPECT_EQ(failed.body, absl::StrCat("failpoint ", name, "\n"));
    g_fail = nullptr;
  }
  IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kSecret)));
  EXPECT_EQ(RecordCount(), 1u);
}

std::atomic<int> g_taken{0};
bool TakeSerials(std::string_view name) {
  return name == "store.serial_taken" && g_taken.fetch_sub(1) > 0;
}

// Another server may have given the number a moment ago: the client does not
// see it.
TEST_F(FailpointTest, ASerialThatIsTakenIsReplacedByAnother) {
  SetFailpointHandler(&TakeSerials);
  g_taken = 2;
  IssuedBy(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kSecret)));
  EXPECT_EQ(RecordCount(), 1u);
  // Numbers that are taken for ever are no accident.
  g_taken = 1000;
  EXPECT_EQ(Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword)).status,
            500);
  EXPECT_EQ(RecordCount(), 1u);
  g_taken = 0;
}

// So that the crash test can see such a build.
TEST_F(FailpointTest, CanReplyBeforeTheCommit) {
  g_fail = "est.reply_before_commit";
  const HttpResponse early =
      Enroll(MakeCsr(*device_, ""), Basic("gw-17", kPassword));
  IssuedBy(early);
}

}  // namespace
}  // namespace bestow::server
