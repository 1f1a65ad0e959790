// What [store] says.
#ifndef SERVER_CONFIG_STORE_CONFIG_H_
#define SERVER_CONFIG_STORE_CONFIG_H_

#include <string>

namespace bestow::server {

enum class StoreEngine { kSqlite, kPostgresql };

struct StoreConfig {
  StoreEngine engine = StoreEngine::kSqlite;
  // Of PostgreSQL: a libpq connection string, and where its password is, if it
  // needs one: a file, relative to the state folder, or the name of a file
  // below $CREDENTIALS_DIRECTORY. At most one of the two.
  std::string connection;
  std::string password_file;
  std::string password_credential;
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_STORE_CONFIG_H_
