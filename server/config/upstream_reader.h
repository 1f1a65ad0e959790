// Reads [upstream] and [labels.NAME.upstream].
#ifndef SERVER_CONFIG_UPSTREAM_READER_H_
#define SERVER_CONFIG_UPSTREAM_READER_H_

#include <string>

#include "server/config/config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

// The keys of a connection in the current table: who and where, and whom to
// trust. False: there is no `url`, so it stays as it was. Complains of what is
// missing unless the url is "".
bool ReadUpstreamConnection(TomlReader& toml, const std::string& folder,
                            UpstreamConnection& connection);

// Of the service whose table is the current one, after the rest of it.
// `service.upstream` holds what it inherits; a `url` begins another connection,
// with a folder of its own, and without one the connection's keys can't be
// said. url = "" ends what is inherited.
void ReadUpstream(TomlReader& toml, ServiceConfig& service);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_UPSTREAM_READER_H_
