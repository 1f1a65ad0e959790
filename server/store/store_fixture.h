// For tests: a store with a database of its own, on each engine.
#ifndef SERVER_STORE_STORE_FIXTURE_H_
#define SERVER_STORE_STORE_FIXTURE_H_

#include <unistd.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/store/open_store.h"
#include "server/store/postgres_engine.h"
#include "server/store/postgres_fixture.h"
#include "server/store/sqlite_engine.h"

namespace bestow::server {

using Engine = StoreOptions::Engine;

class EngineFixture : public testing::Test {
 protected:
  virtual Engine engine() const = 0;
  static constexpr absl::Duration kWindow = absl::Hours(24);
  static absl::Time Start() { return absl::FromUnixSeconds(1'800'000'000); }

  void SetUp() override {
    MakePlace();
    ASSERT_TRUE(CreateStore(options_).ok());
    Reopen({});
  }
  void TearDown() override { store_.reset(); }

  bool on_sqlite() const { return engine() == Engine::kSqlite; }

  // Where a store can be made; nothing is there yet.
  void MakePlace() {
    static int count = 0;
    options_.engine = engine();
    if (on_sqlite()) {
      options_.path = absl::StrCat(getenv("TEST_TMPDIR"), "/store", getpid(),
                                   "_", count++, ".db");
    } else {
      auto connection = PostgresServer::Shared().CreateDatabase();
      ASSERT_TRUE(connection.ok()) << connection.status();
      options_.connection = *connection;
    }
  }

  void Reopen(StoreOptions limits) {
    store_.reset();
    StoreOptions options = options_;
    options.max_queued = limits.max_queued;
    options.max_batch = limits.max_batch;
    auto store = OpenStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // A connection beside the store's.
  std::unique_ptr<SqlConnection> Connect() {
    absl::StatusOr<std::unique_ptr<SqlConnection>> connection =
        on_sqlite()
            ? SqliteEngine(options_.path).Connect(SqlEngine::Access::kWrite)
            : PostgresEngine({options_.connection, ""})
                  .Connect(SqlEngine::Access::kWrite);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }

  int64_t MakeIdentity(const std::string& name) {
    EXPECT_TRUE(store_->SetPassword(name, "hash", false, Start()).ok());
    return store_->FindIdentity(name)->id;
  }

  SecretRecord MakeSecret(const std::string& name, const std::string& hash) {
    EXPECT_TRUE(
        store_
            ->AddSecret(name, AsBytes(hash), Start(), Start() + absl::Hours(1))
            .ok());
    auto secret =
        store_->FindSecret(store_->FindIdentity(name)->id, AsBytes(hash));
    EXPECT_TRUE(secret.ok()) << secret.status();
    return *secret;
  }

  static Issuance MakeIssuance(int64_t identity_id, const std::string& serial,
                               const std::string& key) {
    Issuance issuance;
    issuance.record.serial = ToBytes(AsBytes(serial));
    issuance.record.identity_id = identity_id;
    issuance.record.operation = "simpleenroll";
    issuance.record.subject = "CN=a";
    issuance.record.not_before = Start();
    issuance.record.not_after = Start() + absl::Hours(1);
    issuance.record.issued_at = Start();
    issuance.record.key_sha256 = ToBytes(AsBytes(key));
    issuance.record.certificate = ToBytes(AsBytes("certificate " + serial));
    issuance.secret_retry_window = kWindow;
    return issuance;
  }

  absl::StatusOr<Issued> Issue(Issuance issuance) {
    std::promise<absl::StatusOr<Issued>> promise;
    store_->Issue(std::move(issuance), [&](absl::StatusOr<Issued> result) {
      promise.set_value(std::move(result));
    });
    return promise.get_future().get();
  }

  size_t CertificateCount() {
    size_t count = 0;
    EXPECT_TRUE(
        store_->ForEachCertificate([&](const CertificateRecord&) { ++count; })
            .ok());
    return count;
  }

  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

// The same tests on both engines: see INSTANTIATE_ON_BOTH_ENGINES.
class StoreFixture : public EngineFixture,
                     public testing::WithParamInterface<Engine> {
 protected:
  Engine engine() const override { return GetParam(); }
};

inline std::string EngineName(const testing::TestParamInfo<Engine>& info) {
  return info.param == Engine::kSqlite ? "Sqlite" : "Postgresql";
}

#define INSTANTIATE_ON_BOTH_ENGINES(Suite)                                   \
  INSTANTIATE_TEST_SUITE_P(                                                  \
      Engines, Suite, testing::Values(Engine::kSqlite, Engine::kPostgresql), \
      EngineName)

}  // namespace bestow::server

#endif  // SERVER_STORE_STORE_FIXTURE_H_
