// The rules of a label: manual approval, re-enrollment, registration
// authorities, one-time secrets in the request, limits.
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/crypto/base64.h"
#include "common/pki/change_subject_name.h"
#include "gtest/gtest.h"
#include "server/auth/password.h"
#include "server/est/service_fixture.h"
#include "server/store/database_dump.h"

namespace bestow::server {
namespace {

class EnrollRulesTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    basic_ = Basic("gw-17", kPassword);
  }
  EnrollmentConfig& rules() { return config_.service.enrollment; }
  void Apply() { Configure(config_); }

  Certificate First() {
    return IssuedBy(Enroll(MakeCsr(*device_, ""), basic_));
  }

  // A refusal changes nothing in the database but for the audit log.
  void ExpectRefused(const std::function<HttpResponse()>& ask, int status,
                     std::string_view problem, std::string_view reason) {
    HttpResponse response;
    ExpectNothingButAudited([&] { return response = ask(); }, problem);
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_TRUE(
        absl::StrContains(log_.back(), absl::StrCat("problem=", problem)))
        << log_.back();
    EXPECT_TRUE(absl::StrContains(response.body, reason)) << response.body;
  }

  int64_t PendingId() {
    int64_t id = 0;
    EXPECT_TRUE(
        store_
            ->ForEachPending(clock_.Now(),
                             [&](const PendingRequest& each) { id = each.id; })
            .ok());
    return id;
  }
  void ExpectWaiting(const HttpResponse& response) {
    EXPECT_EQ(response.status, 202) << response.body;
    // RFC 7030 4.2.3: "The server MUST include a Retry-After header".
    EXPECT_EQ(HeaderOf(response, "Retry-After"), "300");
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(HeaderOf(response, "Content-Type"), "");
  }

  Config config_;
  std::string basic_;
};

class ApprovalTest : public EnrollRulesTest {
 protected:
  void SetUp() override {
    EnrollRulesTest::SetUp();
    rules().approval = Approval::kManual;
    Apply();
  }
};

TEST_F(ApprovalTest, WaitsUntilTheOperatorApproves) {
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
  EXPECT_TRUE(absl::StrContains(log_.back(), "waiting")) << log_.back();
  // It is kept: another process asks the same database.
  ConfigureStore({});
  const std::string before = Dump();
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
  EXPECT_EQ(Dump(), before);
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  const Certificate issued =
      IssuedBy(Enroll(MakeCsr(*device_, "CN=a"), basic_));
  EXPECT_EQ(issued.subject.ToText(), "CN=gw-17");
  // The reply was lost: the same again.
  EXPECT_EQ(IssuedBy(Enroll(MakeCsr(*device_, "CN=a"), basic_)), issued);
  EXPECT_EQ(RecordCount(), 1u);
}

// RFC 7030 4.2.3: a linked CSR is another one in each session.
TEST_F(ApprovalTest, KnowsALinkedRequestAgainInAnotherSession) {
  const auto ask = [&](uint8_t session) {
    ClientInfo client = Anonymous();
    client.channel_binding = Bytes(32, session);
    Pkcs10Template wanted = Wish(*device_, "CN=a");
    wanted.challenge_password = EncodeBase64(Bytes(32, session));
    const HttpResponse response =
        Enroll(MakeCsr(*device_, wanted), basic_, client);
    EXPECT_TRUE(response.close);
    return response;
  };
  ExpectWaiting(ask(1));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  IssuedBy(ask(2));
}

TEST_F(ApprovalTest, AnApprovalIsForItsKeySubjectAndIdentityOnly) {
  AddUser("gw-18", kPassword);
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  auto other = *SoftwareSigner::Generate();
  ExpectWaiting(Enroll(MakeCsr(*other, "CN=a"), basic_));
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=b"), basic_));
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), Basic("gw-18", kPassword)));
  IssuedBy(Enroll(MakeCsr(*device_, "CN=a"), basic_));
}

TEST_F(ApprovalTest, TellsTheOperatorsReasonForARefusal) {
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
  ASSERT_TRUE(store_
                  ->DecidePending(PendingId(), false, "not in the inventory",
                                  clock_.Now())
                  .ok());
  ExpectRefused([&] { return Enroll(MakeCsr(*device_, "CN=a"), basic_); }, 403,
                "denied", "not in the inventory");
}

