#include "server/upstream/upstream_keeper.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/pki/certs_only.h"
#include "gtest/gtest.h"
#include "server/upstream/ra_certificate.h"
#include "server/upstream/upstream_fixture.h"

namespace bestow::server {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kLifetime = absl::Hours(3);
// Certificates count in seconds, our waits do not.
constexpr absl::Duration kSecond = absl::Seconds(1);

class UpstreamKeeperTest : public ::testing::Test {
 protected:
  UpstreamKeeperTest() : upstream_(driver_.clock(), kLifetime) {
    static int count = 0;
    state_dir_ =
        absl::StrCat(getenv("TEST_TMPDIR"), "/keeper", getpid(), "_", count++);
    fs::create_directories(state_dir_);
    WriteAnchors(upstream_.ca());
    Write("secret", absl::StrCat(FakeUpstream::kSecret, "\n"));
    connection_.server = upstream_.url();
    connection_.anchors = "anchors.pem";
    connection_.username = FakeUpstream::kUser;
    connection_.secret_file = "secret";
    connection_.folder = "upstream/main";
    connection_.refresh = absl::Hours(24 * 30);
  }
  ~UpstreamKeeperTest() override {
    SetFailpointHandler(nullptr);
    if (!HasFailure()) return;
    for (const std::string& line : driver_.log()) {
      std::cerr << "log: " << line << "\n";
    }
  }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(
        WriteFileAtomically(state_dir_ + "/" + name, AsBytes(text), 0600).ok());
  }
  void WriteAnchors(const TestCa& ca) {
    Write("anchors.pem", SerializeCertificatePem(ca.certificate().der));
  }
  UpstreamFiles Files() const {
    return UpstreamFiles(absl::StrCat(state_dir_, "/", connection_.folder));
  }
  UpstreamKeeper::Options Options() {
    UpstreamKeeper::Options options;
    options.connection = connection_;
    options.state_dir = state_dir_;
    options.own =
        std::make_unique<RaCertificate>(Files(), connection_.username);
    options.on_ca_certs = [this](const std::vector<Certificate>& learned) {
      learned_.push_back(learned);
    };
    return options;
  }
  void Start() {
    const absl::Status status = driver_.Start(Options());
    ASSERT_TRUE(status.ok()) << status;
  }
  absl::StatusCode Forwarding() {
    return driver_.keeper().ForwardingTls().status().code();
  }
  // In a line that is not there yet.
  void SleepUntilLogged(const std::string& text) {
    const size_t before = driver_.log().size();
    for (int i = 0; i < 100; ++i) {
      driver_.Sleep();
      if (driver_.log().size() > before &&
          absl::StrContains(driver_.log().back(), text)) {
        return;
      }
    }
    ADD_FAILURE() << text;
  }
  std::vector<FakeUpstream::Asked> asked() const { return upstream_.asked(); }

  KeeperDriver driver_;
  FakeUpstream upstream_;
  std::string state_dir_;
  UpstreamConnection connection_;
  std::vector<std::vector<Certificate>> learned_;
};

TEST_F(UpstreamKeeperTest, EnrollsByItsSecretAndKeepsWhatItGot) {
  Start();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  EXPECT_EQ(driver_.keeper().own_name(), "edge-1");
  EXPECT_EQ(driver_.keeper().csr_attrs(), Bytes());
  ASSERT_EQ(asked().size(), 1u);
  EXPECT_EQ(asked()[0].operation, "simpleenroll");
  EXPECT_TRUE(asked()[0].with_secret);
  EXPECT_EQ(asked()[0].request.subject.common_name(), "edge-1");
  ASSERT_EQ(learned_.size(), 1u);
  EXPECT_EQ(learned_[0],
            std::vector<Certificate>{upstream_.ca().certificate()});
  auto kept = Files().LoadCredential();
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->key->public_key_spki(), asked()[0].request.spki);
  EXPECT_TRUE(absl::IsNotFound(Files().LoadNextKey().status()));
  // The next process has it all, and asks for nothing of its own.
  Start();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(UpstreamKeeperTest, RenewsAfterTwoThirdsWithANewKeyByTheOldOne) {
  Start();
  for (int i = 1; i <= 3; ++i) {
    const absl::Duration slept = driver_.Sleep();
    EXPECT_GE(slept, kLifetime * 2 / 3 - kSecond) << i;
    EXPECT_LE(slept, kLifetime * 2 / 3 + kSecond) << i;
    ASSERT_EQ(asked().size(), 1u + i);
    EXPECT_EQ(asked()[i].operation, "simplereenroll");
    EXPECT_EQ(asked()[i].client, "edge-1");
    EXPECT_FALSE(asked()[i].with_secret);
    EXPECT_EQ(asked()[i].request.subject, asked()[0].request.subject);
    EXPECT_NE(asked()[i].request.spki, asked()[i - 1].request.spki);
    EXPECT_EQ(Files().LoadCredential()->key->public_key_spki(),
              asked()[i].request.spki);
    EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  }
}

