// A backup of either engine goes into either.
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/store/database_dump.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

class BackupTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    static int count = 0;
    file_ = absl::StrCat(getenv("TEST_TMPDIR"), "/backup", getpid(), "_",
                         count++, ".db");
    const int64_t id = MakeIdentity("Gerät 7");
    ASSERT_TRUE(store_->AddIdentity("ra", {{"", "plant"}, true}, Start()).ok());
    Issuance first = MakeIssuance(id, "s1", "k1");
    first.secret_id = MakeSecret("Gerät 7", "h").id;
    first.audit.action = "simpleenroll";
    ASSERT_TRUE(Issue(first).ok());
    Issuance renewal = MakeIssuance(id, "s2", "k2");
    renewal.replaces_serial = ToBytes(AsBytes("s1"));
    ASSERT_TRUE(Issue(renewal).ok());
    RevokeOrder order;
    order.serial = renewal.record.serial;
    order.revocation.at = Start();
    order.audit.action = "revoke";
    ASSERT_TRUE(store_->Revoke(order).ok());
    ASSERT_TRUE(store_
                    ->AddCrls({{{1},
                                1,
                                std::nullopt,
                                Start(),
                                Start() + absl::Hours(1),
                                {0, 255}}},
                              {})
                    .ok());
    ASSERT_TRUE(store_->SetSetting("a", AsBytes("b"), {}).ok());
    ASSERT_TRUE(store_->AddTrustAnchor({0, "", "acme", {3}, Start()}, {}).ok());
  }

  std::string file_;
};

TEST_P(BackupTest, GoesIntoEitherEngineAndIsTheSameThere) {
  ASSERT_TRUE(store_->BackupTo(file_).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->BackupTo(file_)));
  auto dump = DumpDatabase(file_);
  ASSERT_TRUE(dump.ok()) << dump.status();
  for (Engine engine : {Engine::kSqlite, Engine::kPostgresql}) {
    StoreOptions into;
    into.engine = engine;
    into.path = file_ + ".into";
    if (engine == Engine::kPostgresql) {
      into.connection = *PostgresServer::Shared().CreateDatabase();
    }
    absl::Status status = ImportStore(file_, into);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(absl::IsFailedPrecondition(ImportStore(file_, into)));
    auto restored = OpenStore(into);
    ASSERT_TRUE(restored.ok()) << restored.status();
    const std::string again =
        absl::StrCat(file_, ".", static_cast<int>(engine));
    ASSERT_TRUE((*restored)->BackupTo(again).ok());
    EXPECT_EQ(*DumpDatabase(again), *dump);
    // It goes on: new rows have new ids.
    EXPECT_TRUE((*restored)->AddIdentity("new", {}, Start()).ok());
    EXPECT_TRUE((*restored)->AppendAndWait({.action = "a"}).ok());
    EXPECT_EQ((*restored)->LastAudit()->sequence,
              store_->LastAudit()->sequence + 1);
  }
}

INSTANTIATE_ON_BOTH_ENGINES(BackupTest);

}  // namespace
}  // namespace bestow::server
