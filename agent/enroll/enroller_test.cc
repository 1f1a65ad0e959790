// The enroller against a real TLS server, with software keys in place of the
// TPM: what is sent, to whom, and what is kept.
#include "agent/enroll/enroller.h"

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "agent/enroll/testing/est_test_server.h"
#include "agent/schedule/agenda.h"
#include "common/base/file.h"
#include "common/crypto/base64.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/est/csr_attrs.h"
#include "common/est/renewal_info.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/oids.h"
#include "common/tpm/errors.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using est::Operation;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kBound = absl::Seconds(20);

HttpResponse CsrAttrsReply(const est::CsrAttrs& attrs) {
  return {.status = 200,
          .headers = {{"Content-Type", std::string(est::kCsrAttrsMediaType)}},
          .body = est::EncodeBody(*est::SerializeCsrAttrsDer(attrs))};
}

class EnrollerTest : public ::testing::Test {
 protected:
  EnrollerTest() : loop_(*EventLoop::Create()) {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    MakeServer({});
    state_dir_ = folder_ + "/state";
    config_.username = "gw-17";
    config_.secret_file = folder_ + "/secret";
    config_.subject = *Name::FromCommonName("gw-17");
    config_.sans = {*GeneralName::Dns("gw-17.example")};
    config_.schedule = {.fraction = 0.5,
                        .jitter = 0,
                        .retry_min = absl::Milliseconds(20),
                        .retry_max = absl::Milliseconds(50)};
    EXPECT_TRUE(
        WriteFileAtomically(config_.secret_file, AsBytes("s3cret\n"), 0600)
            .ok());
    store_ = *CredentialStore::Open(state_dir_);
    auto fake = std::make_unique<FakeTpm>();
    fake_ = fake.get();
    tpm_ = std::make_unique<TpmWorker>(std::move(fake));
  }
  ~EnrollerTest() override {
    enroller_.reset();
    tpm_.reset();
  }

  void MakeServer(TlsVersions versions) {
    server_ = std::make_unique<EstTestServer>(*loop_, versions);
    config_.server = *ParseServerUrl(server_->url());
    config_.ca_file = folder_ + "/ca.pem";
    TrustCa(server_->ca().certificate());
  }
  void TrustCa(const Certificate& ca) {
    ASSERT_TRUE(WriteFileAtomically(config_.ca_file,
                                    AsBytes(SerializeCertificatePem(ca.der)),
                                    0600)
                    .ok());
  }
  void PinCa(const Certificate& ca) {
    config_.ca_file.clear();
    const Sha256Digest digest = Sha256(ca.der);
    config_.ca_sha256 = Bytes(digest.begin(), digest.end());
  }

