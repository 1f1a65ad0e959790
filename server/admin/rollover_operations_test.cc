#include "server/admin/rollover_operations.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fake_clock.h"
#include "gtest/gtest.h"
#include "server/admin/ca_folder.h"
#include "server/admin/init.h"
#include "server/admin/state_folder.h"
#include "server/rollover/rollover_folder.h"
#include "server/store/certificate_record.h"
#include "server/store/open_store.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

class RolloverOperationsTest : public testing::Test {
 protected:
  RolloverOperationsTest() : paths_(NewFolder()), ca_(paths_.ca_folder) {
    InitOptions options;
    options.folder = paths_.folder;
    options.hostnames = {"est.example"};
    options.listen = {"127.0.0.1:0"};
    options.ca_name = "Test CA";
    EXPECT_TRUE(InitState(options, start_).ok());
    store_ = *OpenStore({.path = paths_.database});
    auto state = LoadState(paths_);
    EXPECT_TRUE(state.ok()) << state.status();
    state_ = std::make_unique<ServerState>(*std::move(state));
    reload_ = [this]() -> absl::StatusOr<std::vector<std::string>> {
      ++reloads_;
      return std::vector<std::string>{};
    };
  }
  static std::string NewFolder() {
    static int count = 0;
    return absl::StrCat(getenv("TEST_TMPDIR"), "/state", getpid(), "_",
                        count++);
  }
  absl::StatusOr<Json> Run(std::string_view name, Json arguments) {
    if (!arguments.contains("name")) arguments["name"] = "ca";
    const RolloverContext context{
        *store_,       state_->config,          clock_,
        paths_.folder, "operator test (uid 1)", reload_};
    if (name == "ca rollover") return CaRollover(context, arguments);
    if (name == "ca switch") return CaSwitch(context, arguments);
    return CaRetire(context, arguments);
  }
  void ExpectRefused(std::string_view name, Json arguments,
                     absl::StatusCode code, std::string_view why) {
    const absl::StatusOr<Json> answer = Run(name, arguments);
    EXPECT_EQ(answer.status().code(), code) << answer.status();
    EXPECT_TRUE(absl::StrContains(answer.status().message(), why))
        << answer.status();
  }
  RolloverStatus Rollover() { return *ReadRollover(ca_); }
  // A device's certificate, in the store too, that ends after `validity`.
  void Issue(absl::Duration validity) {
    SubscriberContents contents;
    contents.subject = *Name::FromText("CN=gw-17");
    contents.key_usage = kDigitalSignature;
    contents.validity = validity;
    Issuance issuance;
    LoadCa(ca_.folder)
        ->authority->Issue(contents, device_->public_key_spki(), clock_.Now(),
                           [&](absl::StatusOr<Certificate> certificate) {
                             issuance.record = RecordOf(*certificate);
                           });
    issuance.record.identity = "gw-17";
    std::promise<absl::Status> done;
    store_->Issue(issuance, [&](absl::StatusOr<Issued> issued) {
      done.set_value(issued.status());
    });
    EXPECT_TRUE(done.get_future().get().ok());
  }

  const std::shared_ptr<SoftwareSigner> device_ = *SoftwareSigner::Generate();
  FakeClock clock_;
  const absl::Time start_ = clock_.Now();
  const StatePaths paths_;
  const CaPaths ca_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ServerState> state_;
  std::function<absl::StatusOr<std::vector<std::string>>()> reload_;
  int reloads_ = 0;
};

TEST_F(RolloverOperationsTest, BeginsMovesAndGivesUp) {
  auto answer = Run("ca rollover", {{"in", "7d"}, {"renew_within", "12h"}});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(Rollover().stage, RolloverStage::kAhead);
  EXPECT_EQ(Rollover().plan, (RolloverPlan{start_ + 7 * kDay, kDay / 2}));
  EXPECT_TRUE(LoadCa(ca_.folder)->next.has_value());
  EXPECT_EQ(reloads_, 1);
  EXPECT_EQ(store_->LastAudit()->entry.action, "ca rollover");
  EXPECT_EQ(store_->LastAudit()->entry.actor, "operator test (uid 1)");

  ExpectRefused("ca rollover", Json::object(),
                absl::StatusCode::kFailedPrecondition, "is under way");
  const Certificate next = *Rollover().next;
  ASSERT_TRUE(Run("ca rollover", {{"switch_at", "2027-06-01T00:00:00Z"}}).ok());
  EXPECT_EQ(Rollover().plan.switch_at,
            absl::FromCivil(absl::CivilDay(2027, 6, 1), absl::UTCTimeZone()));
  EXPECT_EQ(Rollover().plan.renew_within, kDay / 2);
  EXPECT_EQ(*Rollover().next, next);

  ASSERT_TRUE(Run("ca rollover", {{"cancel", true}}).ok());
  EXPECT_EQ(Rollover().stage, RolloverStage::kNone);
  ExpectRefused("ca rollover", {{"cancel", true}},
                absl::StatusCode::kFailedPrecondition, "no rollover");
  // Thirty days, of the kind that it has.
  ASSERT_TRUE(Run("ca rollover", Json::object()).ok());
  EXPECT_EQ(Rollover().plan.switch_at, start_ + 30 * kDay);
  EXPECT_EQ(*KeyTypeOfSpki(Rollover().next->spki), KeyType::kEcP256);
}

