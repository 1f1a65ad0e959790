// What [admin] says.
#ifndef SERVER_CONFIG_ADMIN_CONFIG_H_
#define SERVER_CONFIG_ADMIN_CONFIG_H_

#include <string>

namespace bestow::server {

// The socket by which the tool reaches the running server.
struct AdminConfig {
  std::string socket = "admin.sock";  // absolute, or below the state folder
  std::string group;  // whose members may use it beside root; "": nobody
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_ADMIN_CONFIG_H_
