#include "server/tls_renewal/upstream_tls.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "common/pki/path.h"
#include "gtest/gtest.h"
#include "server/admin/init.h"
#include "server/admin/state_folder.h"
#include "server/admin/tls_files.h"
#include "server/store/open_store.h"
#include "server/upstream/upstream_files.h"
#include "server/upstream/upstream_fixture.h"

namespace bestow::server {
namespace {

namespace fs = std::filesystem;

constexpr char kHost[] = "edge.example";
constexpr absl::Duration kLifetime = absl::Hours(3);

class UpstreamTlsTest : public testing::Test {
 protected:
  UpstreamTlsTest() : paths_(NewFolder()) {
    InitOptions options;
    options.folder = paths_.folder;
    options.hostnames = {kHost};
    options.listen = {"127.0.0.1:0"};
    options.ca_name = "Own CA";
    EXPECT_TRUE(InitState(options, driver_.clock().Now()).ok());
    Use(upstream_, driver_.clock());
    OpenIt();
  }
  ~UpstreamTlsTest() override {
    SetFailpointHandler(nullptr);
    if (!HasFailure()) return;
    for (const std::string& line : driver_.log()) {
      std::cerr << "log: " << line << "\n";
    }
  }

  static std::string NewFolder() {
    static int count = 0;
    return absl::StrCat(getenv("TEST_TMPDIR"), "/utls", getpid(), "_", count++);
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(
        WriteFileAtomically(paths_.folder + "/" + name, AsBytes(text), 0600)
            .ok());
  }
  // As the upstream that there is from now on.
  void Use(FakeUpstream& upstream, const Clock& clock) {
    Write("anchors.pem",
          SerializeCertificatePem(upstream.ca().certificate().der));
    Write("secret", absl::StrCat(FakeUpstream::kSecret, "\n"));
    UpstreamConnection& connection = wish_.config.upstream;
    connection.server = upstream.url();
    connection.anchors = "anchors.pem";
    connection.username = FakeUpstream::kUser;
    connection.secret_file = "secret";
    connection.folder = "upstream/tls";
    connection.refresh = absl::Hours(24 * 30);
    wish_.config.from = TlsFrom::kUpstream;
    wish_.config.fraction = 0.5;
    wish_.hostnames = {kHost};
    upstream.SetIssue(
        [this, &upstream, &clock](const FakeUpstream::Asked& asked) {
          TestCa::Leaf leaf = leaf_;
          leaf.not_after = clock.Now() + kLifetime;
          return upstream.ca().Issue(leaf, asked.request.spki);
        });
    leaf_.common_name = FakeUpstream::kUser;
    leaf_.sans = {absl::StrCat("dns:", kHost)};
    leaf_.client_too = true;
    // TLS checks it by the system's clock.
    leaf_.not_before = std::min(absl::Now(), clock.Now()) - absl::Minutes(1);
  }
  void OpenIt() {
    auto store = OpenStore({.path = paths_.database});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Start(KeeperDriver& driver) {
    UpstreamKeeper::Options options;
    options.connection = wish_.config.upstream;
    options.state_dir = paths_.folder;
    options.keeps_csr_attrs = false;
    options.own = std::make_unique<UpstreamTls>(
        UpstreamTls::Options{wish_, paths_.folder, paths_.tls_folder,
                             [this](TlsFiles files) {
                               served_.push_back(std::move(files));
                               return absl::OkStatus();
                             },
                             store_.get(), &driver.clock()});
    const absl::Status status = driver.Start(std::move(options));
    ASSERT_TRUE(status.ok()) << status;
  }
  // As a registration authority's, at the upstream.
  void PutIntroducer() {
    OwnCredential credential;
    credential.key = *SoftwareSigner::Generate();
    TestCa::Leaf leaf = TestClientLeaf();
    leaf.common_name = "site-ra";
    credential.chain = {*ParseCertificateDer(
        upstream_.ca().Issue(leaf, credential.key->public_key_spki()))};
    ASSERT_TRUE(UpstreamFiles(paths_.folder + "/upstream/main")
                    .SaveCredential(credential)
                    .ok());
    wish_.config.upstream.secret_file = "";
    wish_.config.upstream.username = kHost;
    wish_.config.introducer_folder = "upstream/main";
  }
  Certificate OnDisk() const {
    auto stored = LoadTlsFiles(paths_.tls_folder);
    EXPECT_TRUE(stored.ok()) << stored.status();
    return stored->chain.front();
  }
  // How many of the audit log say that.
  int Audited(const std::string& outcome) {
    // What was appended before is written then.
    EXPECT_TRUE(store_->AppendAndWait({absl::Now(), "test"}).ok());
    auto audit = store_->ReadAudit(0, 1000);
    EXPECT_TRUE(audit.ok()) << audit.status();
    return static_cast<int>(std::count_if(
        audit->begin(), audit->end(), [&](const AuditRecord& record) {
          return record.entry.action == kTlsOperation &&
                 record.entry.outcome == outcome;
        }));
  }

  const StatePaths paths_;
  KeeperDriver driver_;
  FakeUpstream upstream_{driver_.clock()};
  TlsWish wish_;
  TestCa::Leaf leaf_;
  std::vector<TlsFiles> served_;
  std::unique_ptr<Store> store_;
};

TEST_F(UpstreamTlsTest, TheFirstTakesThePlaceOfOurOwnCas) {
  const Certificate before = OnDisk();
  Start(driver_);
  ASSERT_EQ(served_.size(), 1u);
  const Certificate& got = served_[0].chain.front();
  EXPECT_NE(got, before);
  EXPECT_TRUE(MatchesHost(got, kHost));
  // The root as well, for those who pin it.
  EXPECT_EQ(served_[0].chain.back(), upstream_.ca().certificate());
  auto stored = LoadTlsFiles(paths_.tls_folder);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->chain, served_[0].chain);
  struct stat info;
  ASSERT_EQ(stat(paths_.tls_key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto asked = upstream_.asked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_TRUE(asked[0].with_secret);
  ASSERT_EQ(asked[0].request.requested_sans.size(), 1u);
  EXPECT_EQ(asked[0].request.requested_sans[0],
            *GeneralName::FromText(absl::StrCat("dns:", kHost)));
  auto record = store_->FindCertificate(got.serial);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->identity, kServerIdentity);
  EXPECT_EQ(Audited("issued"), 1);
  // The next process, and a reload, go on with it.
  EXPECT_TRUE(driver_.keeper().Reload().ok());
  Start(driver_);
  EXPECT_EQ(upstream_.asked().size(), 1u);
}

TEST_F(UpstreamTlsTest, IsRenewedInTimeByItself) {
  Start(driver_);
  for (const bool new_key : {true, false}) {
    wish_.config.new_key = new_key;
    Start(driver_);
    const size_t times = served_.size();
    const absl::Duration slept = driver_.Sleep();
    EXPECT_LE(slept, kLifetime / 2 + absl::Seconds(1));
    // After a restart the sooner.
    EXPECT_GE(slept, kLifetime / 6);
    ASSERT_EQ(served_.size(), times + 1);
    const auto asked = upstream_.asked().back();
    EXPECT_EQ(asked.operation, "simplereenroll");
    EXPECT_EQ(asked.client, FakeUpstream::kUser);
    EXPECT_EQ(served_.back().chain.front().spki ==
                  served_[times - 1].chain.front().spki,
              !new_key);
    EXPECT_EQ(OnDisk(), served_.back().chain.front());
  }
}

TEST_F(UpstreamTlsTest, ARegistrationAuthorityAsksAndAsksAgainForWhatCant) {
  PutIntroducer();
  leaf_.client_too = false;  // a server's alone
  Start(driver_);
  ASSERT_EQ(served_.size(), 1u);
  driver_.Sleep();
  ASSERT_EQ(served_.size(), 2u);
  for (const FakeUpstream::Asked& asked : upstream_.asked()) {
    EXPECT_EQ(asked.operation, "simpleenroll");
    EXPECT_EQ(asked.client, "site-ra");
    EXPECT_FALSE(asked.with_secret);
    EXPECT_EQ(asked.request.subject.common_name(), kHost);
  }
  EXPECT_NE(served_[0].chain.front().spki, served_[1].chain.front().spki);
}

TEST_F(UpstreamTlsTest, WaitsForTheRegistrationAuthority) {
  PutIntroducer();
  fs::remove_all(paths_.folder + "/upstream/main");
  Start(driver_);
  EXPECT_TRUE(driver_.Logged("is not in upstream/main yet"));
  EXPECT_TRUE(upstream_.asked().empty());
  PutIntroducer();
  driver_.Sleep();
  EXPECT_EQ(served_.size(), 1u);
}

// After a refused renewal the registration authority asks, in turns.
TEST_F(UpstreamTlsTest, ARefusedRenewalIsNotTheEnd) {
  PutIntroducer();
  Start(driver_);
  upstream_.Answer("simplereenroll", FakeUpstream::Status(403));
  driver_.Sleep();
  EXPECT_EQ(served_.size(), 1u);
  driver_.Sleep();
  EXPECT_EQ(served_.size(), 2u);
  EXPECT_EQ(upstream_.asked().back().operation, "simpleenroll");
}

TEST_F(UpstreamTlsTest, OtherHostnamesNeedAnotherCertificate) {
  PutIntroducer();
  Start(driver_);
  ASSERT_EQ(served_.size(), 1u);
  wish_.hostnames = {kHost, "also.example"};
  // It can't have that name there: the present one serves on.
  Start(driver_);
  EXPECT_TRUE(driver_.Logged("is not for also.example"));
  EXPECT_EQ(served_.size(), 1u);
  leaf_.sans.push_back("dns:also.example");
  driver_.Sleep();
  ASSERT_EQ(served_.size(), 2u);
  EXPECT_TRUE(MatchesHost(OnDisk(), "also.example"));
  EXPECT_EQ(upstream_.asked().back().operation, "simpleenroll");
  // What a renewal can't bring is not asked of it.
  wish_.hostnames = {kHost};
  Start(driver_);
  driver_.Sleep();
  EXPECT_EQ(upstream_.asked().back().operation, "simplereenroll");
}

TEST_F(UpstreamTlsTest, KeepsWhatItHasWhileTheUpstreamFails) {
  const Certificate before = OnDisk();
  upstream_.Answer("simpleenroll", FakeUpstream::Status(503));
  Start(driver_);
  for (int i = 0; i < 20; ++i) driver_.Sleep();
  EXPECT_EQ(OnDisk(), before);
  EXPECT_TRUE(served_.empty());
  // Over an hour of it, not a line for each try.
  EXPECT_EQ(Audited("failed"), 2);
  upstream_.Answer("simpleenroll", std::nullopt);
  driver_.Sleep();
  EXPECT_EQ(served_.size(), 1u);
}

TEST_F(UpstreamTlsTest, AServerStartsWithoutACertificate) {
  fs::remove_all(paths_.tls_folder);
  auto none = LoadState(paths_);
  EXPECT_TRUE(absl::IsFailedPrecondition(none.status())) << none.status();
  std::string config = *ReadFile(paths_.config, 1 << 20);
  const std::string from = "from = \"ca\"\n";
  const size_t at = config.find(from);
  ASSERT_NE(at, std::string::npos);
  config.replace(at, from.size(), "from = \"upstream\"\n");
  absl::StrAppend(&config,
                  "[tls.upstream]\nurl = \"https://est.example\"\n"
                  "anchors = \"anchors.pem\"\nusername = \"edge-1\"\n"
                  "secret_file = \"secret\"\n");
  ASSERT_TRUE(WriteFileAtomically(paths_.config, AsBytes(config), 0600).ok());
  auto state = LoadState(paths_);
  ASSERT_TRUE(state.ok()) << state.status();
  const Certificate& stand_in = state->materials.tls_certificate;
  EXPECT_TRUE(MatchesHost(stand_in, kHost));
  EXPECT_EQ(stand_in.spki, state->tls_signer->public_key_spki());
  EXPECT_FALSE(upstream_.ca()
                   .anchors()
                   ->Verify(stand_in, {}, PathPurpose::kAny, absl::Now())
                   .ok());
  EXPECT_FALSE(fs::exists(paths_.tls_folder));
  Start(driver_);
  ASSERT_EQ(served_.size(), 1u);
  state = LoadState(paths_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->tls_chain, served_[0].chain);
}

// Each step fails, or is the last before a power cut: the secret still serves
// in the end, key and certificate belong together, and none is without its
// record.
TEST_F(UpstreamTlsTest, MayBreakOffAnywhere) {
  store_.reset();
  fs::copy(paths_.folder, paths_.folder + ".new", fs::copy_options::recursive);
  for (const bool die : {false, true}) {
    int at = 1;
    for (bool over = false; !over; ++at) {
      ASSERT_LT(at, 200);
      SCOPED_TRACE(absl::StrCat(die ? "ends" : "fails", " at ", at));
      fs::remove_all(paths_.folder);
      fs::copy(paths_.folder + ".new", paths_.folder,
               fs::copy_options::recursive);
      served_.clear();
      KeeperDriver driver;
      FakeUpstream upstream(driver.clock());
      Use(upstream, driver.clock());
      if (die) {
        const pid_t child = fork();
        if (child == 0) {
          // After the store, whose steps have tests of their own.
          OpenIt();
          KeeperDriver own;
          FailAtPass(at, true);
          Start(own);
          _exit(served_.size() == 1 ? 0 : 1);
        }
        int wait_status = 0;
        ASSERT_EQ(waitpid(child, &wait_status, 0), child);
        ASSERT_TRUE(WIFEXITED(wait_status));
        over = WEXITSTATUS(wait_status) == 0;
        ASSERT_TRUE(over || WEXITSTATUS(wait_status) == kEndedAtFailpoint)
            << wait_status;
        OpenIt();
      } else {
        OpenIt();
        FailAtPass(at, false);
        Start(driver);
        SetFailpointHandler(nullptr);
        over = PassedFailpoints() < at;
      }
      EXPECT_TRUE(LoadTlsFiles(paths_.tls_folder).ok());
      Start(driver);
      for (int i = 0; i < 4 && !upstream.ca()
                                    .anchors()
                                    ->Verify(OnDisk(), {}, PathPurpose::kAny,
                                             driver.clock().Now())
                                    .ok();
           ++i) {
        driver.Sleep();
      }
      const Certificate got = OnDisk();
      EXPECT_TRUE(MatchesHost(got, kHost));
      EXPECT_EQ(got.issuer, upstream.ca().certificate().subject);
      EXPECT_TRUE(store_->FindCertificate(got.serial).ok());
      const auto asked = upstream.asked();
      for (const FakeUpstream::Asked& one : asked) {
        EXPECT_EQ(one.request.spki, asked.front().request.spki);
      }
      EXPECT_EQ(got.spki, asked.front().request.spki);
      store_.reset();
    }
    EXPECT_GT(at, 10);
  }
}

}  // namespace
}  // namespace bestow::server