TEST_F(UpstreamKeeperTest, TriesAgainLaterAndLaterAndThenAllIsWell) {
  upstream_.Answer("simpleenroll", FakeUpstream::Status(500));
  Start();
  absl::Duration pause = kSecond;
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(Forwarding(), absl::StatusCode::kUnavailable);
    const absl::Duration slept = driver_.Sleep();
    // /cacerts comes between, when it is time: that is none of a failure's.
    EXPECT_EQ(slept, pause) << i;
    pause = std::min(2 * pause, absl::Minutes(5));
  }
  EXPECT_EQ(pause, absl::Minutes(5));
  upstream_.Answer("simpleenroll", std::nullopt);
  EXPECT_EQ(driver_.Sleep(), absl::Minutes(5));
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  EXPECT_TRUE(driver_.Logged("all is well again"));
  // One key for one secret, however often.
  for (const FakeUpstream::Asked& asked : upstream_.asked()) {
    EXPECT_EQ(asked.request.spki, upstream_.asked()[0].request.spki);
  }
}

TEST_F(UpstreamKeeperTest, ObeysRetryAfter) {
  const struct {
    int status;
    const char* retry_after;
    absl::Duration pause;
  } kCases[] = {
      {503, "700", absl::Seconds(700)}, {202, "1300", absl::Seconds(1300)},
      {429, "600", absl::Seconds(600)}, {403, "900", absl::Seconds(900)},
      {503, "0", absl::Seconds(16)},  // the fifth failure in a row
      {503, "soon", absl::Seconds(32)},
  };
  upstream_.Answer("simpleenroll", FakeUpstream::Status(kCases[0].status,
                                                        kCases[0].retry_after));
  Start();
  for (size_t i = 0; i < std::size(kCases); ++i) {
    SCOPED_TRACE(kCases[i].retry_after);
    // The answer to the try that this wait leads to.
    if (i + 1 < std::size(kCases)) {
      upstream_.Answer("simpleenroll",
                       FakeUpstream::Status(kCases[i + 1].status,
                                            kCases[i + 1].retry_after));
    }
    EXPECT_EQ(driver_.Sleep(), kCases[i].pause);
  }
  // What is out of all reason is not waited for.
  upstream_.Answer("simpleenroll", FakeUpstream::Status(503, "100000000"));
  driver_.Sleep();
  EXPECT_TRUE(driver_.Logged("tried again in 24h"));
}

TEST_F(UpstreamKeeperTest, RenewsNoSoonerThanItWasTold) {
  Start();
  upstream_.Answer("simplereenroll", FakeUpstream::Status(202, "1800"));
  driver_.Sleep();
  upstream_.Answer("simplereenroll", std::nullopt);
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  EXPECT_EQ(driver_.Sleep(), absl::Seconds(1800));
  ASSERT_EQ(asked().size(), 3u);
  EXPECT_EQ(asked()[2].request.spki, asked()[1].request.spki);
  EXPECT_EQ(Files().LoadCredential()->key->public_key_spki(),
            asked()[2].request.spki);
}