  // A fresh start with what is on disk.
  void Start() {
    Enroller::Observer observer;
    observer.log = [this](const std::string& line) { log_.push_back(line); };
    observer.working = [](Mode) {};
    observer.waiting = [this](absl::Time time, bool is_renewal) {
      waits_for_renewal_ = is_renewal;
      waits_until_ = time;
      CheckDone();
    };
    observer.paused = [] {};
    observer.saved = [](const Credential&, bool) {};
    observer.problem = [this](const std::string& problem) {
      problems_.push_back(problem);
      ++failed_tries_;
    };
    enroller_ =
        std::make_unique<Enroller>(*loop_, config_, *store_, tpm_->NewQueue(),
                                   clock_, std::move(observer));
    failed_tries_ = 0;
    waits_for_renewal_ = false;
    waits_until_ = absl::Time();
    absl::Status status = enroller_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  // Runs the loop until `done`, which is asked whenever the enroller waits.
  void RunUntil(std::function<bool()> done) {
    if (done()) return;
    done_ = std::move(done);
    bool late = false;
    auto bound = loop_->RunAfter(kBound, [&] {
      late = true;
      loop_->Stop();
    });
    loop_->Run();
    done_ = nullptr;
    EXPECT_FALSE(late) << ::testing::PrintToString(problems_);
  }
  void CheckDone() {
    if (done_ && done_()) loop_->Stop();
  }
  void EnrollOnce() {
    Start();
    RunUntil([this] { return waits_for_renewal_; });
    ASSERT_TRUE(enroller_->credential().has_value());
  }
  // On the TPM's thread, to its end.
  void WithTpm(std::function<void(FakeTpm&)> fn) {
    absl::Notification done;
    tpm_->NewQueue().Post([&](Tpm&) {
      fn(*fake_);
      done.Notify();
    });
    done.WaitForNotification();
  }
  absl::StatusOr<TpmKey> FakeTpmKey() {
    absl::StatusOr<TpmKey> key;
    WithTpm([&](FakeTpm& fake) { key = fake.CreateKey(KeyType::kEcP256); });
    return key;
  }
  std::string Problems() { return ::testing::PrintToString(problems_); }

  SystemClock clock_;
  std::unique_ptr<EventLoop> loop_;
  std::string folder_;
  std::string state_dir_;
  IdentityConfig config_;
  std::unique_ptr<EstTestServer> server_;
  std::unique_ptr<CredentialStore> store_;
  FakeTpm* fake_ = nullptr;
  std::unique_ptr<TpmWorker> tpm_;
  std::unique_ptr<Enroller> enroller_;

  std::vector<std::string> log_;
  std::vector<std::string> problems_;
  // Since Start(). Not how often it waits: a timer that fires a moment early
  // by the wall clock is set again.
  int failed_tries_ = 0;
  bool waits_for_renewal_ = false;
  absl::Time waits_until_;
  std::function<bool()> done_;
};

constexpr char kBasic[] = "Basic realm=\"test\"";
constexpr char kDigest[] =
    "Digest realm=\"test\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";

TEST_F(EnrollerTest, EnrollsWithTheSecretAfterTheServerIsTrustedAndAsks) {
  server_->challenges = {kBasic};
  EnrollOnce();
  EXPECT_THAT(server_->Operations(),
              ElementsAre(Operation::kCaCerts, Operation::kCsrAttrs,
                          Operation::kSimpleEnroll, Operation::kSimpleEnroll));
  EXPECT_EQ(server_->seen[0].authorization, "");
  EXPECT_EQ(server_->seen[1].authorization, "");
  EXPECT_EQ(server_->seen[2].authorization, "");
  EXPECT_EQ(server_->seen[3].authorization,
            "Basic " + EncodeBase64(AsBytes("gw-17:s3cret")));
  // All of it over one connection.
  EXPECT_EQ(server_->seen[0].binding, server_->seen[3].binding);
  const Pkcs10Request& csr = *server_->seen[3].csr;
  EXPECT_EQ(csr.subject.ToText(), "CN=gw-17");
  EXPECT_EQ(csr.requested_sans, config_.sans);
  EXPECT_FALSE(csr.challenge_password.has_value());

  auto current = store_->Current();
  ASSERT_TRUE(current.ok() && current->has_value());
  EXPECT_EQ((*current)->certificate.spki, csr.spki);
  EXPECT_EQ(*store_->PendingKey(), std::nullopt);
  EXPECT_TRUE(problems_.empty()) << Problems();
}

TEST_F(EnrollerTest, AnswersADigestBeforeBasicAndOverANewConnectionToo) {
  server_->challenges = {kBasic, kDigest};
  for (bool closes : {false, true}) {
    server_->closes_after_challenge = closes;
    server_->seen.clear();
    std::filesystem::remove_all(state_dir_ + "/current");
    EnrollOnce();
    const auto seen = server_->Of(Operation::kSimpleEnroll);
    ASSERT_EQ(seen.size(), 2u) << Problems();
    EXPECT_EQ(seen[0].authorization, "");
    EXPECT_THAT(seen[1].authorization,
                ::testing::StartsWith("Digest username=\"gw-17\""));
    EXPECT_EQ(seen[0].csr, seen[1].csr);
    EXPECT_EQ(seen[0].binding != seen[1].binding, closes);
  }
}

// The server ended the connection that the request was linked to: another
// request, linked to the connection that it goes over.
TEST_F(EnrollerTest, LinksAnewWhenTheChallengeEndsTheConnection) {
  server_->challenges = {kBasic};
  server_->closes_after_challenge = true;
  server_->override_reply =
      [](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (one.operation != Operation::kCsrAttrs) return std::nullopt;
    return CsrAttrsReply({.items = {oids::ChallengePassword()}});
  };
  EnrollOnce();
  const auto seen = server_->Of(Operation::kSimpleEnroll);
  ASSERT_EQ(seen.size(), 2u) << Problems();
  EXPECT_NE(seen[0].binding, seen[1].binding);
  for (const auto& one : seen) {
    EXPECT_EQ(one.csr->challenge_password, one.binding);
    EXPECT_EQ(one.csr->spki, seen[0].csr->spki);
  }
  EXPECT_TRUE(problems_.empty()) << Problems();
}

TEST_F(EnrollerTest, APinnedFingerprintBootstrapsWithoutShowingAnything) {
  PinCa(server_->ca().certificate());
  EnrollOnce();
  EXPECT_THAT(server_->Operations(),
              ElementsAre(Operation::kCaCerts, Operation::kCsrAttrs,
                          Operation::kSimpleEnroll));
  EXPECT_EQ(server_->seen[0].authorization, "");
  // The enrollment went over a connection of its own, which the CA that was
  // learned vouches for.
  EXPECT_NE(server_->seen[0].binding, server_->seen[2].binding);
  // A restart trusts what was learned: one connection for all.
  std::filesystem::remove(state_dir_ + "/current");
  server_->seen.clear();
  EnrollOnce();
  ASSERT_EQ(server_->seen.size(), 3u);
  EXPECT_EQ(server_->seen[0].binding, server_->seen[2].binding);
}

TEST_F(EnrollerTest, AWrongPinOrAnotherCaGetsNothing) {
  const TestCa other("other CA");
  PinCa(other.certificate());
  Start();
  RunUntil([this] { return failed_tries_ >= 2; });
  config_.ca_sha256.reset();
  config_.ca_file = folder_ + "/ca.pem";
  TrustCa(other.certificate());
  Start();
  RunUntil([this] { return failed_tries_ >= 2; });
  EXPECT_TRUE(server_->seen.empty());
  EXPECT_GE(problems_.size(), 4u);
  EXPECT_THAT(problems_.back(), HasSubstr("127.0.0.1"));
  EXPECT_EQ(*store_->Current(), std::nullopt);
}

// RFC 7030 4.2.2: Subject and SubjectAltName equal the current certificate's.
TEST_F(EnrollerTest, RenewsOverTlsThatTheTpmAuthenticatesWithANewKey) {
  server_->lifetime = absl::Seconds(2);
  EnrollOnce();
  const Certificate first = enroller_->credential()->certificate;
  server_->seen.clear();
  // The config's names count for the first enrollment alone.
  config_.subject = *Name::FromCommonName("other");
  config_.sans.clear();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  const auto seen = server_->Of(Operation::kSimpleReenroll);
  ASSERT_EQ(seen.size(), 1u) << Problems();
  EXPECT_EQ(seen[0].client, "CN=gw-17");
  EXPECT_EQ(seen[0].authorization, "");
  EXPECT_EQ(seen[0].csr->subject, first.subject);
  EXPECT_EQ(seen[0].csr->requested_sans, first.sans);
  EXPECT_NE(seen[0].csr->spki, first.spki);
  EXPECT_TRUE(server_->Of(Operation::kSimpleEnroll).empty());
}

// RFC 7030 3.5: tls-unique on TLS 1.2; RFC 9266: the exporter on 1.3.
TEST_F(EnrollerTest, LinksTheRequestToItsConnectionWhenTheServerWants) {
  for (bool tls_1_3 : {false, true}) {
    MakeServer({.allow_1_2 = !tls_1_3, .allow_1_3 = tls_1_3});
    std::filesystem::remove_all(state_dir_ + "/current");
    server_->override_reply =
        [](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
      if (one.operation != Operation::kCsrAttrs) return std::nullopt;
      return CsrAttrsReply({.items = {oids::ChallengePassword()}});
    };
    EnrollOnce();
    const auto seen = server_->Of(Operation::kSimpleEnroll);
    ASSERT_EQ(seen.size(), 1u) << Problems();
    EXPECT_EQ(seen[0].csr->challenge_password, seen[0].binding);
  }
}

// RFC 7894: linking has an attribute of its own where the server knows it.
TEST_F(EnrollerTest, LinksByEstIdentityLinkingWhereItIsListed) {
  server_->override_reply =
      [](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (one.operation != Operation::kCsrAttrs) return std::nullopt;
    return CsrAttrsReply(
        {.items = {oids::ChallengePassword(), oids::EstIdentityLinking()}});
  };
  EnrollOnce();
  const auto seen = server_->Of(Operation::kSimpleEnroll);
  ASSERT_EQ(seen.size(), 1u) << Problems();
  EXPECT_EQ(seen[0].csr->est_identity_linking, seen[0].binding);
  EXPECT_EQ(seen[0].csr->challenge_password, std::nullopt);
}

TEST_F(EnrollerTest, MakesTheKeyThatTheServerDemands) {
  auto demand = [this](const der::Oid& signature) {
    server_->override_reply =
        [signature](
            const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
      if (one.operation != Operation::kCsrAttrs) return std::nullopt;
      return CsrAttrsReply({.items = {signature}});
    };
  };
  demand(oids::Sha256WithRsa());
  config_.key_type = KeyType::kEcP384;
  EnrollOnce();
  EXPECT_EQ(*KeyTypeOfSpki(enroller_->credential()->certificate.spki),
            KeyType::kRsa2048);
  // And renews over TLS with it, for a key of another type: the config's.
  server_->override_reply = nullptr;
  config_.schedule.fraction = 1e-9;
  const Certificate first = enroller_->credential()->certificate;
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  EXPECT_EQ(*KeyTypeOfSpki(enroller_->credential()->certificate.spki),
            KeyType::kEcP384);
}

TEST_F(EnrollerTest, AKeyThatTheTpmLacksIsNamedAndTheConfigsSent) {
  WithTpm([](FakeTpm& fake) { fake.Lack(KeyType::kEcP384); });
  int posts = 0;
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (one.operation == Operation::kCsrAttrs) {
      return CsrAttrsReply({.items = {oids::EcdsaWithSha384()}});
    }
    if (one.csr && ++posts == 1) return HttpResponse{.status = 503};
    return std::nullopt;
  };
  EnrollOnce();
  const auto seen = server_->Of(Operation::kSimpleEnroll);
  ASSERT_EQ(seen.size(), 2u) << Problems();
  EXPECT_EQ(*KeyTypeOfSpki(seen[0].csr->spki), KeyType::kEcP256);
  // The pending key is kept, though it is not what is asked for.
  EXPECT_EQ(seen[0].csr->spki, seen[1].csr->spki);
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("TPM can't make")));
}

