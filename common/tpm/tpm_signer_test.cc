#include "common/tpm/tpm_signer.h"

#include <atomic>
#include <memory>
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
  auto signer = TpmSigner::Create(worker, *key);
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
  auto signer = TpmSigner::Create(worker, *key);
  ASSERT_TRUE(signer.ok());
  absl::Notification release, done;
  worker.Post([&](Tpm&) { release.WaitForNotification(); });
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
  auto signer = TpmSigner::Create(worker, *key);
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
    auto signer = TpmSigner::Create(worker, *key);
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
  EXPECT_FALSE(TpmSigner::Create(worker, TpmKey{}).ok());
}

// A server that reloads lets go of a key while a device waits for its
// signature: what it replies with may hold the last reference.
TEST(TpmWorkerTest, CanGoByItsOwnJob) {
  auto worker = std::make_shared<TpmWorker>(std::make_unique<FakeTpm>());
  TpmWorker* const raw = worker.get();
  absl::Notification posted, done;
  raw->Post([worker = std::move(worker), &posted, &done](Tpm&) mutable {
    posted.WaitForNotification();
    worker.reset();
    done.Notify();
  });
  posted.Notify();
  done.WaitForNotification();
}

}  // namespace
}  // namespace bestow
