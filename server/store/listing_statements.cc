#include "server/store/listing_statements.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr int64_t kSecondsOfDay = 24 * 60 * 60;
constexpr int kDaysOfIssuing = 30;

absl::Status CountCertificates(SqlConnection& database, absl::Time now,
                               Statistics& statistics) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT label,"
      " count(*) FILTER (WHERE revoked_at IS NULL AND not_after >= ?),"
      " count(*) FILTER (WHERE revoked_at IS NULL AND not_after < ?),"
      " count(*) FILTER (WHERE revoked_at IS NOT NULL),"
      " max(issued_at),"
      " count(*) FILTER (WHERE revoked_at IS NULL AND not_after >= ?"
      " AND not_after < ?),"
      " count(*) FILTER (WHERE revoked_at IS NULL AND not_after >= ?"
      " AND not_after < ?),"
      " count(*) FILTER (WHERE revoked_at IS NULL AND not_after >= ?"
      " AND not_after < ?),"
      " count(*) FILTER (WHERE revoked_at IS NULL AND not_after >= ?"
      " AND not_after < ?)"
      " FROM certificates GROUP BY label ORDER BY label");
  if (!query.ok()) return query.status();
  query->Bind(now).Bind(now);
  for (int days : {1, 7, 30, 90}) {
    query->Bind(now).Bind(now + days * absl::Hours(24));
  }
  return query->ForEachRow([&] {
    LabelStatistics label;
    label.label = query->Text(0);
    label.valid = query->Int(1);
    label.expired = query->Int(2);
    label.revoked = query->Int(3);
    label.last_issued_at = query->OptionalTime(4);
    label.ends_within_1_day = query->Int(5);
    label.ends_within_7_days = query->Int(6);
    label.ends_within_30_days = query->Int(7);
    label.ends_within_90_days = query->Int(8);
    statistics.labels.push_back(std::move(label));
    return absl::OkStatus();
  });
}

absl::Status CountDays(SqlConnection& database, absl::Time now,
                       Statistics& statistics) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT issued_at - issued_at % 86400 AS day, count(*) FROM certificates"
      " WHERE issued_at >= ? GROUP BY day ORDER BY day");
  if (!query.ok()) return query.status();
  const int64_t today = absl::ToUnixSeconds(now) / kSecondsOfDay;
  query->Bind((today - kDaysOfIssuing + 1) * kSecondsOfDay);
  return query->ForEachRow([&] {
    statistics.issued_by_day.emplace_back(query->Time(0), query->Int(1));
    return absl::OkStatus();
  });
}

absl::StatusOr<int64_t> Count(absl::StatusOr<SqlStatement> query) {
  if (!query.ok()) return query.status();
  absl::Status status = query->ExpectRow("count");
  if (!status.ok()) return status;
  return query->Int(0);
}

}  // namespace

absl::StatusOr<std::vector<Identity>> SelectIdentityPage(
    SqlConnection& database, const Page& page) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT id, name, password, is_ra, created_at FROM identities"
      " WHERE id > ? AND removed_at IS NULL ORDER BY id LIMIT ?");
  if (!query.ok()) return query.status();
  query->Bind(page.after_id).Bind(static_cast<int64_t>(page.limit));
  std::vector<Identity> identities;
  std::map<int64_t, size_t> place_of;
  absl::Status status = query->ForEachRow([&] {
    Identity identity;
    identity.id = query->Int(0);
    identity.name = query->Text(1);
    identity.password_hash = query->Text(2);
    identity.is_ra = query->Int(3) != 0;
    identity.created_at = query->Time(4);
    place_of[identity.id] = identities.size();
    identities.push_back(std::move(identity));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (identities.empty()) return identities;
  absl::StatusOr<SqlStatement> labels = database.Prepare(
      "SELECT identity_id, label FROM identity_labels"
      " WHERE identity_id > ? AND identity_id <= ?"
      " ORDER BY identity_id, label");
  if (!labels.ok()) return labels.status();
  status =
      labels->Bind(page.after_id).Bind(identities.back().id).ForEachRow([&] {
        const auto place = place_of.find(labels->Int(0));
        if (place != place_of.end()) {
          identities[place->second].labels.push_back(labels->Text(1));
        }
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return identities;
}

absl::StatusOr<std::vector<SecretListing>> SelectSecretPage(
    SqlConnection& database, const Page& page) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT s.id, i.name, s.created_at, s.expires_at, s.bound_at, c.serial"
      " FROM secrets s JOIN identities i ON i.id = s.identity_id"
      " LEFT JOIN certificates c ON c.id = s.certificate_id"
      " WHERE s.id > ? ORDER BY s.id LIMIT ?");
  if (!query.ok()) return query.status();
  query->Bind(page.after_id).Bind(static_cast<int64_t>(page.limit));
  std::vector<SecretListing> secrets;
  absl::Status status = query->ForEachRow([&] {
    SecretListing secret;
    secret.id = query->Int(0);
    secret.identity = query->Text(1);
    secret.created_at = query->Time(2);
    secret.expires_at = query->Time(3);
    secret.used_at = query->OptionalTime(4);
    if (!query->IsNull(5)) secret.serial = query->Blob(5);
    secrets.push_back(std::move(secret));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return secrets;
}

absl::StatusOr<std::vector<PreSharedKeyListing>> SelectPreSharedKeyPage(
    SqlConnection& database, const Page& page) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT k.id, k.key_identifier, i.name, k.created_at"
      " FROM pre_shared_keys k JOIN identities i ON i.id = k.identity_id"
      " WHERE k.id > ? ORDER BY k.id LIMIT ?");
  if (!query.ok()) return query.status();
  query->Bind(page.after_id).Bind(static_cast<int64_t>(page.limit));
  std::vector<PreSharedKeyListing> keys;
  absl::Status status = query->ForEachRow([&] {
    keys.push_back(
        {query->Int(0), query->Blob(1), query->Text(2), query->Time(3)});
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return keys;
}

absl::StatusOr<Statistics> SelectStatistics(SqlConnection& database,
                                            absl::Time now) {
  Statistics statistics;
  absl::Status status = CountCertificates(database, now, statistics);
  if (status.ok()) status = CountDays(database, now, statistics);
  if (!status.ok()) return status;
  const auto count = [&](const char* sql, bool bind_now, int64_t& into) {
    absl::StatusOr<SqlStatement> query = database.Prepare(sql);
    if (query.ok() && bind_now) query->Bind(now);
    absl::StatusOr<int64_t> value = Count(std::move(query));
    if (value.ok()) into = *value;
    return value.status();
  };
  status = count("SELECT count(*) FROM identities WHERE removed_at IS NULL",
                 false, statistics.identities);
  if (status.ok()) {
    status = count(
        "SELECT count(*) FROM pending_requests WHERE state = 'waiting'"
        " AND expires_at > ?",
        true, statistics.waiting_requests);
  }
  if (status.ok()) {
    status = count(
        "SELECT count(*) FROM secrets WHERE bound_at IS NULL"
        " AND expires_at > ?",
        true, statistics.usable_secrets);
  }
  if (!status.ok()) return status;
  return statistics;
}

}  // namespace bestow::server