// RFC 7030 4.2.2: the same key is renewal.
TEST_F(EnrollerTest, RenewsWithTheSameKeyWhenToldTo) {
  config_.schedule.same_key = true;
  EnrollOnce();
  const Certificate first = enroller_->credential()->certificate;
  config_.schedule.fraction = 1e-9;
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  EXPECT_EQ(enroller_->credential()->certificate.spki, first.spki);
  EXPECT_EQ(*store_->PendingKey(), std::nullopt);
  // A server that insists on a new one gets it.
  const Certificate second = enroller_->credential()->certificate;
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (!one.csr || one.csr->spki != second.spki) return std::nullopt;
    return HttpResponse{.status = 403, .body = "a new key is wanted\n"};
  };
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != second; });
  EXPECT_NE(enroller_->credential()->certificate.spki, second.spki);
  EXPECT_THAT(Problems(), HasSubstr("a new key is wanted"));
}

TEST_F(EnrollerTest, AnExpiredCertificateIsShownWithinTheGrace) {
  server_->lifetime = absl::Seconds(-1);
  config_.schedule.expired_grace = absl::Hours(1);
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    // The test's TLS does not take it; what matters here is what is tried.
    if (one.operation != Operation::kSimpleReenroll) return std::nullopt;
    return HttpResponse{.status = 403, .body = "expired\n"};
  };
  // Put an expired one in place: the agent would not take it from a server.
  const TpmKey key = *FakeTpmKey();
  Credential expired;
  expired.key = key;
  expired.certificate = *ParseCertificateDer(
      server_->ca().Issue({.common_name = "gw-17",
                           .server = false,
                           .not_before = absl::Now() - absl::Hours(2),
                           .not_after = absl::Now() - absl::Minutes(1)},
                          *TpmPublicToSpki(key.public_blob)));
  expired.obtained_at = absl::Now() - absl::Hours(2);
  ASSERT_TRUE(store_->Save(expired).ok());
  server_->lifetime = absl::Hours(1);
  Start();
  RunUntil([this] { return waits_for_renewal_; });
  EXPECT_EQ(server_->Of(Operation::kSimpleReenroll).size(), 1u);
  EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 1u);
  EXPECT_THAT(Problems(), HasSubstr("403: expired"));
}