TEST_F(RolloverOperationsTest, RefusesWhatItCannotDo) {
  const auto kUsage = absl::StatusCode::kInvalidArgument;
  ExpectRefused("ca rollover", {{"in", "soon"}}, kUsage, "--in=soon");
  ExpectRefused("ca rollover", {{"in", "30000d"}}, kUsage, "--in");
  ExpectRefused("ca rollover", {{"switch_at", "tomorrow"}}, kUsage,
                "--switch_at");
  ExpectRefused("ca rollover", {{"switch_at", "2020-01-01T00:00:00Z"}}, kUsage,
                "has passed");
  ExpectRefused("ca rollover",
                {{"switch_at", "2040-01-01T00:00:00Z"}, {"in", "1d"}}, kUsage,
                "exclude");
  ExpectRefused("ca rollover", {{"renew_within", "x"}}, kUsage,
                "--renew_within");
  ExpectRefused("ca rollover", {{"key_type", "dsa"}}, kUsage, "dsa");
  ExpectRefused("ca rollover", {{"key_storage", "cloud"}}, kUsage, "cloud");
  // After the end of the CA's own certificate.
  ExpectRefused("ca rollover", {{"switch_at", "2047-01-15T00:00:00Z"}}, kUsage,
                "ends before the switch");
  ExpectRefused("ca rollover", {{"switch_at", "2048-01-01T00:00:00Z"}}, kUsage,
                "too far off");
  ASSERT_TRUE(Run("ca rollover", {{"switch_at", "2046-12-31T00:00:00Z"}}).ok());
  ASSERT_TRUE(Run("ca rollover", {{"cancel", true}}).ok());
  for (const char* name : {"../ca", "", "a/b", "."}) {
    ExpectRefused("ca rollover", {{"name", name}}, kUsage, "no CA's name");
  }
  ExpectRefused("ca rollover", {{"name", "none"}}, absl::StatusCode::kNotFound,
                "none");
  ExpectRefused("ca switch", Json::object(),
                absl::StatusCode::kFailedPrecondition, "no next key");
  ExpectRefused("ca retire", Json::object(), absl::StatusCode::kNotFound,
                "no former key");
  EXPECT_EQ(Rollover().stage, RolloverStage::kNone);
}

TEST_F(RolloverOperationsTest, SwitchesNowAndRetiresWhatIsOver) {
  Issue(10 * kDay);
  const Certificate old_root = state_->ca_certificate();
  ASSERT_TRUE(Run("ca rollover", {{"key_type", "ec-p384"}}).ok());
  auto answer = Run("ca switch", Json::object());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(Rollover().stage, RolloverStage::kNone);
  const CaBundle ca = *LoadCa(ca_.folder);
  EXPECT_EQ(*KeyTypeOfSpki(ca.chain[0].spki), KeyType::kEcP384);
  ASSERT_EQ(ca.former.size(), 1u);
  EXPECT_EQ(ca.former[0]->certificate(), old_root);
  EXPECT_EQ(store_->LastAudit()->entry.action, "ca switch");

  // init's own TLS certificate is the old key's, and lasts longest.
  ExpectRefused("ca retire", Json::object(),
                absl::StatusCode::kFailedPrecondition,
                "former/1 is needed until 2027-04-15");
  std::filesystem::copy_file(ca_.certificate, paths_.tls_certificate,
                             std::filesystem::copy_options::overwrite_existing);
  state_->config.service.enrollment.expired_grace = 5 * kDay;
  clock_.Advance(15 * kDay);
  ExpectRefused("ca retire", Json::object(),
                absl::StatusCode::kFailedPrecondition, "is needed until");
  clock_.Advance(absl::Seconds(1));
  answer = Run("ca retire", Json::object());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ((*answer)["retired"], Json::array({1}));
  EXPECT_EQ(LoadCa(ca_.folder)->All(), ca.chain);
  EXPECT_EQ(store_->LastAudit()->entry.action, "ca retire");
}

TEST_F(RolloverOperationsTest, SaysWhatIsDoneWhenTheServerCannotLoadIt) {
  reload_ = []() -> absl::StatusOr<std::vector<std::string>> {
    return absl::FailedPreconditionError("line 3: wrong");
  };
  ExpectRefused("ca rollover", Json::object(),
                absl::StatusCode::kFailedPrecondition, "line 3: wrong");
  EXPECT_EQ(Rollover().stage, RolloverStage::kAhead);
  // Without a running server there is nothing to load it.
  reload_ = nullptr;
  EXPECT_TRUE(Run("ca switch", Json::object()).ok());
}

}  // namespace
}  // namespace bestow::server
