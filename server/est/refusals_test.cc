// One table of what is refused: for each operation a wrong method, media type,
// body, signature, identity, attribute, link or nonce, with the status and the
// sentence that come back, beside its accepted twin. No refusal changes the
// database.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/secret.h"
#include "common/crypto/base64.h"
#include "common/net/http_auth.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/auth/sealed_records.h"
#include "server/est/service_fixture.h"
#include "server/store/database_dump.h"

namespace bestow::server {
namespace {

struct Row {
  std::string what;
  std::function<HttpResponse()> refused;
  int status;
  std::string problem;
  std::string sentence;  // of the body; for 401, of the log
  std::function<HttpResponse()> accepted;
};

class RefusalsTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    config_.service.enrollment.server_keys = true;
    config_.service.auth.digest = DigestOffer::kMd5;
    ServiceConfig plant;
    plant.label = "plant";
    config_.labels = {plant};
    Configure(config_);
    AddUser("elsewhere", kPassword, {.labels = {"plant"}, .is_ra = {}});
    const auto digest =
        SealDigestSecrets(*sealer_, "digest", {"Bestow"}, Secret(kPassword));
    ASSERT_TRUE(digest.ok()) << digest.status();
    AddUser("digest", kPassword, {}, *digest);
    basic_ = Basic("gw-17", kPassword);
    csr_ = MakeCsr(*device_, "CN=gw-17");
    client_ = Anonymous();
    client_.channel_binding = Bytes(32, 1);
    ca_client_ = ClientWith(IssuedBy(Enroll(csr_, basic_)));
    ca_client_.channel_binding = client_.channel_binding;
  }

  HttpResponse Ask(const std::string& method, const std::string& path,
                   const HttpHeaders& headers = {},
                   const std::string& body = "",
                   const std::optional<ClientInfo>& client = {}) {
    return Send({.method = method,
                 .target = absl::StrCat("/.well-known/est/", path),
                 .headers = headers,
                 .body = body},
                client.value_or(client_));
  }
  // An enrollment with what `path` asks for to be let in.
  HttpResponse Good(const std::string& path, const std::string& body,
                    const std::string& type = "application/pkcs10") {
    HttpHeaders headers = {{"Content-Type", type}};
    if (path != "simplereenroll") headers.emplace_back("Authorization", basic_);
    return Ask("POST", path, headers, body, ca_client_);
  }
  std::string Csr(const std::function<void(Pkcs10Template&)>& change) {
    Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
    change(wanted);
    return MakeCsr(*device_, wanted);
  }

  void Check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      SCOPED_TRACE(row.what);
      HttpResponse refused;
      ExpectNothingButAudited([&] { return refused = row.refused(); },
                              row.problem);
      EXPECT_EQ(refused.status, row.status) << refused.body;
      EXPECT_TRUE(
          absl::StrContains(log_.back(), absl::StrCat("problem=", row.problem)))
          << log_.back();
      EXPECT_TRUE(absl::StrContains(
          row.status == 401 ? log_.back() : refused.body, row.sentence))
          << refused.body << log_.back();
      EXPECT_EQ(refused.body.empty(), row.status == 401);
      const HttpResponse accepted = row.accepted();
      EXPECT_TRUE(accepted.status == 200 || accepted.status == 204)
          << accepted.status << " " << accepted.body;
    }
  }

  // The nonce of a fresh challenge.
  std::string Nonce() {
    const HttpResponse challenged = Ask(
        "POST", "simpleenroll", {{"Content-Type", "application/pkcs10"}}, csr_);
    EXPECT_EQ(challenged.status, 401);
    // Basic first, then Digest.
    EXPECT_EQ(challenged.headers.at(0).second, "Basic realm=\"Bestow\"");
    const auto challenges = ParseChallenges({challenged.headers.at(1).second});
    EXPECT_TRUE(challenges.ok()) << challenges.status();
    return ReadDigestChallenge(challenges->at(0))->nonce;
  }
  HttpResponse Digest(const std::string& nonce, uint32_t nc,
                      const std::string& password) {
    DigestCredentials credentials;
    credentials.username = "digest";
    credentials.realm = "Bestow";
    credentials.nonce = nonce;
    credentials.uri = "/.well-known/est/simpleenroll";
    credentials.cnonce = "0a4f113b";
    credentials.nc = nc;
    credentials.response = DigestResponse(
        credentials.algorithm,
        DigestHa1(credentials.algorithm, "digest", "Bestow", Secret(password)),
        "POST", credentials.uri, nonce, nc, credentials.cnonce);
    return Ask("POST", "simpleenroll",
               {{"Content-Type", "application/pkcs10"},
                {"Authorization", FormatDigestAuthorization(credentials)}},
               csr_);
  }

  Config config_;
  std::string basic_;
  std::string csr_;
  ClientInfo client_;
  ClientInfo ca_client_;
};