// Nothing of it is kept; then a right answer is taken, for the same key.
TEST_F(UpstreamKeeperTest, TakesNothingThatIsNotItsCertificate) {
  const TestCa rogue("rogue");
  auto other_key = *SoftwareSigner::Generate();
  TestCa::Leaf leaf = TestClientLeaf();
  const Bytes of_other =
      upstream_.ca().Issue(leaf, other_key->public_key_spki());
  HttpResponse not_base64 = FakeUpstream::Certificates({of_other});
  not_base64.body = "%%%";
  HttpResponse not_der = not_base64;
  not_der.body = "MIIB";
  HttpResponse empty = not_base64;
  empty.body = "";
  const struct {
    const char* name;
    HttpResponse answer;
    std::string why;
    absl::StatusCode code;
  } kCases[] = {
      {"400", FakeUpstream::Status(400), "answered 400: status 400 it is",
       absl::StatusCode::kPermissionDenied},
      {"403", FakeUpstream::Status(403), "answered 403",
       absl::StatusCode::kPermissionDenied},
      {"404", FakeUpstream::Status(404), "answered 404",
       absl::StatusCode::kPermissionDenied},
      {"408", FakeUpstream::Status(408), "answered 408",
       absl::StatusCode::kUnavailable},
      {"500", FakeUpstream::Status(500), "answered 500",
       absl::StatusCode::kUnavailable},
      {"503", FakeUpstream::Status(503), "answered 503",
       absl::StatusCode::kUnavailable},
      {"202", FakeUpstream::Status(202, "5"), "waits for approval",
       absl::StatusCode::kUnavailable},
      {"not base64", not_base64, "", absl::StatusCode::kUnavailable},
      {"not DER", not_der, "", absl::StatusCode::kUnavailable},
      {"empty", empty, "", absl::StatusCode::kUnavailable},
      {"another key's", FakeUpstream::Certificates({of_other}), "",
       absl::StatusCode::kUnavailable},
  };
  bool started = false;
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    upstream_.Answer("simpleenroll", c.answer);
    started ? (void)driver_.Sleep() : Start();
    started = true;
    EXPECT_EQ(Forwarding(), c.code);
    EXPECT_TRUE(driver_.Logged(
        absl::StrCat("enrolling for the registration authority's certificate: ",
                     c.why.empty() ? "" : "it ", c.why)))
        << driver_.log().back();
    EXPECT_TRUE(absl::IsNotFound(Files().LoadCredential().status()));
  }
  upstream_.Answer("simpleenroll", std::nullopt);
  driver_.Sleep();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
}

// For the right key, and yet of no use.
TEST_F(UpstreamKeeperTest, TakesNoCertificateWithoutAPathOrPurpose) {
  Start();
  const TestCa rogue("rogue");
  TestCa::Leaf good = TestClientLeaf();
  good.common_name = "edge-1";
  TestCa::Leaf over = good, early = good, server = good;
  over.not_after = absl::Now() - absl::Minutes(1);
  early.not_before = absl::Now() + absl::Hours(20);
  server.server = true;
  const Bytes before = Files().LoadCredential()->chain.front().der;
  const struct {
    const char* name;
    const TestCa& ca;
    const TestCa::Leaf& leaf;
    bool is_good;
  } kCases[] = {
      {"of another CA", rogue, good, false},
      {"over", upstream_.ca(), over, false},
      {"not valid yet", upstream_.ca(), early, false},
      {"of a server", upstream_.ca(), server, false},
      {"good", upstream_.ca(), good, true},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    upstream_.SetIssue([&c](const FakeUpstream::Asked& asked) {
      return c.ca.Issue(c.leaf, asked.request.spki);
    });
    const size_t times = asked().size();
    driver_.Sleep();
    EXPECT_EQ(asked().size(), times + 1);
    EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);  // by the one it has
    EXPECT_EQ(Files().LoadCredential()->chain.front().der == before,
              !c.is_good);
  }
}

