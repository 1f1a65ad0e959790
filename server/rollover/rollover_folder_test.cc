#include "server/rollover/rollover_folder.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint_walk.h"
#include "common/base/file.h"
#include "gtest/gtest.h"
#include "server/admin/new_ca.h"
#include "server/rollover/successor.h"

namespace bestow::server {
namespace {

namespace fs = std::filesystem;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class RolloverFolderTest : public testing::Test {
 protected:
  RolloverFolderTest() : first_(*MakeCa("Fleet CA", KeyType::kEcP256, kNow)) {
    Reset();
  }
  ~RolloverFolderTest() override { SetFailpointHandler(nullptr); }

  void Reset() {
    fs::remove_all(paths_.folder);
    ASSERT_TRUE(WriteCa(first_, paths_.folder).ok());
  }
  static std::string Folder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    return absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
  }
  CaBundle Load() {
    auto ca = LoadCa(paths_.folder);
    EXPECT_TRUE(ca.ok()) << ca.status();
    return *std::move(ca);
  }
  // The files of a new key for the CA as it is.
  NextFiles MakeNext(bool waiting = false) {
    const CaBundle ca = Load();
    auto key = *SoftwareSigner::Generate();
    Successor successor = *MakeSuccessor(ca, *key, kNow, absl::ZeroDuration());
    NextFiles files;
    files.key_pem = *key->ToPkcs8Pem();
    if (!waiting) {
      files.chain = successor.chain;
      files.rollover = successor.rollover;
    }
    files.plan.switch_at = kNow + absl::Hours(24);
    made_ = successor;
    return files;
  }
  void Prepare() { ASSERT_TRUE(PrepareNext(paths_, MakeNext()).ok()); }
  RolloverStage Stage() {
    auto status = ReadRollover(paths_);
    EXPECT_TRUE(status.ok()) << status.status();
    return status->stage;
  }
  absl::Status Switch() { return SwitchToNext(paths_, made_.chain[0]); }

  // Lets `act` fail, then end the process, at every failpoint that it passes.
  // After each, `check` sees what is there; `act` once more must do.
  void Walk(const std::function<void()>& prepare,
            const std::function<absl::Status()>& act,
            const std::function<void(bool done)>& check) {
    for (const bool die : {false, true}) {
      for (int at = 1;; ++at) {
        ASSERT_LT(at, 100);
        SCOPED_TRACE(absl::StrCat(die ? "ends" : "fails", " at ", at));
        Reset();
        prepare();
        bool over = false, ok = false;
        if (die) {
          const pid_t child = fork();
          if (child == 0) {
            FailAtPass(at, true);
            _exit(act().ok() ? 0 : 1);
          }
          int wait_status = 0;
          ASSERT_EQ(waitpid(child, &wait_status, 0), child);
          ASSERT_TRUE(WIFEXITED(wait_status));
          over = ok = WEXITSTATUS(wait_status) == 0;
          if (!over) {
            ASSERT_EQ(WEXITSTATUS(wait_status), kEndedAtFailpoint);
          }
        } else {
          FailAtPass(at, false);
          ok = act().ok();
          SetFailpointHandler(nullptr);
          over = PassedFailpoints() < at;
          if (over) {
            ASSERT_TRUE(ok);
          }
        }
        check(ok);
        if (over) {
          EXPECT_GT(at, 3);
          break;
        }
      }
    }
  }