// RFC 7030 4.2.3: what was told is kept, whoever starts the agent again.
TEST_F(EnrollerTest, AWaitIsKeptAcrossARestart) {
  server_->override_reply =
      [](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (!one.csr) return std::nullopt;
    return HttpResponse{.status = 202, .headers = {{"Retry-After", "3600"}}};
  };
  Start();
  RunUntil([this] { return failed_tries_ >= 1; });
  const absl::Time until = waits_until_;
  const size_t asked = server_->seen.size();
  Start();
  RunUntil([this] { return waits_until_ != absl::Time(); });
  EXPECT_EQ(absl::ToUnixSeconds(waits_until_), absl::ToUnixSeconds(until));
  EXPECT_FALSE(waits_for_renewal_);
  EXPECT_EQ(server_->seen.size(), asked);
  // Of another server it knows nothing yet.
  config_.server.label = "other";
  Start();
  RunUntil([&] { return server_->seen.size() > asked; });
}

// RFC 7030 4.1.3: a refresh finds the new root, and its link.
TEST_F(EnrollerTest, RefreshesTheCaCertificatesOnSchedule) {
  EnrollOnce();
  const TestCa stranger("test CA");
  server_->more_cacerts = {stranger.certificate().der};
  Agenda agenda;
  agenda.next_cacerts = absl::Now() - absl::Hours(1);
  ASSERT_TRUE(WriteAgenda(state_dir_, config_.server.ToText(), agenda).ok());
  server_->seen.clear();
  log_.clear();
  Start();
  RunUntil([this] { return waits_for_renewal_; });
  EXPECT_THAT(server_->Operations(), ElementsAre(Operation::kCaCerts));
  EXPECT_EQ(server_->seen[0].client, "");
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("no link certificate")));
  EXPECT_GT(*ReadAgenda(state_dir_, config_.server.ToText())->next_cacerts,
            absl::Now());
}

