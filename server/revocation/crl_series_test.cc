#include "server/revocation/crl_series.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/pki/crl.h"
#include "gtest/gtest.h"
#include "server/revocation/issuing_key_fixture.h"

namespace bestow::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kDay = absl::Hours(24);

class CrlSeriesTest : public IssuingKeyFixture {
 protected:
  void SetUp() override {
    IssuingKeyFixture::SetUp();
    key_.config.crl_validity = 7 * kDay;
    key_.config.crl_interval = kDay;
  }
  void UseDeltas() {
    key_.config.delta_interval = absl::Hours(1);
    key_.config.url = "http://pki.example.net";
  }

  // What it says, after checking who signed it.
  Crl Read(const std::shared_ptr<const StoredCrl>& stored) {
    EXPECT_NE(stored, nullptr);
    if (stored == nullptr) return {};
    auto crl = ParseCrlDer(stored->der);
    EXPECT_TRUE(crl.ok()) << crl.status();
    if (!crl.ok()) return {};
    EXPECT_TRUE(VerifySignature(crl->signature_algorithm,
                                key_.certificate().spki, crl->tbs_der,
                                crl->signature)
                    .ok());
    EXPECT_EQ(crl->contents.issuer, key_.certificate().subject);
    EXPECT_EQ(crl->contents.authority_key_id, key_.key_id);
    EXPECT_EQ(static_cast<int64_t>(crl->contents.number), stored->number);
    EXPECT_EQ(crl->contents.this_update, stored->this_update);
    EXPECT_EQ(crl->contents.next_update, stored->next_update);
    return *std::move(crl);
  }
  std::vector<Bytes> SerialsOf(const std::shared_ptr<const StoredCrl>& stored) {
    std::vector<Bytes> serials;
    for (const CrlEntry& entry : Read(stored).contents.entries) {
      serials.push_back(entry.serial);
    }
    return serials;
  }
  // What a client holds that applied `delta` to `full` (RFC 5280 5.2.4).
  std::map<Bytes, RevocationReason> Combined(
      const std::shared_ptr<const StoredCrl>& full,
      const std::shared_ptr<const StoredCrl>& delta) {
    EXPECT_GE(full->number, *delta->base_number);
    EXPECT_LT(full->number, delta->number);
    std::map<Bytes, RevocationReason> combined;
    for (const auto& crl : {Read(full), Read(delta)}) {
      for (const CrlEntry& entry : crl.contents.entries) {
        combined[entry.serial] = entry.reason;
        if (entry.reason == RevocationReason::kRemoveFromCrl) {
          combined.erase(entry.serial);
        }
      }
    }
    return combined;
  }

  // RFC 5280 5.2.3: "If a delta CRL and a complete CRL that cover the same
  // scope are issued at the same time, they MUST have the same CRL number and
  // provide the same revocation information."
  void ExpectTheSameOfOneMoment(const CrlSeries& series) {
    const auto full = series.full();
    const auto delta = series.delta();
    EXPECT_EQ(full->this_update, delta->this_update);
    EXPECT_EQ(full->number, delta->number);
    std::map<Bytes, RevocationReason> all;
    for (const CrlEntry& entry : Read(full).contents.entries) {
      all[entry.serial] = entry.reason;
    }
    for (const CrlEntry& entry : Read(delta).contents.entries) {
      const auto it = all.find(entry.serial);
      EXPECT_EQ(entry.reason, it == all.end() ? RevocationReason::kRemoveFromCrl
                                              : it->second);
    }
    // As the store has them, and as they are read back after a restart.
    EXPECT_EQ(store_->FindCrl(key_.key_id, true)->der, delta->der);
    CrlSeries restarted(key_, *store_);
    Update(restarted);
    EXPECT_EQ(restarted.full()->der, full->der);
    EXPECT_EQ(restarted.delta()->der, delta->der);
  }

  void Update(CrlSeries& series, bool force = false) {
    auto next = series.Update(clock_.Now(), force);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_GT(*next, clock_.Now());
  }
};

