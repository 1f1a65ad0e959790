#include "server/revocation/crl_publisher.h"

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "common/pki/crl.h"
#include "gtest/gtest.h"
#include "server/housekeeping/housekeeper.h"
#include "server/revocation/issuing_key_fixture.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

class CrlPublisherTest : public IssuingKeyFixture {
 protected:
  void SetUp() override {
    IssuingKeyFixture::SetUp();
    Serve({key_});
    publisher_ = std::make_unique<CrlPublisher>(
        CrlPublisher::Options{[this] { return keys_; }, store_.get()});
  }
  void Serve(IssuingKeys keys) {
    keys_ = std::make_shared<const IssuingKeys>(std::move(keys));
  }
  int64_t Number() {
    const auto crl = publisher_->Find(key_.key_id, false);
    return crl == nullptr ? 0 : crl->number;
  }

  std::shared_ptr<const IssuingKeys> keys_;
  std::unique_ptr<CrlPublisher> publisher_;
};

TEST_P(CrlPublisherTest, LooksForRevocationsEveryFewSeconds) {
  const Certificate certificate = IssueFrom(key_);
  EXPECT_EQ(Number(), 0);
  const absl::Time next = publisher_->Run(clock_.Now());
  EXPECT_GT(next, clock_.Now());
  EXPECT_LE(next, clock_.Now() + absl::Seconds(5));
  const int64_t first = Number();
  EXPECT_GT(first, 0);
  Revoke(certificate);
  // Not two in one second, unless somebody asks for it.
  EXPECT_EQ(publisher_->Run(clock_.Now()), clock_.Now() + absl::Seconds(1));
  EXPECT_EQ(Number(), first);
  clock_.Advance(absl::Seconds(1));
  publisher_->Run(clock_.Now());
  const int64_t second = Number();
  EXPECT_GT(second, first);
  Revoke(IssueFrom(key_));
  publisher_->LookAgain();
  publisher_->Run(clock_.Now());
  EXPECT_GT(Number(), second);
}

TEST_P(CrlPublisherTest, ServesWhatAnotherProcessPublished) {
  publisher_->Run(clock_.Now());
  clock_.Advance(absl::Minutes(1));
  CrlSeries other(key_, *store_);
  ASSERT_TRUE(other.Update(clock_.Now(), /*force=*/true).ok());
  publisher_->LookAgain();
  publisher_->Run(clock_.Now());
  EXPECT_EQ(Number(), other.full()->number);
}

TEST_P(CrlPublisherTest, ServesNoKeyThatIsGoneOrOverOrNotPublished) {
  publisher_->Run(clock_.Now());
  EXPECT_GT(Number(), 0);
  Serve({});
  publisher_->Run(clock_.Now());
  EXPECT_EQ(Number(), 0);
  key_.is_published = false;
  Serve({key_});
  publisher_->Run(clock_.Now());
  EXPECT_EQ(Number(), 0);
  key_.is_published = true;
  Serve({key_});
  clock_.Advance(absl::Hours(24 * 3651));
  publisher_->Run(clock_.Now());
  EXPECT_EQ(Number(), 0);
}

TEST_P(CrlPublisherTest, GoesOnServingWhileTheKeyCanNotSign) {
  class Dead : public Signer {
   public:
    explicit Dead(Bytes spki) : spki_(std::move(spki)) {}
    const Bytes& public_key_spki() const override { return spki_; }
    SignatureAlgorithm algorithm() const override {
      return SignatureAlgorithm::kEcdsaP256Sha256;
    }
    void Sign(SignatureAlgorithm, ByteView, Done done) override {
      done(absl::UnavailableError("the TPM is gone"));
    }

   private:
    const Bytes spki_;
  };
  publisher_->Run(clock_.Now());
  const int64_t before = Number();
  const auto alive = key_.authority;
  key_.authority = *CertificateAuthority::Create(
      key_.certificate(), std::make_shared<Dead>(key_.certificate().spki));
  Serve({key_});
  clock_.Advance(absl::Hours(25));
  const absl::Time next = publisher_->Run(clock_.Now());
  EXPECT_EQ(Number(), before);
  EXPECT_LE(next, clock_.Now() + absl::Minutes(1));
  key_.authority = alive;
  Serve({key_});
  clock_.Advance(absl::Minutes(1));
  publisher_->Run(clock_.Now());
  EXPECT_GT(Number(), before);
}

TEST_P(CrlPublisherTest, TellsWhenARunIsOver) {
  EXPECT_FALSE(
      publisher_->WaitForRun(publisher_->NextRun(), absl::Milliseconds(1)));
  Housekeeper housekeeper(clock_);
  housekeeper.Add("crls",
                  [this](absl::Time now) { return publisher_->Run(now); });
  housekeeper.Start();
  for (int i = 0; i < 3; ++i) {
    Revoke(IssueFrom(key_));
    publisher_->LookAgain();
    const int64_t run = publisher_->NextRun();
    housekeeper.Wake("crls");
    ASSERT_TRUE(publisher_->WaitForRun(run, kPatience));
    const auto crl = publisher_->Find(key_.key_id, false);
    EXPECT_EQ(ParseCrlDer(crl->der)->contents.entries.size(), size_t(i + 1));
  }
  housekeeper.Stop();
}

INSTANTIATE_ON_BOTH_ENGINES(CrlPublisherTest);

}  // namespace
}  // namespace bestow::server
