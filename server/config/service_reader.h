// The tables of one service: without a label, or one label's.
#ifndef SERVER_CONFIG_SERVICE_READER_H_
#define SERVER_CONFIG_SERVICE_READER_H_

#include "server/config/config.h"
#include "server/config/profile_reader.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// Reads what the current table and those in it say over what `service` says
// already: a key that is not there leaves its value. Mistakes go to `toml`.
void ReadService(TomlReader& toml, const NamedProfiles& profiles,
                 ServiceConfig& service);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_SERVICE_READER_H_