// After an incident the operator pulls renewals forward.
TEST_F(EnrollerTest, AsksForRenewalInformationAndObeysIt) {
  EnrollOnce();
  const Certificate first = enroller_->credential()->certificate;
  auto old = *store_->Current();
  old->obtained_at -= absl::Hours(9);  // not right after it was obtained
  ASSERT_TRUE(store_->Save(*old).ok());
  Agenda agenda;
  agenda.next_cacerts = absl::Now() + absl::Hours(1);
  agenda.next_info = absl::Now() - absl::Hours(1);
  config_.schedule.fraction = 0.95;
  for (const char* body :
       {"", "{}",
        "{\"suggestedWindow\":{\"start\":\"2026-01-01T00:00:00Z\","
        "\"end\":\"2026-01-01T00:00:01Z\"}}"}) {
    ASSERT_TRUE(WriteAgenda(state_dir_, config_.server.ToText(), agenda).ok());
    const bool has_window = std::string_view(body).size() > 2;
    server_->override_reply =
        [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
      if (one.operation != Operation::kRenewalInfo || *body == 0) {
        return std::nullopt;
      }
      return HttpResponse{
          .status = 200, .headers = {{"Retry-After", "600"}}, .body = body};
    };
    server_->seen.clear();
    problems_.clear();
    Start();
    RunUntil([&] {
      return waits_for_renewal_ &&
             (!has_window || enroller_->credential()->certificate != first);
    });
    ASSERT_FALSE(server_->seen.empty());
    const EstTestServer::Seen& asked = server_->seen[0];
    EXPECT_EQ(asked.operation, Operation::kRenewalInfo);
    EXPECT_EQ(asked.argument,
              est::RenewalInfoId(first.authority_key_id, first.serial));
    EXPECT_EQ(asked.client + asked.authorization, "");
    EXPECT_EQ(server_->Of(Operation::kSimpleReenroll).size(),
              has_window ? 1u : 0u);
    EXPECT_EQ(problems_.size(), std::string_view(body) == "{}" ? 1u : 0u);
  }
}

