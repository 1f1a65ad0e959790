#include "server/store/anchor_statements.h"

#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr char kAnchorsVersion[] = "anchors_version";

absl::Status CountChange(SqlConnection& database) {
  absl::StatusOr<int64_t> version = SelectAnchorsVersion(database);
  if (!version.ok()) return version.status();
  return UpsertSetting(database, kAnchorsVersion,
                       AsBytes(absl::StrCat(*version + 1)));
}

}  // namespace

absl::StatusOr<int64_t> InsertTrustAnchor(SqlConnection& database,
                                          const TrustAnchorRecord& anchor) {
  absl::StatusOr<SqlStatement> insert = database.Prepare(
      "INSERT INTO trust_anchors (label, name, certificate, added_at)"
      " VALUES (?, ?, ?, ?) RETURNING id");
  if (!insert.ok()) return insert.status();
  absl::StatusOr<int64_t> id =
      ReturnedId(insert->Bind(anchor.label)
                     .Bind(anchor.name)
                     .Bind(ByteView(anchor.certificate))
                     .Bind(anchor.added_at));
  if (absl::IsAlreadyExists(id.status())) {
    return absl::AlreadyExistsError(absl::StrCat(
        "the label has a trust anchor called ", anchor.name, " already"));
  }
  if (!id.ok()) return id.status();
  absl::Status status = CountChange(database);
  if (!status.ok()) return status;
  return id;
}

absl::Status DeleteTrustAnchor(SqlConnection& database, int64_t id) {
  absl::StatusOr<SqlStatement> remove =
      database.Prepare("DELETE FROM trust_anchors WHERE id = ? RETURNING id");
  if (!remove.ok()) return remove.status();
  absl::Status status = remove->Bind(id).ExpectRow("trust anchor");
  if (!status.ok()) return status;
  return CountChange(database);
}

absl::StatusOr<std::vector<TrustAnchorRecord>> SelectTrustAnchors(
    SqlConnection& database) {
  absl::StatusOr<SqlStatement> query = database.Prepare(
      "SELECT id, label, name, certificate, added_at FROM trust_anchors"
      " ORDER BY id");
  if (!query.ok()) return query.status();
  std::vector<TrustAnchorRecord> anchors;
  absl::Status status = query->ForEachRow([&] {
    anchors.push_back({query->Int(0), query->Text(1), query->Text(2),
                       query->Blob(3), query->Time(4)});
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return anchors;
}

absl::StatusOr<int64_t> SelectAnchorsVersion(SqlConnection& database) {
  absl::StatusOr<Bytes> text = SelectSetting(database, kAnchorsVersion);
  if (absl::IsNotFound(text.status())) return 0;
  if (!text.ok()) return text.status();
  int64_t version = 0;
  if (!absl::SimpleAtoi(AsText(*text), &version)) {
    return absl::InternalError("database: the setting anchors_version is bad");
  }
  return version;
}

absl::StatusOr<Bytes> SelectSetting(SqlConnection& database,
                                    const std::string& name) {
  absl::StatusOr<SqlStatement> query =
      database.Prepare("SELECT value FROM settings WHERE name = ?");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(name).ExpectRow("setting");
  if (!status.ok()) return status;
  return query->Blob(0);
}

absl::Status UpsertSetting(SqlConnection& database, const std::string& name,
                           ByteView value) {
  absl::StatusOr<SqlStatement> upsert = database.Prepare(
      "INSERT INTO settings (name, value) VALUES (?, ?)"
      " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
  if (!upsert.ok()) return upsert.status();
  return upsert->Bind(name).Bind(value).Run();
}

}  // namespace bestow::server
