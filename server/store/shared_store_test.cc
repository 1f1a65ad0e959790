// Two servers on one PostgreSQL: two stores, as two processes have them.
#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/audit_chain.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

class SharedStoreTest : public EngineFixture {
 protected:
  Engine engine() const override { return Engine::kPostgresql; }
  void SetUp() override {
    EngineFixture::SetUp();
    auto other = OpenStore(options_);
    ASSERT_TRUE(other.ok()) << other.status();
    other_ = *std::move(other);
  }
  void TearDown() override {
    other_.reset();
    EngineFixture::TearDown();
  }

  static absl::StatusOr<Issued> IssueBy(Store& store, Issuance issuance) {
    std::promise<absl::StatusOr<Issued>> promise;
    store.Issue(std::move(issuance), [&](absl::StatusOr<Issued> result) {
      promise.set_value(std::move(result));
    });
    return promise.get_future().get();
  }
  static absl::StatusOr<bool> UseNonce(Store& store, uint32_t nc) {
    std::promise<absl::StatusOr<bool>> promise;
    store.UseNonce({{1, 2, 3}, nc, Start(), Start() + absl::Minutes(5)},
                   [&](absl::StatusOr<bool> fresh) {
                     promise.set_value(std::move(fresh));
                   });
    return promise.get_future().get();
  }
  // Runs `work` on both stores at once.
  void OnBoth(const std::function<void(Store&, int)>& work) {
    std::thread first([&] { work(*store_, 0); });
    std::thread second([&] { work(*other_, 1); });
    first.join();
    second.join();
  }
  void ExpectOneChain() {
    Bytes previous = FirstAuditHash();
    int64_t last = 0;
    for (;;) {
      auto page = store_->ReadAudit(last, kMaxPage);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const AuditRecord& record : *page) {
        ASSERT_EQ(record.sequence, last + 1);
        ASSERT_EQ(record.hash, AuditHash(previous, record));
        last = record.sequence;
        previous = record.hash;
      }
      if (page->size() < kMaxPage) return;
    }
  }

  std::unique_ptr<Store> other_;
};

TEST_F(SharedStoreTest, ASecretServesOneKeyWhicheverServerSeesIt) {
  const int64_t id = MakeIdentity("a");
  for (int round = 0; round < 20; ++round) {
    const SecretRecord secret = MakeSecret("a", absl::StrCat("h", round));
    std::atomic<int> served{0}, refused{0};
    OnBoth([&](Store& store, int which) {
      const std::string name = absl::StrCat("s", round, ".", which);
      Issuance issuance = MakeIssuance(id, name, name);
      issuance.secret_id = secret.id;
      auto issued = IssueBy(store, issuance);
      if (issued.ok()) ++served;
      if (absl::IsPermissionDenied(issued.status())) ++refused;
    });
    EXPECT_EQ(served, 1);
    EXPECT_EQ(refused, 1);
  }
  EXPECT_EQ(CertificateCount(), 20u);
}

TEST_F(SharedStoreTest, ASecretGivesTheSameKeyTheSameCertificateAtBoth) {
  Issuance issuance = MakeIssuance(MakeIdentity("a"), "s1", "k1");
  issuance.secret_id = MakeSecret("a", "h").id;
  auto first = IssueBy(*store_, issuance);
  ASSERT_TRUE(first.ok()) << first.status();
  issuance.record.serial = {2};
  auto again = IssueBy(*other_, issuance);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->certificate, first->certificate);
}

TEST_F(SharedStoreTest, ASerialIsTakenOnce) {
  const int64_t id = MakeIdentity("a");
  std::atomic<int> issued{0}, taken{0};
  OnBoth([&](Store& store, int which) {
    for (int i = 0; i < 30; ++i) {
      const auto result = IssueBy(
          store,
          MakeIssuance(id, absl::StrCat("s", i), absl::StrCat("k", which)));
      if (result.ok()) ++issued;
      if (absl::IsAlreadyExists(result.status())) ++taken;
    }
  });
  EXPECT_EQ(issued, 30);
  EXPECT_EQ(taken, 30);
}