TEST_F(ApprovalTest, ForgetsAnApprovalThatExpired) {
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  clock_.Advance(rules().approval_expiry + absl::Seconds(1));
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
}

TEST_F(ApprovalTest, TakesSoManyAndNoMore) {
  config_.service.limits.pending_requests = 1;
  Apply();
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
  ExpectRefused([&] { return Enroll(MakeCsr(*device_, "CN=b"), basic_); }, 503,
                "too-many-pending", "wait for an approval");
  ExpectWaiting(Enroll(MakeCsr(*device_, "CN=a"), basic_));
}

TEST_F(ApprovalTest, ARenewalDoesNotWait) {
  ExpectWaiting(Enroll(MakeCsr(*device_, ""), basic_));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  const Certificate first = First();
  IssuedBy(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first)));
}

// A certificate of a label where nobody is asked is not this one's approval.
TEST_F(ApprovalTest, ARenewalOfAnotherLabelsCertificateWaits) {
  ServiceConfig lab = config_.service;
  lab.label = "lab";
  lab.enrollment.approval = Approval::kAutomatic;
  config_.labels = {lab};
  Apply();
  AddUser("gw-17", kPassword, {.labels = {"lab"}, .is_ra = {}});
  const Certificate first =
      IssuedBy(Post("lab/simpleenroll", MakeCsr(*device_, ""), basic_));
  const std::string csr = MakeCsr(*device_, "CN=gw-17");
  ExpectWaiting(Reenroll(csr, ClientWith(first)));
  IssuedBy(Post("lab/simplereenroll", csr, "", ClientWith(first)));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  // From now on it is this label's.
  const Certificate ours = IssuedBy(Reenroll(csr, ClientWith(first)));
  auto other = *SoftwareSigner::Generate();
  IssuedBy(Reenroll(MakeCsr(*other, "CN=gw-17"), ClientWith(ours)));
}

// What was approved for the client's own key is not for one that is made here.
TEST_F(ApprovalTest, AnApprovalIsForItsOperationOnly) {
  rules().server_keys = true;
  Apply();
  const std::string csr = MakeCsr(*device_, "CN=a");
  ExpectWaiting(Enroll(csr, basic_));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  ExpectWaiting(Post("serverkeygen", csr, basic_));
  IssuedBy(Enroll(csr, basic_));
  ExpectWaiting(Post("serverkeygen", csr, basic_));
}

TEST_F(ApprovalTest, ASecretMayExpireWhileTheOperatorThinks) {
  const std::string auth = Basic("gw-17", kSecret);  // for an hour
  const std::string csr = MakeCsr(*device_, "CN=a");
  ExpectWaiting(Enroll(csr, auth));
  clock_.Advance(absl::Hours(2));
  ExpectWaiting(Enroll(csr, auth));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  auto other = *SoftwareSigner::Generate();
  ExpectRefused([&] { return Enroll(MakeCsr(*other, "CN=a"), auth); }, 403,
                "secret-spent", "expired");
  IssuedBy(Enroll(csr, auth));
  ExpectRefused([&] { return Enroll(MakeCsr(*other, "CN=a"), auth); }, 403,
                "secret-spent", "another key");
}

// What happens at a failpoint; it fails when that says so. The store's thread
// passes failpoints too.
std::mutex g_mutex;
std::string g_failpoint;
std::function<bool()> g_at_failpoint;
bool AtFailpoint(std::string_view name) {
  std::function<bool()> action;
  {
    std::lock_guard<std::mutex> lock(g_mutex);
    if (name == g_failpoint) action = g_at_failpoint;
  }
  return action && action();
}

class MeanwhileTest : public ApprovalTest {
 protected:
  void TearDown() override {
    ApprovalTest::TearDown();
    SetFailpointHandler(nullptr);
    Set("", nullptr);
  }
  void At(const std::string& name, std::function<bool()> action) {
    Set(name, std::move(action));
    SetFailpointHandler(&AtFailpoint);
  }

 private:
  static void Set(const std::string& name, std::function<bool()> action) {
    std::lock_guard<std::mutex> lock(g_mutex);
    g_failpoint = name;
    g_at_failpoint = std::move(action);
  }
};