TEST_P(CrlSeriesTest, TheFirstIsEmptyAndStored) {
  CrlSeries series(key_, *store_);
  EXPECT_EQ(series.full(), nullptr);
  Update(series);
  EXPECT_THAT(SerialsOf(series.full()), IsEmpty());
  EXPECT_EQ(series.full()->this_update, clock_.Now());
  EXPECT_EQ(series.full()->next_update, clock_.Now() + 7 * kDay);
  EXPECT_EQ(series.delta(), nullptr);
  EXPECT_EQ(store_->FindCrl(key_.key_id, false)->der, series.full()->der);
  EXPECT_TRUE(Read(series.full()).contents.freshest_crl.empty());
}

TEST_P(CrlSeriesTest, ARevocationIsOnTheNextAtOnce) {
  const Certificate other = IssueFrom(key_);
  const Certificate certificate = IssueFrom(key_);
  CrlSeries series(key_, *store_);
  Update(series);
  const int64_t first = series.full()->number;
  clock_.Advance(absl::Seconds(10));
  Update(series);
  EXPECT_EQ(series.full()->number, first) << "nothing had changed";
  Revoke(certificate, RevocationReason::kKeyCompromise);
  Update(series);
  EXPECT_GT(series.full()->number, first);
  const Crl crl = Read(series.full());
  ASSERT_EQ(crl.contents.entries.size(), 1u);
  EXPECT_EQ(crl.contents.entries[0].serial, certificate.serial);
  EXPECT_EQ(crl.contents.entries[0].reason, RevocationReason::kKeyCompromise);
  EXPECT_EQ(crl.contents.entries[0].revoked_at, clock_.Now());
  const int64_t second = series.full()->number;
  clock_.Advance(absl::Seconds(10));
  Update(series);
  EXPECT_EQ(series.full()->number, second) << "it is on it already";
}

TEST_P(CrlSeriesTest, AHoldIsOnItUntilItIsReleasedOrFinal) {
  const Certificate certificate = IssueFrom(key_);
  CrlSeries series(key_, *store_);
  Revoke(certificate, RevocationReason::kCertificateHold);
  Update(series);
  EXPECT_EQ(Read(series.full()).contents.entries.at(0).reason,
            RevocationReason::kCertificateHold);
  clock_.Advance(absl::Seconds(10));
  Release(certificate);
  Update(series);
  EXPECT_THAT(SerialsOf(series.full()), IsEmpty());
  Revoke(certificate, RevocationReason::kCertificateHold);
  clock_.Advance(absl::Seconds(10));
  Update(series);
  Revoke(certificate, RevocationReason::kSuperseded);
  clock_.Advance(absl::Seconds(10));
  Update(series);
  EXPECT_EQ(Read(series.full()).contents.entries.at(0).reason,
            RevocationReason::kSuperseded);
}

TEST_P(CrlSeriesTest, FollowsItsSchedule) {
  CrlSeries series(key_, *store_);
  auto next = series.Update(clock_.Now(), false);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(*next, clock_.Now() + kDay);
  const int64_t first = series.full()->number;
  clock_.Advance(kDay - absl::Seconds(1));
  Update(series);
  EXPECT_EQ(series.full()->number, first);
  clock_.Advance(absl::Seconds(1));
  Update(series);
  EXPECT_GT(series.full()->number, first);
  EXPECT_EQ(series.full()->this_update, clock_.Now());
  const int64_t second = series.full()->number;
  Update(series, /*force=*/true);
  EXPECT_GT(series.full()->number, second);
}

// RFC 5280 3.3: "An entry MUST NOT be removed from the CRL until it appears on
// one regularly scheduled CRL issued beyond the revoked certificate's validity
// period."
TEST_P(CrlSeriesTest, AnExpiredCertificateIsOnOneMoreCrl) {
  const Certificate certificate = IssueFrom(key_, absl::Hours(36));
  Revoke(certificate);
  CrlSeries series(key_, *store_);
  for (const bool listed : {true, true, true, false, false}) {
    Update(series);
    const bool is_over = clock_.Now() > certificate.not_after;
    EXPECT_EQ(SerialsOf(series.full()).size(), listed ? 1u : 0u)
        << clock_.Now() << (is_over ? " beyond" : " within");
    clock_.Advance(kDay);
  }
}