TEST_F(RefusalsTest, OfMethodsAndPaths) {
  std::vector<Row> rows;
  for (const char* path : {"cacerts", "csrattrs"}) {
    for (const char* method : {"POST", "PUT", "DELETE"}) {
      rows.push_back({absl::StrCat(method, " ", path),
                      [=, this] { return Ask(method, path); }, 405,
                      "wrong-method", "takes GET, HEAD",
                      [=, this] { return Ask("GET", path); }});
    }
    rows.push_back(
        {absl::StrCat("a label that is not there: ", path),
         [=, this] { return Ask("GET", absl::StrCat("x/", path)); }, 404,
         "unknown-label", "no label x",
         [=, this] { return Ask("HEAD", absl::StrCat("plant/", path)); }});
  }
  for (const char* path : {"simpleenroll", "simplereenroll", "serverkeygen"}) {
    for (const char* method : {"GET", "HEAD", "PUT"}) {
      rows.push_back({absl::StrCat(method, " ", path),
                      [=, this] { return Ask(method, path); }, 405,
                      "wrong-method", "takes POST",
                      [=, this] { return Good(path, csr_); }});
    }
    rows.push_back({absl::StrCat("a path below ", path),
                    [=, this] { return Good(absl::StrCat(path, "/x"), csr_); },
                    404, "unknown-path", "not an EST operation",
                    [=, this] { return Good(path, csr_); }});
  }
  Check(rows);
}

TEST_F(RefusalsTest, OfBodies) {
  Bytes broken = MakeCsrDer(*device_, Wish(*device_, "CN=gw-17"));
  broken.back() ^= 1;
  Bytes truncated = broken;
  truncated.pop_back();
  auto weak = *SoftwareSigner::Generate(KeyType::kEd25519);
  const std::string weak_csr = MakeCsr(*weak, "CN=gw-17");
  std::vector<Row> rows;
  for (const std::string path :
       {"simpleenroll", "simplereenroll", "serverkeygen"}) {
    const auto row = [&](const std::string& what, const std::string& body,
                         int status, const std::string& problem,
                         const std::string& sentence) {
      rows.push_back({absl::StrCat(what, " to ", path),
                      [=, this] { return Good(path, body); }, status, problem,
                      sentence, [=, this] { return Good(path, csr_); }});
    };
    rows.push_back(
        {absl::StrCat("another media type to ", path),
         [=, this] { return Good(path, csr_, "application/pkcs7-mime"); }, 415,
         "wrong-media-type", "must be application/pkcs10",
         [=, this] { return Good(path, csr_, "Application/PKCS10; x=y"); }});
    row("nothing", "", 400, "bad-encoding", "empty");
    row("no base64", "-----BEGIN", 400, "bad-encoding", "not base64");
    row("no CSR", "MAA=", 400, "bad-request", "not a PKCS#10 request");
    row("half a CSR", EncodeBase64(truncated), 400, "bad-request",
        "not a PKCS#10 request");
    if (path == "serverkeygen") {
      row("a kind of key that is not made", weak_csr, 403, "key-type",
          "ec-p256");
      continue;
    }
    row("a wrong signature", EncodeBase64(broken), 400, "bad-signature",
        "does not count");
    row("a kind of key that is not taken", weak_csr, 400, "weak-key", "");
  }
  Check(rows);
}

TEST_F(RefusalsTest, OfIdentities) {
  const auto with = [this](const std::string& path,
                           const std::string& authorization) {
    return [=, this] { return Post(path, csr_, authorization); };
  };
  std::vector<Row> rows;
  for (const std::string path : {"simpleenroll", "serverkeygen"}) {
    const auto twin = with(path, basic_);
    rows.push_back({absl::StrCat("nobody at ", path), with(path, ""), 401,
                    "no-credentials", "", twin});
    rows.push_back({absl::StrCat("a wrong password at ", path),
                    with(path, Basic("gw-17", "wrong")), 401,
                    "wrong-credentials", "", twin});
    rows.push_back({absl::StrCat("an unknown name at ", path),
                    with(path, Basic("gw-99", kPassword)), 401,
                    "wrong-credentials", "", twin});
    rows.push_back({absl::StrCat("another label's identity at ", path),
                    with(path, Basic("elsewhere", kPassword)), 403,
                    "not-registered", "", twin});
    rows.push_back({absl::StrCat("this label's identity at another's ", path),
                    with(absl::StrCat("plant/", path), basic_),
                    path == "simpleenroll" ? 403 : 404,
                    path == "simpleenroll" ? "not-registered" : "not-offered",
                    "", twin});
  }
  rows.push_back({"a re-enrollment without a certificate",
                  with("simplereenroll", basic_), 403, "no-certificate",
                  "needs the certificate that is to be renewed",
                  [this] { return Good("simplereenroll", csr_); }});
  rows.push_back(
      {"a re-enrollment at another label",
       [this] { return Post("plant/simplereenroll", csr_, "", ca_client_); },
       403, "not-registered", "may not use the label plant",
       [this] { return Good("simplereenroll", csr_); }});
  Check(rows);
}

