// Reads [http], [revocation] and [cas."..."].
#ifndef SERVER_CONFIG_REVOCATION_READER_H_
#define SERVER_CONFIG_REVOCATION_READER_H_

#include "server/config/revocation_config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// The current table is the top of the file.
void ReadHttp(TomlReader& toml, HttpConfig& http);
// NOT checked: whether any service uses a CA that is named.
void ReadRevocation(TomlReader& toml, RevocationSettings& settings);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_REVOCATION_READER_H_
