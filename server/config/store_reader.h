// Reads [store].
#ifndef SERVER_CONFIG_STORE_READER_H_
#define SERVER_CONFIG_STORE_READER_H_

#include "server/config/store_config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// The current table is the top of the file. NOT checked: that the database is
// there, all that libpq knows of connections.
void ReadStore(TomlReader& toml, StoreConfig& config);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_STORE_READER_H_
