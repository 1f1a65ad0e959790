// For tests: a store on a file of its own.
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

namespace bestow::server {

class StoreFixture : public testing::Test {
 protected:
  static constexpr absl::Duration kWindow = absl::Hours(24);
  static absl::Time Start() { return absl::FromUnixSeconds(1'800'000'000); }

  void SetUp() override {
    MakePath();
    ASSERT_TRUE(CreateStore({.path = path_}).ok());
    Reopen({});
  }
  void MakePath() {
    static int count = 0;
    path_ = absl::StrCat(getenv("TEST_TMPDIR"), "/store", getpid(), "_",
                         count++, ".db");
  }
  void TearDown() override { store_.reset(); }

  void Reopen(StoreOptions options) {
    store_.reset();
    options.path = path_;
    auto store = OpenStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
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

  std::string path_;
  std::unique_ptr<Store> store_;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_STORE_FIXTURE_H_
