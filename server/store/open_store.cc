#include "server/store/open_store.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/backup.h"
#include "server/store/postgres_connection.h"
#include "server/store/postgres_engine.h"
#include "server/store/schema.h"
#include "server/store/sql_store.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_engine.h"

namespace bestow::server {
namespace {

absl::StatusOr<std::unique_ptr<SqlEngine>> EngineOf(
    const StoreOptions& options) {
  switch (options.engine) {
    case StoreOptions::Engine::kSqlite:
      return std::make_unique<SqliteEngine>(options.path);
    case StoreOptions::Engine::kPostgresql:
      return std::make_unique<PostgresEngine>(
          PostgresOptions{options.connection, options.password_file});
  }
  return absl::InternalError("no such engine");
}

// For messages.
std::string NameOf(const StoreOptions& options) {
  return options.engine == StoreOptions::Engine::kSqlite
             ? options.path
             : "the database of [store]";
}

absl::Status PrepareSchema(SqlConnection& database,
                           const StoreOptions& options) {
  absl::StatusOr<int64_t> version = SchemaVersion(database);
  if (!version.ok()) return version.status();
  const bool is_older = *version > 0 && *version < kSchemaVersion;
  if (!is_older || options.older == StoreOptions::Older::kBringUp) {
    return UpgradeSchema(database, NameOf(options));
  }
  if (options.older == StoreOptions::Older::kLeave &&
      options.engine == StoreOptions::Engine::kSqlite) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      NameOf(options), " was written by an older bestow-server (schema ",
      *version, "; this one has ", kSchemaVersion,
      "): stop all servers of that version and start this one with "
      "`bestow-server run`, which brings it up; nothing was changed"));
}

}  // namespace

absl::Status CreateStore(const StoreOptions& options) {
  if (options.engine == StoreOptions::Engine::kSqlite) {
    absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
        SqliteConnection::Open(options.path, SqliteConnection::Mode::kCreate);
    if (!connection.ok()) return connection.status();
    return CreateSchema(**connection);
  }
  return OpenStore(options).status();
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const StoreOptions& options) {
  absl::StatusOr<std::unique_ptr<SqlEngine>> engine = EngineOf(options);
  if (!engine.ok()) return engine.status();
  absl::StatusOr<std::unique_ptr<SqlConnection>> upgrader =
      (*engine)->Connect(SqlEngine::Access::kUpgrade);
  if (!upgrader.ok()) return upgrader.status();
  absl::Status status = PrepareSchema(**upgrader, options);
  if (status.ok() && options.engine == StoreOptions::Engine::kSqlite &&
      options.write_ahead) {
    status = SetWriteAhead(**upgrader);
  }
  upgrader->reset();
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<SqlConnection>> writer =
      (*engine)->Connect(SqlEngine::Access::kWrite);
  if (!writer.ok()) return writer.status();
  return std::make_unique<SqlStore>(*std::move(engine), *std::move(writer),
                                    options.max_queued, options.max_batch);
}

absl::Status CheckStore(const StoreOptions& options) {
  if (options.engine == StoreOptions::Engine::kSqlite &&
      access(options.path.c_str(), R_OK | W_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.path, " can't be read and written"));
  }
  absl::StatusOr<std::unique_ptr<SqlEngine>> engine = EngineOf(options);
  if (!engine.ok()) return engine.status();
  absl::StatusOr<std::unique_ptr<SqlConnection>> connection =
      (*engine)->Connect(SqlEngine::Access::kWrite);
  if (!connection.ok()) return connection.status();
  return CheckSchema(**connection, NameOf(options)).status();
}

absl::Status ImportStore(const std::string& backup, const StoreOptions& into) {
  if (into.engine == StoreOptions::Engine::kSqlite &&
      access(into.path.c_str(), F_OK) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(into.path, " is there already: nothing was changed"));
  }
  absl::Status status = CreateStore(into);
  if (!status.ok()) return status;
  SqliteEngine from(backup);
  absl::StatusOr<std::unique_ptr<SqlEngine>> engine = EngineOf(into);
  if (!engine.ok()) return engine.status();
  absl::StatusOr<std::unique_ptr<SqlConnection>> source =
      from.Connect(SqlEngine::Access::kRead);
  if (!source.ok()) return source.status();
  absl::StatusOr<std::unique_ptr<SqlConnection>> target =
      (*engine)->Connect(SqlEngine::Access::kUpgrade);
  if (!target.ok()) return target.status();
  return CopyTables(**source, **target);
}

}  // namespace bestow::server
