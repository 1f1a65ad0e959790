// What a record costs among thirty thousand, and among a thousand. Counted
// in the pages that SQLite writes to its log, not timed: each of them goes to
// the disk twice.
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/bench/fleet.h"
#include "server/store/issuance_statements.h"
#include "server/store/open_store.h"
#include "server/store/sqlite_connection.h"

namespace bestow::server {
namespace {

constexpr int64_t kFew = 1000;
constexpr int64_t kMany = 30'000;
constexpr double kFrameOctets = 24 + 4096;  // a page in the log
// As many as two blocks of the indexes (certificate_blocks.h), which begin
// small and end full.
constexpr int64_t kRecords = 2048;

enum class Kind { kEnrollment, kRenewal };

// A store with so many records, and the fleet that is in it.
class Site {
 public:
  explicit Site(int64_t records) {
    std::string folder = testing::TempDir() + "/flat.XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    path_ = folder + "/bestow.db";
    EXPECT_TRUE(CreateStore({.path = path_}).ok());
    auto opened =
        SqliteConnection::Open(path_, SqliteConnection::Mode::kReadWrite);
    EXPECT_TRUE(opened.ok()) << opened.status();
    connection_ = *std::move(opened);
    // The number of pages is the same.
    absl::Status status = connection_->Execute("PRAGMA synchronous=OFF");
    if (status.ok()) status = fleet_.Issue(*connection_, records);
    EXPECT_TRUE(status.ok()) << status;
  }

  double PagesPerRecord(Kind kind, int64_t records_per_commit) {
    absl::Status status = InWriteTransaction(*connection_, [&] {
      return fleet_.AddDevices(*connection_, kRecords);
    });
    // So that the log does nothing but grow.
    if (status.ok()) {
      status = connection_->Execute(
          "PRAGMA wal_autocheckpoint=0; PRAGMA wal_checkpoint(TRUNCATE)");
    }
    const int64_t before = LogOctets();
    for (int64_t done = 0; status.ok() && done < kRecords;
         done += records_per_commit) {
      status = InWriteTransaction(*connection_, [&] {
        for (int64_t i = 0; i < records_per_commit; ++i) {
          absl::Status issued =
              InsertIssuance(*connection_, kind == Kind::kRenewal
                                               ? fleet_.Renew()
                                               : fleet_.Enroll())
                  .status();
          if (!issued.ok()) return issued;
        }
        return absl::OkStatus();
      });
    }
    EXPECT_TRUE(status.ok()) << status;
    return static_cast<double>(LogOctets() - before) / kFrameOctets / kRecords;
  }

 private:
  int64_t LogOctets() const {
    struct stat info;
    EXPECT_EQ(stat(absl::StrCat(path_, "-wal").c_str(), &info), 0);
    return info.st_size;
  }

  std::string path_;
  std::unique_ptr<SqliteConnection> connection_;
  Fleet fleet_;
};

// Thirty thousand records take seconds to make: once for all.
class FlatCostTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    few_ = std::make_unique<Site>(kFew);
    many_ = std::make_unique<Site>(kMany);
  }
  static void TearDownTestSuite() {
    few_.reset();
    many_.reset();
  }

  static void ExpectFlat(Kind kind, int64_t records_per_commit) {
    const double among_few = few_->PagesPerRecord(kind, records_per_commit);
    const double among_many = many_->PagesPerRecord(kind, records_per_commit);
    EXPECT_GT(among_few, 0.1);
    EXPECT_LE(among_many, 1.1 * among_few);
    EXPECT_GE(among_many, 0.9 * among_few);
    RecordProperty("pages_per_record_among_few", absl::StrCat(among_few));
    RecordProperty("pages_per_record_among_many", absl::StrCat(among_many));
  }

  static std::unique_ptr<Site> few_, many_;
};

std::unique_ptr<Site> FlatCostTest::few_;
std::unique_ptr<Site> FlatCostTest::many_;

TEST_F(FlatCostTest, FirstEnrollmentsInGroups) {
  ExpectFlat(Kind::kEnrollment, 128);
}

TEST_F(FlatCostTest, RenewalsInGroups) { ExpectFlat(Kind::kRenewal, 128); }

TEST_F(FlatCostTest, RenewalsOfALoneClient) { ExpectFlat(Kind::kRenewal, 1); }

TEST_F(FlatCostTest, FirstEnrollmentsOfALoneClient) {
  ExpectFlat(Kind::kEnrollment, 1);
}

}  // namespace
}  // namespace bestow::server