TEST_F(SharedStoreTest, ANonceCountIsGoodOnce) {
  std::atomic<int> fresh{0};
  OnBoth([&](Store& store, int) {
    for (uint32_t nc = 1; nc <= 30; ++nc) {
      const auto use = UseNonce(store, nc);
      EXPECT_TRUE(use.ok()) << use.status();
      if (use.ok() && *use) ++fresh;
    }
  });
  EXPECT_EQ(fresh, 30);
  EXPECT_FALSE(*UseNonce(*store_, 0));
  EXPECT_TRUE(*UseNonce(*other_, 31));
}

TEST_F(SharedStoreTest, ACrlNumberIsPublishedOnce) {
  std::atomic<int> published{0};
  OnBoth([&](Store& store, int) {
    for (int64_t number = 1; number <= 20; ++number) {
      if (store
              .AddCrls({{{1},
                         number,
                         std::nullopt,
                         Start(),
                         Start() + absl::Hours(1),
                         {2}}},
                       {})
              .ok()) {
        ++published;
      }
    }
  });
  EXPECT_LE(published, 20);
  EXPECT_EQ(store_->FindCrl(Bytes{1}, false)->number, 20);
}

TEST_F(SharedStoreTest, ARequestWaitsOnceAndIsApprovedEverywhere) {
  const int64_t id = MakeIdentity("a");
  const auto ask = [&](Store& store) {
    PendingRequest request;
    request.identity_id = id;
    request.identity = "a";
    request.operation = "simpleenroll";
    request.key_sha256 = {1};
    request.subject_der = {0x30, 0x00};
    request.created_at = Start();
    request.expires_at = Start() + absl::Hours(1);
    std::promise<absl::StatusOr<PendingRequest>> promise;
    store.FindOrAddPending(request, 10, [&](absl::StatusOr<PendingRequest> r) {
      promise.set_value(std::move(r));
    });
    return promise.get_future().get();
  };
  int64_t ids[2] = {0, -1};
  OnBoth([&](Store& store, int which) { ids[which] = ask(store)->id; });
  EXPECT_EQ(ids[0], ids[1]);
  ASSERT_TRUE(other_->DecidePending(ids[0], true, "", Start()).ok());
  EXPECT_EQ(ask(*store_)->state, PendingRequest::State::kApproved);
  std::atomic<int> fresh{0};
  OnBoth([&](Store& store, int which) {
    Issuance issuance = MakeIssuance(id, absl::StrCat("s", which), "");
    issuance.record.key_sha256 = {1};
    issuance.pending_id = ids[0];
    auto issued = IssueBy(store, issuance);
    EXPECT_TRUE(issued.ok()) << issued.status();
    if (issued.ok() && !issued->repeated) ++fresh;
  });
  EXPECT_EQ(fresh, 1);
}

TEST_F(SharedStoreTest, ARevocationCountsAtBothFromThatMoment) {
  const int64_t id = MakeIdentity("a");
  ASSERT_TRUE(IssueBy(*store_, MakeIssuance(id, "s1", "k")).ok());
  RevokeOrder order;
  order.serial = ToBytes(AsBytes("s1"));
  order.revocation.at = Start();
  ASSERT_TRUE(other_->Revoke(order).ok());
  EXPECT_TRUE(store_->FindCertificate(AsBytes("s1"))->revocation.has_value());
  Issuance renewal = MakeIssuance(id, "s2", "k");
  renewal.replaces_serial = order.serial;
  EXPECT_TRUE(absl::IsPermissionDenied(IssueBy(*store_, renewal).status()));
}

TEST_F(SharedStoreTest, TheAuditLogIsOneChain) {
  const int64_t id = MakeIdentity("a");
  OnBoth([&](Store& store, int which) {
    for (int i = 0; i < 50; ++i) {
      Issuance issuance =
          MakeIssuance(id, absl::StrCat(which, ".", i), absl::StrCat(i));
      issuance.audit.at = Start();
      issuance.audit.action = "simpleenroll";
      EXPECT_TRUE(IssueBy(store, issuance).ok());
    }
  });
  EXPECT_EQ(store_->LastAudit()->sequence, 100);
  ExpectOneChain();
}

