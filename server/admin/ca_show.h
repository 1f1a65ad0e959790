// `bestow-server ca list` and `ca show`.
#ifndef SERVER_ADMIN_CA_SHOW_H_
#define SERVER_ADMIN_CA_SHOW_H_

#include "server/admin/command.h"
#include "server/admin/console.h"

namespace bestow::server {

int CaListCommand(const Console& console, const CommandLine& line);
int CaShowCommand(const Console& console, const CommandLine& line);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CA_SHOW_H_
