// Reads [tls].
#ifndef SERVER_CONFIG_TLS_READER_H_
#define SERVER_CONFIG_TLS_READER_H_

#include "server/config/tls_config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// The current table is the top of the file.
void ReadTls(TomlReader& toml, TlsConfig& tls);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_TLS_READER_H_