TEST_F(EnrollerTest, MeetsTheCsrAttributesItCanAndNamesTheOthers) {
  const Extension wanted = {oids::ExtendedKeyUsage(), false,
                            *SerializeExtendedKeyUsage({oids::KpClientAuth()})};
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (one.operation != Operation::kCsrAttrs) return std::nullopt;
    return CsrAttrsReply(
        {.items = {oids::EcdsaWithSha256(), der::OidLiteral("1.3.6.1.1.1.1.22"),
                   CsrAttribute{oids::ExtensionRequest(),
                                {*SerializeExtensionsDer({wanted})}}}});
  };
  EnrollOnce();
  const auto seen = server_->Of(Operation::kSimpleEnroll);
  ASSERT_EQ(seen.size(), 1u) << Problems();
  EXPECT_THAT(seen[0].csr->requested_extensions, ::testing::Contains(wanted));
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("1.3.6.1.1.1.1.22")));
}

TEST_F(EnrollerTest, CsrAttributesBehindAPasswordAreAskedForAgain) {
  server_->override_reply =
      [](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (one.operation != Operation::kCsrAttrs) return std::nullopt;
    if (!one.authorization.empty()) return HttpResponse{.status = 404};
    return HttpResponse{.status = 401,
                        .headers = {{"WWW-Authenticate", kBasic}}};
  };
  EnrollOnce();
  EXPECT_EQ(server_->Of(Operation::kCsrAttrs).size(), 2u);
}

// RFC 7030 4.1.3: any other code than 200 ends the attempt there and then;
// 3.2.1: a redirection is such a code, and leads nowhere.
TEST_F(EnrollerTest, RefusedCaCertsOrARedirectionEndTheAttempt) {
  const int kStatus[] = {302, 307, 404, 500, 204};
  size_t asked = 0;
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (one.operation != Operation::kCaCerts || asked == std::size(kStatus)) {
      return std::nullopt;
    }
    return HttpResponse{
        .status = kStatus[asked++],
        .headers = {{"Location", absl::StrCat(server_->url(),
                                              "/.well-known/est/cacerts")}}};
  };
  EnrollOnce();
  ASSERT_EQ(problems_.size(), std::size(kStatus)) << Problems();
  for (size_t i = 0; i < problems_.size(); ++i) {
    EXPECT_THAT(problems_[i], HasSubstr(absl::StrCat(kStatus[i])));
    EXPECT_EQ(server_->seen[i].operation, Operation::kCaCerts);
  }
}

// RFC 8951 4: an empty SEQUENCE says what 204 and 404 do.
TEST_F(EnrollerTest, NoCsrAttributesComeInFourForms) {
  const HttpResponse kForms[] = {
      {.status = 204},
      {.status = 404, .body = "none\n"},
      CsrAttrsReply({}),
      {.status = 200,
       .headers = {{"Content-Type", std::string(est::kCsrAttrsMediaType)}}}};
  for (const HttpResponse& form : kForms) {
    std::filesystem::remove_all(state_dir_ + "/current");
    server_->seen.clear();
    server_->override_reply =
        [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
      if (one.operation != Operation::kCsrAttrs) return std::nullopt;
      return form;
    };
    EnrollOnce();
    EXPECT_TRUE(problems_.empty()) << form.status << Problems();
    EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 1u);
  }
}

// RFC 7030 4.2.3: 202 with Retry-After: the same request later.
TEST_F(EnrollerTest, WaitsAsLongAsTheServerAsksAndKeepsItsKey) {
  int posts = 0;
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (!one.csr || ++posts > 2) return std::nullopt;
    return HttpResponse{.status = posts == 1 ? 202 : 503,
                        .headers = {{"Retry-After", "1"}}};
  };
  const absl::Time start = absl::Now();
  EnrollOnce();
  EXPECT_GE(absl::Now() - start, absl::Seconds(2));
  const auto seen = server_->Of(Operation::kSimpleEnroll);
  ASSERT_EQ(seen.size(), 3u);
  ASSERT_FALSE(problems_.empty());
  EXPECT_THAT(problems_[0], HasSubstr("202"));
  EXPECT_EQ(seen[0].csr->spki, seen[1].csr->spki);
  EXPECT_EQ(seen[0].csr->spki, seen[2].csr->spki);
}

