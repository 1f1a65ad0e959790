#include "common/tpm/tpm_signer.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/crypto/public_key.h"
#include "common/tpm/errors.h"
#include "common/tpm/fake_tpm.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

const Bytes kEcdsaWithSha256 = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

TEST(TpmSignerTest, SignsFromSeveralThreads) {
  auto fake = std::make_unique<FakeTpm>();
  auto key = fake->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(key.ok());
  TpmWorker worker(std::move(fake));
  auto signer = TpmSigner::Create(worker.NewQueue(), *key);
  ASSERT_TRUE(signer.ok()) << signer.status();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&signer, i] {
      const Bytes message(10, static_cast<uint8_t>(i));
      auto signature = SignAndWait(**signer, message);
      ASSERT_TRUE(signature.ok()) << signature.status();
      EXPECT_TRUE(VerifySignature(kEcdsaWithSha256,
                                  (*signer)->public_key_spki(), message,
                                  *signature)
                      .ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE((*signer)->last_error().ok());
}

TEST(TpmSignerTest, SignReturnsBeforeASlowTpmIsDone) {
  auto fake = std::make_unique<FakeTpm>();
  auto key = fake->CreateKey(KeyType::kEcP256);
  TpmWorker worker(std::move(fake));
  auto signer = TpmSigner::Create(worker.NewQueue(), *key);
  ASSERT_TRUE(signer.ok());
  absl::Notification release, done;
  worker.NewQueue().Post([&](Tpm&) { release.WaitForNotification(); });
  std::atomic<bool> called = false;
  (*signer)->Sign((*signer)->algorithm(), AsBytes("x"),
                  [&](absl::StatusOr<Bytes> signature) {
                    called = true;
                    EXPECT_TRUE(signature.ok());
                    done.Notify();
                  });
  EXPECT_FALSE(called);
  EXPECT_TRUE(worker.busy());
  release.Notify();
  done.WaitForNotification();
}

TEST(TpmSignerTest, KeepsWhyItFailed) {
  auto fake = std::make_unique<FakeTpm>();
  auto key = fake->CreateKey(KeyType::kEcP256);
  fake->Clear();
  TpmWorker worker(std::move(fake));
  auto signer = TpmSigner::Create(worker.NewQueue(), *key);
  EXPECT_FALSE(SignAndWait(**signer, AsBytes("x")).ok());
  EXPECT_EQ(TpmActionOf((*signer)->last_error()), TpmAction::kKeyLost);
}

TEST(TpmSignerTest, SaysWhatItsKeySignsWith) {
  struct {
    KeyType type;
    std::vector<SignatureAlgorithm> tls;
  } const kCases[] = {
      {KeyType::kEcP256, {SignatureAlgorithm::kEcdsaP256Sha256}},
      {KeyType::kEcP384, {SignatureAlgorithm::kEcdsaP384Sha384}},
      {KeyType::kRsa2048,
       {SignatureAlgorithm::kRsaPssSha256,
        SignatureAlgorithm::kRsaPkcs1Sha256}},
  };
  for (const auto& c : kCases) {
    auto fake = std::make_unique<FakeTpm>();
    auto key = fake->CreateKey(c.type);
    ASSERT_TRUE(key.ok()) << key.status();
    TpmWorker worker(std::move(fake));
    auto signer = TpmSigner::Create(worker.NewQueue(), *key);
    ASSERT_TRUE(signer.ok()) << signer.status();
    EXPECT_EQ((*signer)->type(), c.type);
    EXPECT_EQ((*signer)->algorithm(), SignatureAlgorithmOf(c.type));
    EXPECT_EQ((*signer)->tls_algorithms(), c.tls);
    EXPECT_TRUE(SignAndWait(**signer, AsBytes("x")).ok());
    absl::Status other;
    absl::Notification done;
    (*signer)->Sign(SignatureAlgorithm::kEd25519, AsBytes("x"),
                    [&](absl::StatusOr<Bytes> signature) {
                      other = signature.status();
                      done.Notify();
                    });
    done.WaitForNotification();
    EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument) << other;
  }
}

TEST(TpmSignerTest, RefusesAKeyWithoutAPublicPart) {
  TpmWorker worker(std::make_unique<FakeTpm>());
  EXPECT_FALSE(TpmSigner::Create(worker.NewQueue(), TpmKey{}).ok());
}

// A server that reloads lets go of a key while a device waits for its
// signature: what it replies with may hold the last reference.
TEST(TpmWorkerTest, CanGoByItsOwnJob) {
  auto worker = std::make_shared<TpmWorker>(std::make_unique<FakeTpm>());
  TpmWorker* const raw = worker.get();
  absl::Notification posted, done;
  raw->NewQueue().Post(
      [worker = std::move(worker), &posted, &done](Tpm&) mutable {
        posted.WaitForNotification();
        worker.reset();
        done.Notify();
      });
  posted.Notify();
  done.WaitForNotification();
}

// An identity that renews, with a TPM that takes seconds for each command.
TEST(TpmWorkerTest, AHundredJobsOfOneQueueDoNotStarveAnother) {
  TpmWorker worker(std::make_unique<FakeTpm>());
  const TpmWorker::Queue busy = worker.NewQueue();
  const TpmWorker::Queue other = worker.NewQueue();
  const TpmWorker::Queue third = worker.NewQueue();
  absl::Notification begun, all_posted, done;
  std::string order;  // for the TPM's thread alone
  busy.Post([&](Tpm&) {
    begun.Notify();
    all_posted.WaitForNotification();
  });
  begun.WaitForNotification();  // whose turn comes after it is known then
  for (int i = 0; i < 100; ++i) {
    busy.Post([&, i](Tpm&) {
      order += 'a';
      if (i == 99) done.Notify();
    });
  }
  for (int i = 0; i < 3; ++i) other.Post([&](Tpm&) { order += 'b'; });
  third.Post([&](Tpm&) { order += 'c'; });
  EXPECT_TRUE(worker.busy());
  all_posted.Notify();
  done.WaitForNotification();
  // In turns, and each queue in its order.
  EXPECT_EQ(order.substr(0, 10), "abcababaaa") << order;
  EXPECT_EQ(order.size(), 104u);
}

TEST(TpmWorkerTest, AQueueMayOutliveItsWorker) {
  auto worker = std::make_shared<TpmWorker>(std::make_unique<FakeTpm>());
  const TpmWorker::Queue queue = worker->NewQueue();
  absl::Notification posted, done;
  auto token = std::make_shared<int>(0);
  TpmWorker* const raw = worker.get();
  raw->NewQueue().Post(
      [worker = std::move(worker), &posted, &done](Tpm&) mutable {
        posted.WaitForNotification();
        worker.reset();
        done.Notify();
      });
  queue.Post([token](Tpm&) { FAIL() << "it waits behind the last one"; });
  posted.Notify();
  done.WaitForNotification();
  queue.Post([token](Tpm&) { FAIL() << "nobody runs it"; });
  // Nor is it kept.
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace bestow