  const CaPaths paths_{Folder()};
  const NewCa first_;
  Successor made_;
};

TEST_F(RolloverFolderTest, GoesFromKeyToKeyAndRetiresThem) {
  EXPECT_EQ(Stage(), RolloverStage::kNone);
  Prepare();
  EXPECT_EQ(Stage(), RolloverStage::kAhead);
  CaBundle ca = Load();
  EXPECT_EQ(ca.authority->certificate(), first_.certificate);
  ASSERT_TRUE(ca.next.has_value());
  EXPECT_EQ(ca.next->chain, made_.chain);
  EXPECT_EQ(ca.next->switch_at, kNow + absl::Hours(24));
  const RolloverPlan plan{kNow + absl::Hours(1), absl::Hours(2)};
  ASSERT_TRUE(SetPlan(paths_, plan).ok());
  EXPECT_EQ(ReadRollover(paths_)->plan, plan);
  ASSERT_TRUE(SetPlan(paths_, {}).ok());
  EXPECT_EQ(ReadRollover(paths_)->plan, RolloverPlan());

  ASSERT_TRUE(Switch().ok());
  EXPECT_EQ(Stage(), RolloverStage::kSwitched);
  ca = Load();
  EXPECT_EQ(ca.chain, made_.chain);
  EXPECT_EQ(ca.rollover, made_.rollover);
  ASSERT_EQ(ca.former.size(), 1u);
  EXPECT_EQ(ca.former[0]->certificate(), first_.certificate);
  EXPECT_FALSE(ca.next.has_value());
  ASSERT_TRUE(FinishRollover(paths_).ok());
  EXPECT_EQ(Stage(), RolloverStage::kNone);
  ASSERT_TRUE(FinishRollover(paths_).ok());

  const Certificate second = made_.chain[0];
  Prepare();
  ASSERT_TRUE(Switch().ok());
  ASSERT_TRUE(FinishRollover(paths_).ok());
  ca = Load();
  ASSERT_EQ(ca.former.size(), 2u);
  EXPECT_EQ(ca.former[0]->certificate(), second);
  EXPECT_EQ(ca.former[1]->certificate(), first_.certificate);
  // Three roots and two pairs of links.
  EXPECT_EQ(ca.All().size(), 7u);

  EXPECT_EQ(*ListFormer(paths_), (std::vector<int>{2, 1}));
  EXPECT_TRUE(absl::IsNotFound(RemoveFormer(paths_, 3)));
  // With it goes every link to its key.
  ASSERT_TRUE(RemoveFormer(paths_, 1).ok());
  EXPECT_EQ(Load().All().size(), 4u);
  ASSERT_TRUE(RemoveFormer(paths_, 2).ok());
  EXPECT_EQ(Load().All(), made_.chain);
  EXPECT_EQ(Load().Anchors(), made_.chain);
}

TEST_F(RolloverFolderTest, AWaitingKeyIsNotShown) {
  ASSERT_TRUE(PrepareNext(paths_, MakeNext(/*waiting=*/true)).ok());
  EXPECT_EQ(Stage(), RolloverStage::kWaiting);
  EXPECT_FALSE(Load().next.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(Switch()));
  ASSERT_TRUE(ImportNext(paths_, made_.chain, made_.rollover).ok());
  EXPECT_EQ(Stage(), RolloverStage::kAhead);
  EXPECT_EQ(Load().next->chain, made_.chain);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      ImportNext(paths_, made_.chain, made_.rollover)));
}

TEST_F(RolloverFolderTest, RefusesWhatIsNotItsTurn) {
  EXPECT_TRUE(absl::IsFailedPrecondition(SetPlan(paths_, {})));
  EXPECT_TRUE(absl::IsFailedPrecondition(DropNext(paths_)));
  EXPECT_TRUE(absl::IsFailedPrecondition(ImportNext(paths_, {}, {})));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(SwitchToNext(paths_, first_.certificate)));
  Prepare();
  EXPECT_TRUE(absl::IsAlreadyExists(PrepareNext(paths_, MakeNext())));
  // MakeNext() made another than the one that is there.
  EXPECT_TRUE(absl::IsFailedPrecondition(Switch()));
  ASSERT_TRUE(DropNext(paths_).ok());
  EXPECT_EQ(Stage(), RolloverStage::kNone);
  EXPECT_FALSE(Load().next.has_value());
  Prepare();
  ASSERT_TRUE(Switch().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(DropNext(paths_)));
  EXPECT_TRUE(absl::IsFailedPrecondition(SetPlan(paths_, {})));
  EXPECT_TRUE(absl::IsFailedPrecondition(Switch()));
}