// The database dies and comes back while both issue: what was acknowledged is
// there, a secret served one key, and both go on by themselves.
TEST(RestartTest, LosesNothingThatWasAcknowledged) {
  auto server = PostgresServer::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  StoreOptions options;
  options.engine = Engine::kPostgresql;
  options.connection = *(*server)->CreateDatabase();
  std::unique_ptr<Store> stores[2] = {*OpenStore(options), *OpenStore(options)};
  ASSERT_TRUE(stores[0]->AddIdentity("a", {}, absl::UnixEpoch()).ok());
  const int64_t id = stores[0]->FindIdentity("a")->id;

  std::atomic<bool> stop{false};
  std::atomic<int> good_since_restart{0};
  std::mutex mutex;
  std::set<std::string> acknowledged;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        const std::string serial = absl::StrCat(t, ".", i);
        Issuance issuance;
        issuance.record.serial = ToBytes(AsBytes(serial));
        issuance.record.identity_id = id;
        issuance.record.key_sha256 = ToBytes(AsBytes(serial));
        issuance.record.certificate = {1};
        issuance.audit.action = "simpleenroll";
        std::promise<absl::StatusOr<Issued>> promise;
        stores[t % 2]->Issue(issuance, [&](absl::StatusOr<Issued> result) {
          promise.set_value(std::move(result));
        });
        const absl::StatusOr<Issued> result = promise.get_future().get();
        if (!result.ok()) {
          EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
          continue;
        }
        ++good_since_restart;
        std::lock_guard<std::mutex> lock(mutex);
        acknowledged.insert(serial);
      }
    });
  }
  const auto wait_for = [&](int count) {
    while (good_since_restart < count) std::this_thread::yield();
  };
  for (int round = 0; round < 2; ++round) {
    wait_for(40);
    ASSERT_TRUE((*server)->Kill().ok());
    // Reads fail too, and say what to do.
    const absl::Status down = stores[0]->FindIdentity("a").status();
    EXPECT_TRUE(absl::IsUnavailable(down)) << down;
    ASSERT_TRUE((*server)->StartAgain().ok());
    good_since_restart = 0;
  }
  wait_for(40);
  stop = true;
  for (std::thread& thread : threads) thread.join();

  stores[0].reset();
  stores[1].reset();
  auto store = OpenStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  for (const std::string& serial : acknowledged) {
    EXPECT_TRUE((*store)->FindCertificate(AsBytes(serial)).ok()) << serial;
  }
  // As many records as entries, in one chain.
  size_t records = 0;
  ASSERT_TRUE(
      (*store)
          ->ForEachCertificate([&](const CertificateRecord&) { ++records; })
          .ok());
  EXPECT_EQ((*store)->LastAudit()->sequence, static_cast<int64_t>(records));
  EXPECT_GE(records, acknowledged.size());
}

// What would call a commit done too early is refused, with what to do.
TEST(DurabilityTest, RefusesADatabaseThatDoesNotSync) {
  StoreOptions options;
  options.engine = Engine::kPostgresql;
  options.connection = *PostgresServer::Shared().CreateDatabase();
  ASSERT_TRUE(OpenStore(options).ok());
  const std::string name =
      options.connection.substr(options.connection.rfind('=') + 1);
  ASSERT_TRUE(PostgresServer::Shared()
                  .Execute("postgres", "ALTER DATABASE " + name +
                                           " SET synchronous_commit = off")
                  .ok());
  const absl::Status refused = OpenStore(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "synchronous_commit"));
}

TEST(ConnectionTest, SaysWhatToDoAndNoPassword) {
  StoreOptions options;
  options.engine = Engine::kPostgresql;
  const std::string there = PostgresServer::Shared().ConnectionTo("postgres");
  const auto open = [&](const std::string& connection) {
    options.connection = connection;
    return OpenStore(options).status();
  };
  for (const char* bad : {"dbname=a password=open-sesame",
                          "postgresql://a:open-sesame@localhost/b",
                          "nonsense=open-sesame", "dbname='open-sesame"}) {
    const absl::Status status = open(bad);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "open-sesame")) << status;
  }
  const absl::Status no_database = open(absl::StrCat(there, "x"));
  EXPECT_TRUE(absl::IsFailedPrecondition(no_database)) << no_database;
  EXPECT_TRUE(absl::StrContains(no_database.message(), "createdb"));
  const absl::Status no_server = open("host=/nowhere dbname=bestow");
  EXPECT_TRUE(absl::IsUnavailable(no_server)) << no_server;
  EXPECT_TRUE(absl::StrContains(no_server.message(), "[store]"));
  options.password_file = "/nowhere/password";
  EXPECT_TRUE(absl::IsFailedPrecondition(open(there)));
}

}  // namespace
}  // namespace bestow::server