TEST_F(UpstreamKeeperTest, EnrollsAnewWhenItsCertificateIsOver) {
  Start();
  upstream_.Answer("simplereenroll", FakeUpstream::Status(403));
  while (Forwarding() == absl::StatusCode::kOk) driver_.Sleep();
  // The secret has served another key: an operator has to give a new one.
  EXPECT_EQ(Forwarding(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(asked().back().operation, "simpleenroll");
  EXPECT_TRUE(driver_.Logged("answered 403"));
}

TEST_F(UpstreamKeeperTest, WithoutASecretItSaysWhatIsMissing) {
  connection_.secret_file = "none";
  Start();
  EXPECT_TRUE(driver_.Logged("/none")) << driver_.log().back();
  connection_.secret_file = "";
  Start();
  EXPECT_TRUE(driver_.Logged("there is no secret_file"));
  Write("empty", "\n");
  connection_.secret_file = "empty";
  Start();
  EXPECT_TRUE(driver_.Logged("empty is empty"));
  EXPECT_TRUE(asked().empty());
  EXPECT_EQ(Forwarding(), absl::StatusCode::kUnavailable);
}

TEST_F(UpstreamKeeperTest, LearnsNoCaThatNobodyVouchesFor) {
  const TestCa rogue("rogue");
  const Bytes good = upstream_.ca().certificate().der;
  upstream_.SetCaCerts({rogue.certificate().der, good});
  Start();
  EXPECT_TRUE(driver_.Logged("not taken: CN=rogue"));
  EXPECT_EQ(driver_.keeper().trust().anchors->certificates(),
            std::vector<Certificate>{upstream_.ca().certificate()});
  ASSERT_EQ(learned_.size(), 1u);
  EXPECT_EQ(learned_[0],
            std::vector<Certificate>{upstream_.ca().certificate()});
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
}

TEST_F(UpstreamKeeperTest, KeepsItsTrustWhenCaCertsIsWrong) {
  connection_.refresh = absl::Minutes(10);
  Start();
  HttpResponse garbage =
      FakeUpstream::Certificates({upstream_.ca().certificate().der});
  garbage.body = "MIIB";
  for (const HttpResponse& answer :
       {garbage, FakeUpstream::Status(500), FakeUpstream::Status(404)}) {
    upstream_.Answer("cacerts", answer);
    SleepUntilLogged("fetching the CA certificates: ");
    EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  }
  EXPECT_EQ(learned_.size(), 1u);
  upstream_.Answer("cacerts", std::nullopt);
  SleepUntilLogged("all is well again");
  upstream_.Answer("csrattrs", garbage);
  SleepUntilLogged("fetching the CSR attributes: ");
  EXPECT_EQ(driver_.keeper().csr_attrs(), Bytes());
}

// RFC 7030 4.1.1: what is pinned has to be in the first reply.
TEST_F(UpstreamKeeperTest, TrustsThroughTheFingerprintAlone) {
  const TestCa rogue("rogue");
  connection_.anchors = "";
  const Sha256Digest wrong = Sha256(rogue.certificate().der);
  connection_.anchors_sha256 = Bytes(wrong.begin(), wrong.end());
  Start();
  EXPECT_EQ(driver_.keeper().trust().anchors, nullptr);
  EXPECT_TRUE(driver_.Logged("fetching the CA certificates"));
  EXPECT_EQ(upstream_.requests(), 0);  // not even /cacerts
  const Sha256Digest right = Sha256(upstream_.ca().certificate().der);
  connection_.anchors_sha256 = Bytes(right.begin(), right.end());
  upstream_.SetCaCerts({rogue.certificate().der});
  Start();
  EXPECT_EQ(driver_.keeper().trust().anchors, nullptr);
  EXPECT_TRUE(asked().empty());
  upstream_.SetCaCerts({});
  driver_.Sleep();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
}

TEST_F(UpstreamKeeperTest, TellsNothingToWhomItDoesNotTrust) {
  WriteAnchors(TestCa("another"));
  Start();
  driver_.Sleep();
  EXPECT_EQ(upstream_.requests(), 0);
  EXPECT_EQ(Forwarding(), absl::StatusCode::kPermissionDenied);
}

TEST_F(UpstreamKeeperTest, ReloadsTheAnchorsThatChangedUnderItsConfig) {
  Start();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  const int requests = upstream_.requests();
  // Nothing changed: nothing is asked for, and nobody is told.
  const int changes = driver_.changes();
  EXPECT_TRUE(driver_.keeper().Reload().ok());
  EXPECT_EQ(driver_.changes(), changes);
  // A file that can't be used changes nothing either.
  Write("anchors.pem", "garbage");
  const absl::Status bad = driver_.keeper().Reload();
  EXPECT_TRUE(absl::IsFailedPrecondition(bad)) << bad;
  EXPECT_EQ(driver_.changes(), changes);
  EXPECT_EQ(upstream_.requests(), requests);

  const TestCa another("another");
  WriteAnchors(another);
  ASSERT_TRUE(driver_.keeper().Reload().ok());
  driver_.Run();
  EXPECT_EQ(driver_.keeper().trust().anchors->certificates(),
            std::vector<Certificate>{another.certificate()});
  // What the former ones had vouched for is not served on.
  EXPECT_TRUE(learned_.back().empty());
  EXPECT_EQ(upstream_.requests(), requests);
  EXPECT_GT(driver_.changes(), changes);

  WriteAnchors(upstream_.ca());
  ASSERT_TRUE(driver_.keeper().Reload().ok());
  driver_.Run();
  EXPECT_EQ(learned_.back(),
            std::vector<Certificate>{upstream_.ca().certificate()});
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(UpstreamKeeperTest, ReloadsACredentialThatWasPutThereByHand) {
  connection_.secret_file = "";
  Start();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kUnavailable);
  OwnCredential credential;
  credential.key = *SoftwareSigner::Generate();
  TestCa::Leaf leaf = TestClientLeaf();
  leaf.common_name = "by-hand";
  leaf.not_before = absl::Now();
  credential.chain = {*ParseCertificateDer(
      upstream_.ca().Issue(leaf, credential.key->public_key_spki()))};
  ASSERT_TRUE(Files().SaveCredential(credential).ok());
  ASSERT_TRUE(driver_.keeper().Reload().ok());
  driver_.Run();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  EXPECT_EQ(driver_.keeper().own_name(), "by-hand");
}

TEST_F(UpstreamKeeperTest, GivesUpOnWhoNeverAnswers) {
  connection_.timeout = absl::Milliseconds(300);
  HttpResponse never;
  never.status = 0;
  upstream_.Answer("simpleenroll", never);
  Start();
  EXPECT_TRUE(driver_.Logged("no answer in time"));
  EXPECT_EQ(Forwarding(), absl::StatusCode::kUnavailable);
  connection_.timeout = absl::Seconds(20);
  upstream_.Answer("simpleenroll", std::nullopt);
  Start();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  EXPECT_EQ(asked()[0].request.spki, asked()[1].request.spki);
}

TEST_F(UpstreamKeeperTest, ALostReplyCostsNoSecret) {
  upstream_.LoseNextReply();
  Start();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kUnavailable);
  // A power cut as well: the key is on the disk.
  Start();
  EXPECT_EQ(Forwarding(), absl::StatusCode::kOk);
  ASSERT_EQ(asked().size(), 2u);
  EXPECT_EQ(asked()[0].request.spki, asked()[1].request.spki);
}

// Each step that touches the disk fails, or is the last before a power cut:
// the secret still serves, and what is loaded belongs together.
TEST_F(UpstreamKeeperTest, MayBreakOffAnywhere) {
  for (const bool die : {false, true}) {
    int at = 1;
    for (bool over = false; !over; ++at) {
      ASSERT_LT(at, 100);
      SCOPED_TRACE(absl::StrCat(die ? "ends" : "fails", " at ", at));
      KeeperDriver driver;
      FakeUpstream upstream(driver.clock(), kLifetime);
      fs::remove_all(state_dir_ + "/upstream");
      WriteAnchors(upstream.ca());
      connection_.server = upstream.url();
      const auto enroll_and_renew = [&](KeeperDriver& driver) {
        if (!driver.Start(Options()).ok()) return false;
        driver.Sleep();
        return driver.keeper().ForwardingTls().ok();
      };
      if (die) {
        const pid_t child = fork();
        if (child == 0) {
          KeeperDriver own;
          FailAtPass(at, true);
          _exit(enroll_and_renew(own) ? 0 : 1);
        }
        int wait_status = 0;
        ASSERT_EQ(waitpid(child, &wait_status, 0), child);
        ASSERT_TRUE(WIFEXITED(wait_status));
        over = WEXITSTATUS(wait_status) == 0;
        ASSERT_TRUE(over || WEXITSTATUS(wait_status) == kEndedAtFailpoint);
      } else {
        FailAtPass(at, false);
        enroll_and_renew(driver);
        SetFailpointHandler(nullptr);
        over = PassedFailpoints() < at;
      }
      ASSERT_TRUE(driver.Start(Options()).ok());
      for (int i = 0; i < 3; ++i) driver.Sleep();
      EXPECT_TRUE(driver.keeper().ForwardingTls().ok());
      const auto kept = Files().LoadCredential();
      ASSERT_TRUE(kept.ok()) << kept.status();
      const std::vector<FakeUpstream::Asked> asked = upstream.asked();
      EXPECT_EQ(kept->key->public_key_spki(), asked.back().request.spki);
      for (const FakeUpstream::Asked& one : asked) {
        if (!one.with_secret) continue;
        EXPECT_EQ(one.request.spki, asked.front().request.spki);
      }
    }
    EXPECT_GT(at, 10);
  }
}

}  // namespace
}  // namespace bestow::server