TEST_F(RolloverFolderTest, LoadingSaysWhatDoesNotFit) {
  Prepare();
  const CaPaths next(paths_.next_folder);
  auto expect_refused = [&](const std::string& path) {
    auto ca = LoadCa(paths_.folder);
    EXPECT_TRUE(absl::IsFailedPrecondition(ca.status())) << ca.status();
    EXPECT_NE(ca.status().message().find(path), std::string::npos)
        << ca.status();
  };
  const std::string switch_at = *ReadFile(paths_.switch_at, 100);
  ASSERT_TRUE(
      WriteFileAtomically(paths_.switch_at, AsBytes("soon\n"), 0644).ok());
  expect_refused(paths_.switch_at);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadRollover(paths_).status()));
  ASSERT_TRUE(
      WriteFileAtomically(paths_.switch_at, AsBytes(switch_at), 0644).ok());
  // Nobody has a word for it without its links.
  fs::remove(next.rollover);
  expect_refused(paths_.next_folder);
  ASSERT_TRUE(
      WriteFileAtomically(next.certificate, AsBytes("nothing"), 0644).ok());
  expect_refused(next.certificate);
}

TEST_F(RolloverFolderTest, PreparingMayBreakOffAnywhere) {
  NextFiles files = MakeNext();
  Walk([] {}, [&] { return PrepareNext(paths_, files); },
       [&](bool done) {
         const CaBundle ca = Load();
         EXPECT_EQ(ca.authority->certificate(), first_.certificate);
         if (done) {
           EXPECT_TRUE(ca.next.has_value());
         }
         if (!ca.next.has_value()) {
           EXPECT_EQ(Stage(), RolloverStage::kNone);
           ASSERT_TRUE(PrepareNext(paths_, files).ok());
         }
         EXPECT_EQ(Load().next->chain, made_.chain);
       });
}

// Either key issues, and whichever does, the other's certificate is there.
TEST_F(RolloverFolderTest, SwitchingMayBreakOffAnywhere) {
  NextFiles files = MakeNext();
  bool seen_old = false, seen_new = false;
  Walk([&] { ASSERT_TRUE(PrepareNext(paths_, files).ok()); },
       [&] {
         absl::Status status = Switch();
         return status.ok() ? FinishRollover(paths_) : status;
       },
       [&](bool done) {
         CaBundle ca = Load();
         const bool switched = ca.chain == made_.chain;
         (switched ? seen_new : seen_old) = true;
         EXPECT_TRUE(switched || !done);
         if (!switched) {
           EXPECT_EQ(ca.authority->certificate(), first_.certificate);
           EXPECT_EQ(ca.former.size(), 0u);
           ASSERT_TRUE(ca.next.has_value());
           EXPECT_EQ(Stage(), RolloverStage::kAhead);
           ASSERT_TRUE(Switch().ok());
         }
         EXPECT_EQ(ca.All().size(), 4u);
         EXPECT_EQ(ca.Anchors().size(), 2u);
         ASSERT_TRUE(FinishRollover(paths_).ok());
         EXPECT_EQ(Stage(), RolloverStage::kNone);
         ca = Load();
         EXPECT_EQ(ca.chain, made_.chain);
         ASSERT_EQ(ca.former.size(), 1u);
         EXPECT_EQ(ca.former[0]->certificate(), first_.certificate);
         // No key lies about: the CA's, the former one.
         int keys = 0;
         for (const auto& entry :
              fs::recursive_directory_iterator(paths_.folder)) {
           if (entry.path().filename() == "ca.key.pem") ++keys;
         }
         EXPECT_EQ(keys, 2);
         EXPECT_EQ(*ReadFile(paths_.certificate, 10000),
                   SerializeCertificatePem(made_.chain[0].der));
       });
  EXPECT_TRUE(seen_old && seen_new);
}

TEST_F(RolloverFolderTest, RetiringMayBreakOffAnywhere) {
  NextFiles files = MakeNext();
  Walk(
      [&] {
        ASSERT_TRUE(PrepareNext(paths_, files).ok());
        ASSERT_TRUE(Switch().ok());
        ASSERT_TRUE(FinishRollover(paths_).ok());
      },
      [&] { return RemoveFormer(paths_, 1); },
      [&](bool done) {
        CaBundle ca = Load();
        EXPECT_EQ(ca.chain, made_.chain);
        if (done) {
          EXPECT_TRUE(ca.former.empty());
        }
        if (!ca.former.empty()) {
          ASSERT_TRUE(RemoveFormer(paths_, 1).ok());
        }
        ASSERT_TRUE(FinishRollover(paths_).ok());
        EXPECT_EQ(Load().All(), made_.chain);
        EXPECT_FALSE(fs::exists(paths_.former_folder + "/.gone"));
      });
}

}  // namespace
}  // namespace bestow::server