TEST_P(CrlSeriesTest, NumbersGrowOverRestartsBackupsAndClocksSetBack) {
  int64_t last = 0;
  for (const absl::Duration step :
       {kDay, kDay, -30 * kDay, absl::ZeroDuration(), kDay}) {
    CrlSeries series(key_, *store_);
    Update(series, /*force=*/true);
    EXPECT_GT(series.full()->number, last);
    last = series.full()->number;
    clock_.Advance(step);
  }
  // A database from before all of them: the time is later than any was.
  StoreFixture::SetUp();
  clock_.Advance(60 * kDay);
  CrlSeries restored(key_, *store_);
  Update(restored);
  EXPECT_GT(restored.full()->number, last);
}

TEST_P(CrlSeriesTest, OneThatCannotBeReadBackIsReplaced) {
  const Certificate certificate = IssueFrom(key_);
  Revoke(certificate);
  const int64_t number = absl::ToUnixSeconds(clock_.Now()) + 1000;
  ASSERT_TRUE(store_
                  ->AddCrls({{key_.key_id,
                              number,
                              std::nullopt,
                              clock_.Now(),
                              clock_.Now() + kDay,
                              {0x30, 0x00}}},
                            {})
                  .ok());
  CrlSeries series(key_, *store_);
  Update(series);
  ASSERT_NE(series.full(), nullptr);
  EXPECT_GT(series.full()->number, number);
  EXPECT_THAT(SerialsOf(series.full()), ElementsAre(certificate.serial));
  clock_.Advance(kDay);
  Update(series);
  EXPECT_EQ(series.full()->this_update, clock_.Now());
}

TEST_P(CrlSeriesTest, GoesOnWithWhatIsStoredAfterARestart) {
  const Certificate certificate = IssueFrom(key_);
  Revoke(certificate);
  CrlSeries before(key_, *store_);
  Update(before);
  clock_.Advance(absl::Hours(1));
  CrlSeries after(key_, *store_);
  Update(after);
  EXPECT_EQ(after.full()->der, before.full()->der);
}

TEST_P(CrlSeriesTest, TwoServersOnOneDatabaseShareOneSeries) {
  const Certificate first = IssueFrom(key_);
  const Certificate second = IssueFrom(key_);
  CrlSeries here(key_, *store_);
  CrlSeries there(key_, *store_);
  Update(here);
  Update(there);
  EXPECT_EQ(here.full()->der, there.full()->der);
  clock_.Advance(absl::Minutes(1));
  Revoke(first);
  Update(there);
  EXPECT_THAT(SerialsOf(there.full()), ElementsAre(first.serial));
  // It sees the revocation, and that it is published.
  Update(here);
  EXPECT_EQ(here.full()->der, there.full()->der);
  clock_.Advance(absl::Minutes(1));
  Revoke(second);
  Update(here);
  Update(there);
  EXPECT_THAT(SerialsOf(there.full()),
              UnorderedElementsAre(first.serial, second.serial));
  EXPECT_EQ(here.full()->number, there.full()->number);
}