TEST_F(MeanwhileTest, TheOperatorTakesAnApprovalBack) {
  const std::string auth = Basic("gw-17", kSecret);
  const std::string csr = MakeCsr(*device_, "CN=a");
  ExpectWaiting(Enroll(csr, auth));
  const int64_t id = PendingId();
  ASSERT_TRUE(store_->DecidePending(id, true, "", clock_.Now()).ok());
  At("est.after_sign", [&] {
    EXPECT_TRUE(store_->DecidePending(id, false, "no", clock_.Now()).ok());
    return false;
  });
  const HttpResponse refused = Enroll(csr, auth);
  EXPECT_EQ(refused.status, 403);
  EXPECT_TRUE(absl::StrContains(log_.back(), "problem=not-granted"))
      << log_.back();
  EXPECT_TRUE(absl::StrContains(refused.body, "not approved any more"))
      << refused.body;
  // The secret is not spent by that.
  At("est.after_sign", [] { return false; });
  ASSERT_TRUE(store_->DecidePending(id, true, "", clock_.Now()).ok());
  IssuedBy(Enroll(csr, auth));
}

// An RSA key takes seconds: not for a secret that gives no certificate.
TEST_F(MeanwhileTest, NoKeyIsMadeForASpentSecret) {
  rules().server_keys = true;
  rules().approval = Approval::kAutomatic;
  Apply();
  const std::string auth = Basic("gw-17", kSecret);  // for an hour
  const std::string csr = MakeCsr(*device_, "CN=a");
  const auto ask = [&] { return Post("serverkeygen", csr, auth); };
  At("est.make_key", [] { return true; });
  // A free one gets as far as that.
  ExpectRefused(ask, 500, "internal", "est.make_key");
  clock_.Advance(absl::Minutes(59));
  At("est.make_key", [] { return false; });
  EXPECT_EQ(ask().status, 200);
  At("est.make_key", [] { return true; });
  ExpectRefused(ask, 403, "secret-spent", "another key");
}

// Whether the secret was good in time says when the request came first.
TEST_F(MeanwhileTest, AKeyIsMadeForASecretThatExpiredWhileItWaited) {
  rules().server_keys = true;
  Apply();
  const std::string auth = Basic("gw-17", kSecret);
  const std::string csr = MakeCsr(*device_, "CN=a");
  const auto ask = [&] { return Post("serverkeygen", csr, auth); };
  ExpectWaiting(ask());
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(store_->DecidePending(PendingId(), true, "", clock_.Now()).ok());
  EXPECT_EQ(ask().status, 200);
  rules().approval = Approval::kAutomatic;
  Apply();
  ExpectRefused(ask, 403, "secret-spent", "another key");
}

using RenewalTest = EnrollRulesTest;

// RFC 7030 4.2.2: renewal or rekey, as the label allows.
TEST_F(RenewalTest, DemandsANewKeyWhereTheLabelDoes) {
  const Certificate first = First();
  rules().allow_same_key = false;
  Apply();
  ExpectRefused(
      [&] {
        return Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first));
      },
      403, "same-key", "new key");
  auto other = *SoftwareSigner::Generate();
  IssuedBy(Reenroll(MakeCsr(*other, "CN=gw-17"), ClientWith(first)));
}

TEST_F(RenewalTest, KeepsToTheWindowUntilTheOperatorOrdersOtherwise) {
  const Certificate first = First();
  rules().renewal_window = absl::Hours(24 * 30);
  Apply();
  const auto renew = [&] {
    return Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first));
  };
  ExpectRefused(renew, 403, "too-early", "may be renewed from");
  RenewalOrder order;
  order.issued_before = clock_.Now() + absl::Seconds(1);
  order.window_start = clock_.Now();
  order.window_end = clock_.Now() + absl::Hours(24);
  order.created_at = clock_.Now();
  ASSERT_TRUE(store_->AddRenewalOrder(order).ok());
  IssuedBy(renew());
}

TEST_F(RenewalTest, OpensTheWindowByItself) {
  const Certificate first = First();
  rules().renewal_window = absl::Hours(24 * 30);
  Apply();
  clock_.Advance(absl::Hours(24 * 61));
  IssuedBy(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first)));
}