TEST_F(EnrollerTest, ARefusalIsReportedInTheServersWordsAndTriedAgain) {
  int posts = 0;
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (!one.csr || ++posts > 2) return std::nullopt;
    if (posts == 1) return HttpResponse{.status = 401};
    return HttpResponse{.status = 403, .body = "not \x1b[31m you\nmore\n"};
  };
  EnrollOnce();
  ASSERT_EQ(problems_.size(), 2u);
  EXPECT_THAT(problems_[0], HasSubstr("401"));
  EXPECT_THAT(problems_[0], HasSubstr("secret_file"));
  EXPECT_THAT(problems_[1], ::testing::EndsWith("403: not ?[31m you"));
}

TEST_F(EnrollerTest, RepliesThatAreNotOurCertificateChangeNothing) {
  const TestCa foreign("foreign CA");
  auto other_key = SoftwareSigner::Generate();
  int posts = 0;
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (!one.csr) return std::nullopt;
    switch (++posts) {
      case 1:  // cut
        return HttpResponse{.status = 200, .body = "AAAA"};
      case 2:
        return HttpResponse{.status = 200, .body = "<html>no base64</html>"};
      case 3:
        return server_->Issue(server_->ca(), *one.csr,
                              (*other_key)->public_key_spki());
      case 4:
        return server_->Issue(foreign, *one.csr, one.csr->spki);
      case 5:
        server_->lifetime = absl::Seconds(-5);
        return server_->Issue(server_->ca(), *one.csr, one.csr->spki);
      case 6:
        server_->lifetime = absl::Hours(1);
        EXPECT_EQ(*store_->Current(), std::nullopt);
    }
    return std::nullopt;
  };
  EnrollOnce();
  ASSERT_EQ(problems_.size(), 5u) << Problems();
  EXPECT_THAT(problems_[1], HasSubstr("base64"));
  EXPECT_THAT(problems_[2], HasSubstr("no certificate for the key"));
  EXPECT_THAT(problems_[3], HasSubstr("can't be used"));
  EXPECT_THAT(problems_[4], HasSubstr("expired"));
  // Each time the same key: a one-time secret is bound to it.
  const auto seen = server_->Of(Operation::kSimpleEnroll);
  for (const auto& one : seen) EXPECT_EQ(one.csr->spki, seen[0].csr->spki);
}

TEST_F(EnrollerTest, AServerThatIsDownIsNamedAndTriedAgain) {
  auto port = config_.server.port;
  server_.reset();
  Start();
  RunUntil([this] { return failed_tries_ >= 3; });
  EXPECT_THAT(problems_.back(), HasSubstr(absl::StrCat("127.0.0.1:", port)));
  config_.server.host = "no-such-host.invalid";
  Start();
  RunUntil([this] { return failed_tries_ >= 1; });
  EXPECT_THAT(problems_.back(), HasSubstr("no-such-host.invalid"));
}

TEST_F(EnrollerTest, AMissingSecretIsNamedAndNothingIsSentInItsPlace) {
  std::filesystem::remove(config_.secret_file);
  server_->challenges = {kBasic};
  Start();
  RunUntil([this] { return failed_tries_ >= 1; });
  EXPECT_THAT(problems_.back(), HasSubstr(config_.secret_file));
  for (const auto& one : server_->seen) EXPECT_EQ(one.authorization, "");
}

// The Nth TPM command fails, for every N of an enrollment and a renewal.
TEST_F(EnrollerTest, EveryTpmCommandMayFail) {
  server_->lifetime = absl::Milliseconds(600);
  for (int count = 0; count < 5; ++count) {
    WithTpm([count](FakeTpm& fake) {
      fake.FailAfter(count, TpmStatus(TpmAction::kFreeMemory, "no memory"));
    });
    enroller_.reset();
    problems_.clear();
    const auto before = *store_->Current();
    Start();
    RunUntil([&] {
      auto now = store_->Current();
      EXPECT_TRUE(now.ok());
      return waits_for_renewal_ && *now != before &&
             (!problems_.empty() || count > 3);
    });
    WithTpm([](FakeTpm& fake) { fake.FailAfter(1'000'000, {}); });
  }
}

TEST_F(EnrollerTest, AClearedTpmLeadsToANewEnrollment) {
  EnrollOnce();
  const Certificate first = enroller_->credential()->certificate;
  WithTpm([](FakeTpm& fake) { fake.Clear(); });
  config_.schedule.fraction = 1e-9;  // due
  server_->seen.clear();
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 1u);
  EXPECT_THAT(Problems(), HasSubstr("can't load the key"));
}

