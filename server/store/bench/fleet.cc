#include "server/store/bench/fleet.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "server/ca/sign_certificate.h"
#include "server/store/identity_statements.h"
#include "server/store/issuance_statements.h"

namespace bestow::server {
namespace {

constexpr size_t kCertificateBytes = 600;
constexpr absl::Duration kLifetime = absl::Hours(24 * 30);
// Two thousand records a second.
constexpr absl::Duration kTick = absl::Microseconds(500);
constexpr int64_t kRecordsPerTransaction = 1000;

std::string NameOf(size_t device) { return absl::StrCat("gateway-", device); }

}  // namespace

size_t Fleet::Any(size_t count) {
  CHECK_GT(count, 0u);
  return std::uniform_int_distribution<size_t>(0, count - 1)(random_);
}

absl::Status Fleet::AddDevices(SqlConnection& database, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = NameOf(devices_.size());
    Device device;
    absl::StatusOr<int64_t> identity = UpsertIdentity(database, name, {}, now_);
    if (!identity.ok()) return identity.status();
    device.identity_id = *identity;
    absl::StatusOr<int64_t> secret = InsertSecret(
        database, *identity, Sha256(AsBytes(absl::StrCat("secret of ", name))),
        now_, now_ + absl::Hours(24));
    if (!secret.ok()) return secret.status();
    device.secret_id = *secret;
    waiting_.push_back(devices_.size());
    devices_.push_back(std::move(device));
  }
  return absl::OkStatus();
}

Issuance Fleet::MakeIssuance(size_t device, const std::string& operation) {
  now_ += kTick;
  Issuance issuance;
  CertificateRecord& record = issuance.record;
  record.serial = TimeOrderedSerial(now_);
  record.identity_id = devices_[device].identity_id;
  record.identity = NameOf(device);
  record.operation = operation;
  record.subject = absl::StrCat("CN=", record.identity);
  record.not_before = now_;
  record.not_after = now_ + kLifetime;
  record.issued_at = now_;
  const Sha256Digest key = Sha256(record.serial);
  record.key_sha256 = Bytes(key.begin(), key.end());
  record.subject_key_id = Bytes(key.begin(), key.begin() + 20);
  record.issuer_key_id = Bytes(20, 7);
  record.certificate =
      Bytes(kCertificateBytes, static_cast<uint8_t>(record.key_sha256[0]));
  issuance.secret_retry_window = absl::Hours(24);
  issuance.audit = {now_,
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

Issuance Fleet::Enroll() {
  std::swap(waiting_[Any(waiting_.size())], waiting_.back());
  const size_t device = waiting_.back();
  waiting_.pop_back();
  enrolled_.push_back(device);
  Issuance issuance = MakeIssuance(device, "simpleenroll");
  issuance.secret_id = devices_[device].secret_id;
  devices_[device].serial = issuance.record.serial;
  return issuance;
}

Issuance Fleet::Renew() {
  const size_t device = enrolled_[Any(enrolled_.size())];
  Issuance issuance = MakeIssuance(device, "simplereenroll");
  issuance.replaces_serial =
      std::exchange(devices_[device].serial, issuance.record.serial);
  return issuance;
}

absl::Status Fleet::Issue(SqlConnection& database, int64_t records) {
  for (int64_t left = records; left > 0; left -= kRecordsPerTransaction) {
    const int64_t now = std::min(left, kRecordsPerTransaction);
    absl::Status status = InWriteTransaction(database, [&]() -> absl::Status {
      absl::Status added = AddDevices(database, (now + 1) / 2);
      if (!added.ok()) return added;
      for (int64_t i = 0; i < now; ++i) {
        absl::StatusOr<Issued> issued =
            InsertIssuance(database, i % 2 == 0 ? Enroll() : Renew());
        if (!issued.ok()) return issued.status();
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace bestow::server