// RFC 6402 2.8: "If the subject field is absent, the name field of the template
// will be set to a empty sequence"; the SANs likewise.
TEST_F(RenewalTest, ChangesNamesOnlyWhereAllowedAndToThoseOfTheProfile) {
  const Certificate first = First();
  config_.service.profile.subject = "O=New,CN={identity}";
  config_.service.profile.sans = {"dns:{identity}.example"};
  Apply();
  const auto change = [&](std::optional<std::string> subject,
                          std::vector<GeneralName> sans) {
    Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
    wanted.change_subject_name = ChangeSubjectName{};
    if (subject.has_value()) {
      wanted.change_subject_name->subject = *Name::FromText(*subject);
    }
    wanted.change_subject_name->sans = std::move(sans);
    return Reenroll(MakeCsr(*device_, wanted), ClientWith(first));
  };
  const GeneralName san = *GeneralName::Dns("gw-17.example");
  const std::string subject = "O=New,CN=gw-17";
  ExpectRefused([&] { return change(subject, {san}); }, 403, "name-change",
                "does not allow");
  rules().allow_name_change = true;
  Apply();
  ExpectRefused([&] { return change("CN=gw-17", {san}); }, 403, "name-change",
                "profile gives");
  ExpectRefused([&] { return change(subject, {}); }, 403, "name-change",
                "profile gives");
  ExpectRefused([&] { return change(std::nullopt, {san}); }, 403, "name-change",
                "profile gives");
  ExpectRefused(
      [&] {
        return change(subject, {san, *GeneralName::Dns("gw-18.example")});
      },
      403, "name-change", "profile gives");
  // Without the attribute the names stay, and the profile gives others.
  ExpectRefused(
      [&] {
        return Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first));
      },
      403, "not-granted", "other names");
  const Certificate renamed = IssuedBy(change(subject, {san}));
  EXPECT_EQ(renamed.subject.ToText(), subject);
  EXPECT_EQ(renamed.sans, std::vector<GeneralName>{san});
  // An enrollment has no names yet that could be changed.
  Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
  wanted.change_subject_name = ChangeSubjectName{*Name::FromText(subject), {}};
  ExpectRefused([&] { return Enroll(MakeCsr(*device_, wanted), basic_); }, 403,
                "name-change", "/simplereenroll");
}

TEST_F(EnrollRulesTest, CertifiesTheKeyTypesOfTheProfile) {
  config_.service.profile.key_types = {KeyType::kEcP384};
  config_.service.profile.key_usage =
      kDigitalSignature | kKeyEncipherment | kKeyAgreement;
  Apply();
  ExpectRefused([&] { return Enroll(MakeCsr(*device_, ""), basic_); }, 403,
                "key-type", "ec-p384");
  auto key = *SoftwareSigner::Generate(KeyType::kEcP384);
  // RFC 8813 3: no keyEncipherment in a certificate of an EC key.
  EXPECT_EQ(IssuedBy(Enroll(MakeCsr(*key, ""), basic_)).key_usage,
            kDigitalSignature | kKeyAgreement);
}

// RFC 7030 3.7
class RegistrationAuthorityTest : public EnrollRulesTest {
 protected:
  void SetUp() override {
    EnrollRulesTest::SetUp();
    AddUser("ra-1", kPassword, {.labels = {}, .is_ra = true});
    AddUser("ra-2", kPassword, {.labels = {}, .is_ra = true});
    AddUser("elsewhere", kPassword, {.labels = {"other"}, .is_ra = {}});
    ra_ = Basic("ra-1", kPassword);
  }
  std::string ra_;
};

TEST_F(RegistrationAuthorityTest, EnrollsTheIdentityThatTheRequestNames) {
  const Certificate issued =
      IssuedBy(Enroll(MakeCsr(*device_, "O=x,CN=gw-17"), ra_));
  EXPECT_EQ(issued.subject.ToText(), "CN=gw-17");
  EXPECT_EQ(store_->FindCertificate(issued.serial)->identity, "gw-17");
  EXPECT_TRUE(absl::StrContains(log_.back(), "identity=ra-1")) << log_.back();
  EXPECT_TRUE(absl::StrContains(log_.back(), "for gw-17")) << log_.back();
  // For itself, too.
  EXPECT_EQ(
      IssuedBy(Enroll(MakeCsr(*device_, "CN=ra-1"), ra_)).subject.ToText(),
      "CN=ra-1");
}

// It would stay unspent, or be spent by somebody else's certificate.
TEST_F(RegistrationAuthorityTest, EnrollsNobodyByAOneTimeSecret) {
  ASSERT_TRUE(store_
                  ->AddSecret("ra-1", HashOneTimeSecret(Secret("the RA's")),
                              clock_.Now(), clock_.Now() + absl::Hours(1))
                  .ok());
  const std::string by_secret = Basic("ra-1", "the RA's");
  ExpectRefused(
      [&] { return Enroll(MakeCsr(*device_, "CN=gw-17"), by_secret); }, 403,
      "not-registered", "not by a one-time secret");
  IssuedBy(Enroll(MakeCsr(*device_, "CN=ra-1"), by_secret));
}

