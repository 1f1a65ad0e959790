#include "server/audit/audit_check.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/audit_chain.h"
#include "server/store/store_fixture.h"

namespace bestow::server {
namespace {

class AuditCheckTest : public StoreFixture {
 protected:
  void Fill(int entries) {
    for (int i = 1; i <= entries; ++i) {
      AuditEntry entry;
      entry.at = Start() + absl::Milliseconds(i);
      entry.actor = "gateway-17";
      entry.source = "192.0.2.7";
      entry.action = "simpleenroll";
      entry.outcome = "refused";
      entry.detail = absl::StrCat("number ", i);
      store_->Append(entry);
    }
    ASSERT_TRUE(store_->AppendAndWait({}).ok());
  }

  // As somebody who writes to the database, past the triggers.
  void Tamper(const std::string& sql) {
    auto connection = Connect();
    for (const std::string& statement :
         {on_sqlite() ? std::string("DROP TRIGGER audit_log_update;"
                                    "DROP TRIGGER audit_log_delete")
                      : std::string("DROP TRIGGER IF EXISTS audit_log_change"
                                    " ON audit_log"),
          sql}) {
      const absl::Status status = connection->Execute(statement);
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  void ExpectBrokenAt(int64_t sequence, std::string_view why) {
    auto check = CheckAudit(*store_);
    ASSERT_TRUE(check.ok()) << check.status();
    ASSERT_TRUE(check->broken.has_value());
    EXPECT_EQ(check->broken->sequence, sequence);
    EXPECT_TRUE(absl::StrContains(check->broken->why, why))
        << check->broken->why;
    EXPECT_EQ(check->entries, sequence - 1);
  }
};

TEST_P(AuditCheckTest, AnEmptyLogIsWhole) {
  auto check = CheckAudit(*store_);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->entries, 0);
  EXPECT_EQ(check->hash, FirstAuditHash());
  EXPECT_FALSE(check->broken.has_value());
}

TEST_P(AuditCheckTest, WhatWasWrittenIsWholeOverManyPages) {
  Fill(2500);
  auto check = CheckAudit(*store_);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->entries, 2500);
  EXPECT_FALSE(check->broken.has_value());
  EXPECT_EQ(check->hash, store_->LastAudit()->hash);
}

TEST_P(AuditCheckTest, TheFirstEntryThatWasChangedIsNamed) {
  Fill(20);
  Tamper("UPDATE audit_log SET detail = 'number 7 ' WHERE sequence IN (7, 9)");
  ExpectBrokenAt(7, "its hash");
}

// Each field is in the hash, and where it ends.
TEST_P(AuditCheckTest, EveryFieldCounts) {
  for (const char* change :
       {"at_ms = at_ms + 1", "actor = 'gateway-18'", "source = '192.0.2.8'",
        "action = 'simplereenroll'", "outcome = 'issued'", "label = 'x'",
        "subject = 'x'", "serial = hash", "hash = serial",
        "actor = 'gateway-171', source = '92.0.2.7'"}) {
    SCOPED_TRACE(change);
    store_.reset();
    SetUp();
    Fill(3);
    Tamper(
        absl::StrCat("UPDATE audit_log SET ", change, " WHERE sequence = 2"));
    ExpectBrokenAt(2, "its hash");
  }
}

TEST_P(AuditCheckTest, AnEntryThatWasTakenOutIsNamed) {
  Fill(20);
  Tamper("DELETE FROM audit_log WHERE sequence = 5");
  ExpectBrokenAt(5, "missing");
}

TEST_P(AuditCheckTest, RenumberedEntriesAreNoticed) {
  Fill(6);
  Tamper(
      "DELETE FROM audit_log WHERE sequence = 3;"
      "UPDATE audit_log SET sequence = 3 WHERE sequence = 4;"
      "UPDATE audit_log SET sequence = 4 WHERE sequence = 5;"
      "UPDATE audit_log SET sequence = 5 WHERE sequence = 6");
  ExpectBrokenAt(3, "its hash");
}

INSTANTIATE_ON_BOTH_ENGINES(AuditCheckTest);

}  // namespace
}  // namespace bestow::server
