// Reads [tls] and [tls.upstream].
#ifndef SERVER_CONFIG_TLS_READER_H_
#define SERVER_CONFIG_TLS_READER_H_

#include "server/config/config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// The current table is the top of the file. After hostnames and the services,
// whose upstreams it may refer to.
void ReadTls(TomlReader& toml, Config& config);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_TLS_READER_H_