// Long before a renewal is due.
TEST_F(EnrollerTest, AClearedTpmIsNoticedAtTheNextStart) {
  EnrollOnce();
  const Certificate first = enroller_->credential()->certificate;
  WithTpm([](FakeTpm& fake) { fake.Clear(); });
  server_->seen.clear();
  log_.clear();
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 1u);
  EXPECT_THAT(Problems(), HasSubstr("can't load the key"));
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("ATTENTION")));
}

TEST_F(EnrollerTest, AKeyWithAPasswordEnrollsAndRenews) {
  config_.key_auth_file = folder_ + "/auth";
  const auto password = [this](std::string_view text) {
    EXPECT_TRUE(
        WriteFileAtomically(config_.key_auth_file, AsBytes(text), 0600).ok());
  };
  password("one");
  EnrollOnce();
  EXPECT_TRUE((*store_->Current())->key.wants_auth);
  const Certificate first = enroller_->credential()->certificate;
  config_.schedule.fraction = 1e-9;  // due
  // A mistake is no lost key.
  password("another");
  server_->seen.clear();
  Start();
  RunUntil([this] { return failed_tries_ >= 1; });
  EXPECT_THAT(Problems(), HasSubstr("password is wrong"));
  EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 0u);
  password("one");
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 0u);
  EXPECT_EQ(server_->Of(Operation::kSimpleReenroll).size(), 1u);
}

TEST_F(EnrollerTest, AKeyWhosePcrsChangedIsLost) {
  config_.key_pcrs = {7};
  EnrollOnce();
  const Certificate first = enroller_->credential()->certificate;
  Start();
  RunUntil([this] { return waits_for_renewal_; });
  EXPECT_EQ(enroller_->credential()->certificate, first);
  WithTpm([](FakeTpm& fake) { fake.ChangePcrs(); });
  server_->seen.clear();
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 1u);
}

TEST_F(EnrollerTest, ABusyTpmIsNotTakenForACleared) {
  EnrollOnce();
  const Certificate first = enroller_->credential()->certificate;
  config_.schedule.fraction = 1e-9;  // due
  config_.schedule.same_key = false;
  WithTpm([](FakeTpm& fake) {
    fake.FailAfter(0, TpmStatus(TpmAction::kRetry, "busy"));
  });
  server_->seen.clear();
  Start();
  RunUntil([&] { return enroller_->credential()->certificate != first; });
  EXPECT_EQ(server_->Of(Operation::kSimpleEnroll).size(), 0u);
  EXPECT_EQ(server_->Of(Operation::kSimpleReenroll).size(), 1u);
  EXPECT_THAT(Problems(), HasSubstr("busy"));
}

TEST_F(EnrollerTest, APendingKeyOfAClearedTpmIsReplaced) {
  server_->override_reply =
      [&](const EstTestServer::Seen& one) -> std::optional<HttpResponse> {
    if (!one.csr) return std::nullopt;
    return HttpResponse{.status = 500};
  };
  Start();
  RunUntil([this] { return failed_tries_ >= 1; });
  const Bytes lost = server_->Of(Operation::kSimpleEnroll)[0].csr->spki;
  server_->override_reply = nullptr;
  WithTpm([](FakeTpm& fake) { fake.Clear(); });
  RunUntil([this] { return waits_for_renewal_; });
  EXPECT_NE(enroller_->credential()->certificate.spki, lost);
}

TEST_F(EnrollerTest, ADamagedCredentialIsReportedAndReplaced) {
  EnrollOnce();
  ASSERT_TRUE(
      WriteFileAtomically(state_dir_ + "/current/cert.pem", AsBytes("x"), 0644)
          .ok());
  Start();
  RunUntil([this] { return waits_for_renewal_; });
  EXPECT_THAT(Problems(), HasSubstr("cert.pem is damaged"));
  EXPECT_TRUE(store_->Current().ok());
}

TEST_F(EnrollerTest, ACaFileThatIsNoneIsAMistakeOfTheConfig) {
  ASSERT_TRUE(WriteFileAtomically(config_.ca_file, AsBytes("x"), 0644).ok());
  Enroller enroller(*loop_, config_, *store_, tpm_->NewQueue(), clock_, {});
  EXPECT_THAT(std::string(enroller.Start().message()),
              HasSubstr(config_.ca_file));
}

}  // namespace
}  // namespace bestow::agent