TEST_F(RegistrationAuthorityTest, EnrollsNobodyElse) {
  for (const char* subject : {"", "O=x", "CN=nobody", "CN=ra-2", "CN=elsewhere",
                              "CN=est.example", "CN=Test CA"}) {
    ExpectRefused([&] { return Enroll(MakeCsr(*device_, subject), ra_); }, 403,
                  "not-registered", "registration authority");
  }
}

// "configured to accept POP linking information that does not match the
// current TLS session because the authenticated EST client RA has verified
// this information"
TEST_F(RegistrationAuthorityTest, MayPassALinkToItsOwnSessionOn) {
  ClientInfo client = Anonymous();
  client.channel_binding = Bytes(32, 1);
  Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
  wanted.challenge_password = EncodeBase64(Bytes(32, 2));
  wanted.est_identity_linking = EncodeBase64(Bytes(32, 2));
  const std::string csr = MakeCsr(*device_, wanted);
  ExpectRefused([&] { return Enroll(csr, basic_, client); }, 400, "not-linked",
                "challengePassword");
  config_.service.auth.linking = Linking::kRequired;
  Apply();
  IssuedBy(Enroll(csr, ra_, client));
  IssuedBy(Enroll(MakeCsr(*device_, "CN=gw-17"), ra_, client));
}

// For itself there is no other session that it could have verified.
TEST_F(RegistrationAuthorityTest, LinksItsOwnRequestsLikeAnybody) {
  config_.service.auth.linking = Linking::kRequired;
  Apply();
  ClientInfo client = Anonymous();
  client.channel_binding = Bytes(32, 1);
  Pkcs10Template wanted = Wish(*device_, "CN=ra-1");
  const auto ask = [&] {
    return Enroll(MakeCsr(*device_, wanted), ra_, client);
  };
  ExpectRefused(ask, 400, "not-linked", "must be linked");
  wanted.challenge_password = EncodeBase64(Bytes(32, 2));
  ExpectRefused(ask, 400, "not-linked", "challengePassword");
  wanted.challenge_password = EncodeBase64(Bytes(32, 1));
  IssuedBy(ask());
}

// RFC 7030 3.5, RFC 7894 4: each link and challenge by itself.
class LinkTest : public EnrollRulesTest {
 protected:
  HttpResponse Ask(const std::string& challenge_password,
                   const std::string& identity_linking) {
    ClientInfo client = Anonymous();
    client.channel_binding = Bytes(32, 1);
    Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
    if (!challenge_password.empty()) {
      wanted.challenge_password = challenge_password;
    }
    if (!identity_linking.empty()) {
      wanted.est_identity_linking = identity_linking;
    }
    return Enroll(MakeCsr(*device_, wanted), basic_, client);
  }
  const std::string right_ = EncodeBase64(Bytes(32, 1));
  const std::string wrong_ = EncodeBase64(Bytes(32, 2));
};

TEST_F(LinkTest, VerifiesEachLinkThatIsThereWhetherRequiredOrNot) {
  for (Linking linking :
       {Linking::kOff, Linking::kOptional, Linking::kRequired}) {
    config_.service.auth.linking = linking;
    Apply();
    for (const auto& [password, linking_value] :
         std::vector<std::pair<std::string, std::string>>{
             {right_, ""}, {"", right_}, {right_, right_}}) {
      const HttpResponse response = Ask(password, linking_value);
      IssuedBy(response);
      EXPECT_TRUE(response.close);  // RFC 9266 4.1
    }
    for (const auto& [password, linking_value, reason] :
         std::vector<std::tuple<std::string, std::string, std::string>>{
             {wrong_, "", "challengePassword"},
             {"", wrong_, "estIdentityLinking"},
             {right_, wrong_, "estIdentityLinking"},
             {wrong_, right_, "challengePassword"},
             {right_ + " ", "", "challengePassword"},
             {"a password", "", "challengePassword"}}) {
      ExpectRefused([&] { return Ask(password, linking_value); }, 400,
                    "not-linked", reason);
    }
  }
}

