#include "server/store/bench/load.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/crypto/public_key.h"

namespace bestow::server {
namespace {

constexpr size_t kCertificateBytes = 600;

std::string NameOf(int64_t number) { return absl::StrCat("gateway-", number); }

// Spread as random ones are.
Bytes HashOf(std::string_view kind, int64_t number) {
  const Sha256Digest digest = Sha256(AsBytes(absl::StrCat(kind, number)));
  return Bytes(digest.begin(), digest.end());
}

}  // namespace

absl::StatusOr<Load> Load::Create(Store& store) {
  const absl::Time now = absl::Now();
  for (int i = 0; i < kIdentities; ++i) {
    absl::Status status = store.AddIdentity(NameOf(i), {}, now);
    if (!status.ok()) return status;
  }
  absl::StatusOr<Identity> first = store.FindIdentity(NameOf(0));
  if (!first.ok()) return first.status();
  return Load(store, first->id);
}

Issuance Load::Next() {
  const int64_t number = made_++;
  const int64_t who = number % kIdentities;
  const absl::Time now = absl::Now();
  Issuance issuance;
  CertificateRecord& record = issuance.record;
  record.serial = HashOf("serial", number);
  record.serial.resize(17);
  record.identity_id = first_identity_ + who;
  record.identity = NameOf(who);
  record.operation = "simplereenroll";
  record.subject = absl::StrCat("CN=", record.identity);
  record.not_before = now;
  record.not_after = now + absl::Hours(24 * 30);
  record.issued_at = now;
  record.key_sha256 = HashOf("key", number);
  record.subject_key_id = record.key_sha256;
  record.subject_key_id.resize(20);
  record.issuer_key_id = Bytes(20, 7);
  record.certificate = Bytes(kCertificateBytes, static_cast<uint8_t>(number));
  issuance.audit = {now,
                    record.identity,
                    "192.0.2.7",
                    record.operation,
                    "issued",
                    "",
                    record.identity,
                    absl::StrCat(record.subject,
                                 " until 2026-12-21T12:00:00Z; "
                                 "by certificate; asked for ",
                                 record.subject, ", ec-p256"),
                    {}};
  return issuance;
}

absl::StatusOr<absl::Duration> Load::Run(int clients, int64_t records) {
  std::mutex mutex;
  std::condition_variable wake;
  int64_t begun = 0;
  int64_t ended = 0;
  absl::Status failure;
  // With the lock.
  std::function<void()> begin = [&] {
    Issuance issuance = Next();
    ++begun;
    store_->Issue(std::move(issuance), [&](absl::StatusOr<Issued> issued) {
      std::lock_guard<std::mutex> lock(mutex);
      ++ended;
      if (!issued.ok()) failure = issued.status();
      if (failure.ok() && begun < records) begin();
      if (ended == begun) wake.notify_one();
    });
  };
  const absl::Time start = absl::Now();
  std::unique_lock<std::mutex> lock(mutex);
  for (int i = 0; i < clients && begun < records; ++i) begin();
  wake.wait(lock, [&] { return ended == begun; });
  if (!failure.ok()) return failure;
  return absl::Now() - start;
}

}  // namespace bestow::server
