#include "server/store/open_store.h"

#include <utility>

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
      break;
  }
  return absl::UnimplementedError("this engine is not built in");
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
  absl::StatusOr<std::unique_ptr<SqlConnection>> writer =
      (*engine)->Connect(SqlEngine::Access::kWrite);
  if (!writer.ok()) return writer.status();
  absl::Status status =
      UpgradeSchema(**writer, options.engine == StoreOptions::Engine::kSqlite
                                  ? options.path
                                  : "the database of [store]");
  if (!status.ok()) return status;
  return std::make_unique<SqlStore>(*std::move(engine), *std::move(writer),
                                    options.max_queued, options.max_batch);
}

}  // namespace bestow::server