TEST_F(RefusalsTest, OfAttributesAndLinks) {
  const std::string right = EncodeBase64(Bytes(32, 1));
  const std::string wrong = EncodeBase64(Bytes(32, 2));
  std::vector<Row> rows;
  for (const std::string path :
       {"simpleenroll", "simplereenroll", "serverkeygen"}) {
    const auto row = [&](const std::string& what,
                         const std::function<void(Pkcs10Template&)>& refused,
                         int status, const std::string& problem,
                         const std::string& sentence,
                         const std::function<void(Pkcs10Template&)>& accepted) {
      rows.push_back({absl::StrCat(what, " to ", path),
                      [=, this] { return Good(path, Csr(refused)); }, status,
                      problem, sentence,
                      [=, this] { return Good(path, Csr(accepted)); }});
    };
    row(
        "a wrong challengePassword",
        [=](auto& csr) { csr.challenge_password = wrong; }, 400, "not-linked",
        "challengePassword is not this TLS session's",
        [=](auto& csr) { csr.challenge_password = right; });
    row(
        "a wrong estIdentityLinking",
        [=](auto& csr) { csr.est_identity_linking = wrong; }, 400, "not-linked",
        "estIdentityLinking is not this TLS session's",
        [=](auto& csr) { csr.est_identity_linking = right; });
    row(
        "a wrong otpChallenge", [](auto& csr) { csr.otp_challenge = "x"; }, 403,
        "wrong-otp", "not a valid one-time secret",
        [](auto& csr) { csr.revocation_challenge = "x"; });
    row(
        "an attribute twice",
        [](auto& csr) {
          csr.attributes = {{oids::OtpChallenge(), {{0x0c, 0x01, 'x'}}}};
          csr.attributes.push_back(csr.attributes[0]);
        },
        400, "bad-request", "", [](auto&) {});
    row(
        "other names",
        [](auto& csr) {
          csr.change_subject_name =
              ChangeSubjectName{*Name::FromText("CN=x"), {}};
        },
        403, "name-change", "ChangeSubjectName", [](auto&) {});
  }
  rows.push_back(
      {"another Subject to simplereenroll",
       [this] { return Good("simplereenroll", MakeCsr(*device_, "CN=x")); },
       400, "other-names", "Subject",
       [this] { return Good("simplereenroll", csr_); }});
  rows.push_back({"an unknown key identifier to serverkeygen",
                  [this] {
                    return Good("serverkeygen", Csr([](auto& csr) {
                                  csr.decrypt_key_identifier = Bytes{1};
                                }));
                  },
                  400, "unknown-key-id", "DecryptKeyIdentifier 01",
                  [this] { return Good("serverkeygen", csr_); }});
  Check(rows);
}

TEST_F(RefusalsTest, OfNonces) {
  std::string nonce;
  const auto twin = [&, this] { return Digest(nonce = Nonce(), 1, kPassword); };
  const auto stale = [&, this] { return Digest(nonce, 1, kPassword); };
  std::vector<Row> rows = {
      {"a nonce that nobody gave",
       [&, this] { return Digest("bm9uY2U=", 1, kPassword); }, 401,
       "no-credentials", "", twin},
      // The nonce of the twin before.
      {"a nonce and a count again", stale, 401, "no-credentials", "", twin},
      {"a wrong password", [&, this] { return Digest(Nonce(), 1, "wrong"); },
       401, "wrong-credentials", "", twin},
  };
  Check(rows);
  const HttpResponse again = stale();
  EXPECT_TRUE(absl::StrContains(again.headers.at(1).second, "stale=true"))
      << again.headers.at(1).second;
  clock_.Advance(config_.service.auth.nonce_lifetime + absl::Seconds(1));
  EXPECT_EQ(Digest(nonce, 2, kPassword).status, 401);
}

}  // namespace
}  // namespace bestow::server