// A number that another server takes between our look and our commit.
TEST_P(CrlSeriesTest, WhoComesSecondTakesOver) {
  class Racing : public RevocationStore {
   public:
    Racing(RevocationStore& store, CrlSeries& rival, const Clock& clock)
        : store_(store), rival_(rival), clock_(clock) {}
    absl::StatusOr<std::vector<CertificateRecord>> Revoke(
        const RevokeOrder& order) override {
      return store_.Revoke(order);
    }
    absl::StatusOr<std::vector<RevokedCertificate>> ListRevoked(
        ByteView id, absl::Time now, std::optional<absl::Time> since) override {
      return store_.ListRevoked(id, now, since);
    }
    absl::StatusOr<StoredCrl> FindCrl(ByteView id, bool delta) override {
      return store_.FindCrl(id, delta);
    }
    absl::Status AddCrls(const std::vector<StoredCrl>& crls,
                         const AuditEntry& audit) override {
      if (races_-- > 0) {
        EXPECT_TRUE(rival_.Update(clock_.Now(), false).ok());
      }
      const absl::Status status = store_.AddCrls(crls, audit);
      statuses_.push_back(status.code());
      return status;
    }
    absl::StatusOr<std::optional<absl::Time>> LastExpiry(ByteView id) override {
      return store_.LastExpiry(id);
    }
    std::vector<absl::StatusCode> statuses_;

   private:
    RevocationStore& store_;
    CrlSeries& rival_;
    const Clock& clock_;
    int races_ = 1;
  };
  CrlSeries rival(key_, *store_);
  Racing racing(*store_, rival, clock_);
  CrlSeries series(key_, racing);
  Update(series);
  EXPECT_THAT(racing.statuses_, ElementsAre(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(series.full()->der, rival.full()->der);
}

TEST_P(CrlSeriesTest, KeepsTheOldOneWhenTheKeyDoesNotSign) {
  class Sleeping : public Signer {
   public:
    explicit Sleeping(std::shared_ptr<Signer> signer)
        : signer_(std::move(signer)) {}
    const Bytes& public_key_spki() const override {
      return signer_->public_key_spki();
    }
    SignatureAlgorithm algorithm() const override {
      return signer_->algorithm();
    }
    void Sign(SignatureAlgorithm algorithm, ByteView message,
              Done done) override {
      if (asleep) return done(absl::UnavailableError("the TPM is gone"));
      signer_->Sign(algorithm, message, std::move(done));
    }
    bool asleep = false;

   private:
    std::shared_ptr<Signer> signer_;
  };
  std::shared_ptr<Signer> awake = *SoftwareSigner::Generate();
  auto sleeping = std::make_shared<Sleeping>(awake);
  const Certificate ca =
      *CreateRootCertificate("Sleepy CA", *awake, clock_.Now(), 3650 * kDay);
  key_.authority = *CertificateAuthority::Create(ca, sleeping);
  key_.key_id = ca.subject_key_id;
  CrlSeries series(key_, *store_);
  Update(series);
  const auto before = series.full();
  clock_.Advance(2 * kDay);
  sleeping->asleep = true;
  EXPECT_THAT(
      std::string(series.Update(clock_.Now(), false).status().message()),
      HasSubstr("the TPM is gone"));
  EXPECT_EQ(series.full(), before);
  sleeping->asleep = false;
  Update(series);
  EXPECT_GT(series.full()->number, before->number);
}

TEST_P(CrlSeriesTest, SignsNoneThatNobodyWouldTake) {
  // Over.
  IssuingKey brief = MakeKey("Brief CA", absl::Hours(1));
  CrlSeries over(brief, *store_);
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(over.Update(clock_.Now(), false).status()));
  EXPECT_EQ(over.full(), nullptr);
  // RFC 5280 4.2.1.3: without cRLSign.
  std::shared_ptr<Signer> signer = *SoftwareSigner::Generate();
  Certificate unable =
      *CreateRootCertificate("Unable CA", *signer, clock_.Now(), kDay);
  unable.key_usage = kKeyCertSign;
  IssuingKey key = key_;
  key.authority = *CertificateAuthority::Create(unable, signer);
  CrlSeries refused(key, *store_);
  EXPECT_THAT(
      std::string(refused.Update(clock_.Now(), false).status().message()),
      HasSubstr("cRLSign"));
}

TEST_P(CrlSeriesTest, DeltasSayWhatHasChangedSinceTheirBase) {
  UseDeltas();
  const Certificate old = IssueFrom(key_);
  const Certificate fresh = IssueFrom(key_);
  Revoke(old);
  clock_.Advance(absl::Hours(1));
  CrlSeries series(key_, *store_);
  Update(series);
  const auto base = series.full();
  EXPECT_THAT(SerialsOf(base), ElementsAre(old.serial));
  // RFC 5280 5.2.6: the full one says where the deltas are.
  EXPECT_THAT(
      Read(base).contents.freshest_crl,
      ElementsAre(*DistributionPointAt({absl::StrCat(
          "http://pki.example.net", PathsOf("ca", key_.key_id).delta_crl)})));
  EXPECT_EQ(series.delta(), nullptr);
  clock_.Advance(absl::Seconds(1));
  Update(series);
  ASSERT_NE(series.delta(), nullptr);
  EXPECT_EQ(series.full(), base);
  EXPECT_EQ(*series.delta()->base_number, base->number);
  EXPECT_GT(series.delta()->number, base->number);

  clock_.Advance(absl::Minutes(30));
  Revoke(fresh, RevocationReason::kKeyCompromise);
  Update(series);
  EXPECT_THAT(SerialsOf(series.delta()), ElementsAre(fresh.serial));
  EXPECT_EQ(*series.delta()->base_number, base->number);
  const std::map<Bytes, RevocationReason> all = {
      {old.serial, RevocationReason::kUnspecified},
      {fresh.serial, RevocationReason::kKeyCompromise}};
  EXPECT_EQ(Combined(base, series.delta()), all);
  // Who comes now gets all of it at once.
  EXPECT_THAT(SerialsOf(series.full()),
              UnorderedElementsAre(old.serial, fresh.serial));
  ExpectTheSameOfOneMoment(series);

  const int64_t full_number = series.full()->number;
  clock_.Advance(absl::Hours(1));
  Update(series);
  EXPECT_EQ(series.full()->number, full_number);
  EXPECT_GT(series.delta()->number, full_number);
  EXPECT_EQ(series.delta()->this_update, clock_.Now());
  EXPECT_EQ(Combined(base, series.delta()), all);
  // And whoever came then can go on with deltas too.
  EXPECT_EQ(Combined(series.full(), series.delta()), all);
}

TEST_P(CrlSeriesTest, DeltasLiftAHold) {
  UseDeltas();
  const Certificate certificate = IssueFrom(key_);
  Revoke(certificate, RevocationReason::kCertificateHold);
  clock_.Advance(absl::Hours(1));
  CrlSeries series(key_, *store_);
  Update(series);
  const auto base = series.full();
  clock_.Advance(absl::Minutes(30));
  Release(certificate);
  Update(series);
  const Crl delta = Read(series.delta());
  ASSERT_EQ(delta.contents.entries.size(), 1u);
  EXPECT_EQ(delta.contents.entries[0].reason, RevocationReason::kRemoveFromCrl);
  ExpectTheSameOfOneMoment(series);
  EXPECT_THAT(Combined(base, series.delta()), IsEmpty());
  EXPECT_THAT(SerialsOf(series.full()), IsEmpty());
  // It stays on the deltas of this base, and is no reason for new CRLs.
  const int64_t number = series.delta()->number;
  clock_.Advance(absl::Minutes(1));
  Update(series);
  EXPECT_EQ(series.delta()->number, number);
}

// What is revoked or released between the reading of the full list and of the
// delta's is on neither, and on the next ones.
TEST_P(CrlSeriesTest, AFullCrlAndItsDeltaSayTheSameWhateverHappensBetween) {
  class Meanwhile : public RevocationStore {
   public:
    explicit Meanwhile(RevocationStore& store) : store_(store) {}
    absl::StatusOr<std::vector<CertificateRecord>> Revoke(
        const RevokeOrder& order) override {
      return store_.Revoke(order);
    }
    absl::StatusOr<std::vector<RevokedCertificate>> ListRevoked(
        ByteView id, absl::Time now, std::optional<absl::Time> since) override {
      auto listed = store_.ListRevoked(id, now, since);
      if (!since.has_value()) std::exchange(happens, [] {})();
      return listed;
    }
    absl::StatusOr<StoredCrl> FindCrl(ByteView id, bool delta) override {
      return store_.FindCrl(id, delta);
    }
    absl::Status AddCrls(const std::vector<StoredCrl>& crls,
                         const AuditEntry& audit) override {
      return store_.AddCrls(crls, audit);
    }
    absl::StatusOr<std::optional<absl::Time>> LastExpiry(ByteView id) override {
      return store_.LastExpiry(id);
    }
    std::function<void()> happens = [] {};

   private:
    RevocationStore& store_;
  };
  UseDeltas();
  const Certificate first = IssueFrom(key_);
  const Certificate late = IssueFrom(key_);
  const Certificate held = IssueFrom(key_);
  Meanwhile meanwhile(*store_);
  CrlSeries series(key_, meanwhile);
  Update(series);
  const auto base = series.full();
  clock_.Advance(absl::Minutes(30));
  Revoke(first);
  Revoke(held, RevocationReason::kCertificateHold);
  meanwhile.happens = [&] {
    Revoke(late, RevocationReason::kKeyCompromise);
    Release(held);
  };
  Update(series);
  const std::map<Bytes, RevocationReason> then = {
      {first.serial, RevocationReason::kUnspecified},
      {held.serial, RevocationReason::kCertificateHold}};
  EXPECT_EQ(Combined(base, series.delta()), then);
  EXPECT_THAT(SerialsOf(series.full()),
              UnorderedElementsAre(first.serial, held.serial));
  clock_.Advance(absl::Seconds(2));
  Update(series);
  const std::map<Bytes, RevocationReason> now = {
      {first.serial, RevocationReason::kUnspecified},
      {late.serial, RevocationReason::kKeyCompromise}};
  EXPECT_EQ(Combined(base, series.delta()), now);
  ExpectTheSameOfOneMoment(series);
}

// A delta builds on a CRL from the future, that a wrong clock made: it lists
// all that ever changed.
TEST_P(CrlSeriesTest, ADeltaFromABaseOfTheFutureLeavesNothingOut) {
  UseDeltas();
  clock_.Advance(30 * kDay);
  CrlSeries series(key_, *store_);
  Update(series);
  const auto base = series.full();
  clock_.Advance(-30 * kDay);
  const Certificate certificate = IssueFrom(key_);
  Revoke(certificate);
  clock_.Advance(absl::Hours(1));
  Update(series);
  EXPECT_EQ(*series.delta()->base_number, base->number);
  EXPECT_EQ(Combined(base, series.delta()).count(certificate.serial), 1u);
}

// Who holds the full CRL of the interval before need not load the new one.
TEST_P(CrlSeriesTest, DeltasServeTheFullCrlBeforeToo) {
  UseDeltas();
  CrlSeries series(key_, *store_);
  Update(series);
  const auto before = series.full();
  const Certificate certificate = IssueFrom(key_);
  clock_.Advance(absl::Minutes(30));
  Revoke(certificate);
  Update(series);
  clock_.Advance(kDay);
  Update(series);
  EXPECT_GT(series.full()->number, before->number);
  EXPECT_THAT(Combined(before, series.delta()),
              ElementsAre(std::make_pair(certificate.serial,
                                         RevocationReason::kUnspecified)));
  clock_.Advance(absl::Hours(1));
  Update(series);
  EXPECT_EQ(*series.delta()->base_number, series.full()->number)
      << "but not for ever";
}

// What it costs to find that nothing is to be done must not grow with the list.
TEST_P(CrlSeriesTest, AHundredThousandEntriesAreListedOnlyForANewFullCrl) {
  if (!on_sqlite()) GTEST_SKIP() << "its store is its own";
  constexpr int kMany = 100'000;
  class Many : public RevocationStore {
   public:
    absl::StatusOr<std::vector<CertificateRecord>> Revoke(
        const RevokeOrder&) override {
      return absl::UnimplementedError("");
    }
    absl::StatusOr<std::vector<RevokedCertificate>> ListRevoked(
        ByteView, absl::Time now, std::optional<absl::Time> since) override {
      std::vector<RevokedCertificate> all;
      if (since.has_value()) return all;
      ++full_lists;
      for (int i = 0; i < kMany; ++i) {
        RevokedCertificate one;
        one.serial =
            Bytes{0x40, static_cast<uint8_t>(i >> 16),
                  static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
        one.revocation.at = now - absl::Hours(1);
        one.revocation.reason = RevocationReason::kSuperseded;
        all.push_back(std::move(one));
      }
      return all;
    }
    absl::StatusOr<StoredCrl> FindCrl(ByteView, bool) override {
      if (stored.der.empty()) return absl::NotFoundError("none");
      return stored;
    }
    absl::Status AddCrls(const std::vector<StoredCrl>& crls,
                         const AuditEntry&) override {
      stored = crls.front();
      return absl::OkStatus();
    }
    absl::StatusOr<std::optional<absl::Time>> LastExpiry(ByteView) override {
      return std::nullopt;
    }
    int full_lists = 0;
    StoredCrl stored;
  };
  Many many;
  CrlSeries series(key_, many);
  Update(series);
  EXPECT_EQ(Read(series.full()).contents.entries.size(), size_t{kMany});
  for (int i = 0; i < 100; ++i) {
    clock_.Advance(absl::Seconds(5));
    Update(series);
  }
  CrlSeries restarted(key_, many);
  Update(restarted);
  EXPECT_EQ(many.full_lists, 1);
}

INSTANTIATE_ON_BOTH_ENGINES(CrlSeriesTest);

}  // namespace
}  // namespace bestow::server