TEST_F(LinkTest, RefusesARequestWithoutALinkWhereItIsRequired) {
  IssuedBy(Ask("", ""));
  config_.service.auth.linking = Linking::kRequired;
  Apply();
  ExpectRefused([&] { return Ask("", ""); }, 400, "not-linked",
                "must be linked");
}

// RFC 7894 3.1: the server takes its one-time secrets there too.
TEST_F(LinkTest, TakesAOneTimeSecretOfTheIdentityInOtpChallenge) {
  ASSERT_TRUE(store_
                  ->AddSecret("gw-18", HashOneTimeSecret(Secret("another's")),
                              clock_.Now(), clock_.Now() + absl::Hours(1))
                  .ok());
  ASSERT_TRUE(store_
                  ->AddSecret("gw-17", HashOneTimeSecret(Secret("a second")),
                              clock_.Now(), clock_.Now() + absl::Hours(1))
                  .ok());
  const auto ask = [&](const std::string& otp, const std::string& auth) {
    ClientInfo client = Anonymous();
    client.channel_binding = Bytes(32, 1);
    Pkcs10Template wanted = Wish(*device_, "CN=gw-17");
    wanted.otp_challenge = otp;
    wanted.revocation_challenge = "revoke me";
    return Enroll(MakeCsr(*device_, wanted), auth, client);
  };
  ExpectRefused([&] { return ask("wrong", basic_); }, 403, "wrong-otp",
                "one-time secret");
  ExpectRefused([&] { return ask("another's", basic_); }, 403, "wrong-otp",
                "one-time secret");
  ExpectRefused([&] { return ask(kPassword, basic_); }, 403, "wrong-otp",
                "one-time secret");
  // One product has tls-exporter there.
  ExpectRefused([&] { return ask(right_, basic_); }, 403, "wrong-otp",
                "belongs into estIdentityLinking");
  ExpectRefused([&] { return ask("a second", Basic("gw-17", kSecret)); }, 403,
                "wrong-otp", "use one of them");
  const Certificate issued = IssuedBy(ask(kSecret, basic_));
  EXPECT_TRUE(absl::StrContains(log_.back(), "revocationChallenge ignored"))
      << log_.back();
  // It is used up, by this key.
  EXPECT_EQ(IssuedBy(ask(kSecret, basic_)), issued);
  device_ = *SoftwareSigner::Generate();
  ExpectRefused([&] { return ask(kSecret, basic_); }, 403, "secret-spent", "");
}

// RFC 5280 5.3.1: a key that somebody else may have. The secret that came with
// it serves another key after that.
TEST_F(EnrollRulesTest, ACompromisedKeyIsToldApartFromASpentSecret) {
  const auto revoke = [&](const Certificate& certificate,
                          RevocationReason reason) {
    RevokeOrder order;
    order.serial = certificate.serial;
    order.revocation.at = clock_.Now();
    order.revocation.reason = reason;
    ASSERT_TRUE(store_->Revoke(order).ok());
  };
  const std::string by_secret = Basic("gw-17", kSecret);
  const auto ask = [&] { return Enroll(MakeCsr(*device_, ""), by_secret); };
  revoke(First(), RevocationReason::kKeyCompromise);
  ExpectRefused(ask, 403, "key-compromised", "make another key");
  ExpectRefused([&] { return Enroll(MakeCsr(*device_, ""), basic_); }, 403,
                "key-compromised", "make another key");
  device_ = *SoftwareSigner::Generate();
  // Another reason says nothing of the key.
  revoke(First(), RevocationReason::kSuperseded);
  IssuedBy(ask());
  device_ = *SoftwareSigner::Generate();
  ExpectRefused(ask, 403, "secret-spent", "another key");
}

TEST_F(EnrollRulesTest, KeepsToTheLabelsLimits) {
  config_.service.limits.enrollments_per_minute = 2;
  Apply();
  First();
  First();
  const std::string before = Dump();
  const HttpResponse response = Enroll(MakeCsr(*device_, ""), basic_);
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(HeaderOf(response, "Retry-After"), "30");
  EXPECT_TRUE(absl::StrContains(log_.back(), "problem=too-many-requests"));
  EXPECT_EQ(Dump(), before);
  clock_.Advance(absl::Seconds(30));
  First();

  config_.service.limits.body_bytes = 200;
  Apply();
  ExpectRefused([&] { return Enroll(MakeCsr(*device_, ""), basic_); }, 413,
                "too-large", "200 octets");
}

}  // namespace
}  // namespace bestow::server
