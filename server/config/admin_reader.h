// Reads [admin].
#ifndef SERVER_CONFIG_ADMIN_READER_H_
#define SERVER_CONFIG_ADMIN_READER_H_

#include "server/config/admin_config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// NOT checked: that the group is there.
void ReadAdmin(TomlReader& toml, AdminConfig& admin);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_ADMIN_READER_H_
