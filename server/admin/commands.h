// The commands of bestow-server, as functions from options to an exit code.
// They print results to `out` and problems, with the next step, to `err`.
#ifndef SERVER_ADMIN_COMMANDS_H_
#define SERVER_ADMIN_COMMANDS_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace bestow::server {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitState = 3,  // the state folder or the config
};

// The streams and the clock that every command uses.
struct Console {
  std::ostream& out;
  std::ostream& err;
  const Clock& clock;
};

// Prints "bestow-server: <message>" and returns `code`.
int Report(const Console& console, int code, const absl::Status& status);

struct InitFlags {
  std::string state_dir;
  std::string hostnames;  // separated by commas; "": those of --listen
  std::string listen;     // separated by commas
  std::string ca_name;
};
int InitCommand(const Console& console, const InitFlags& flags);

int AddUserCommand(const Console& console, const std::string& state_dir,
                   const std::string& name, const std::string& password_file,
                   bool replace);

// Prints the secret alone to `out`.
int AddSecretCommand(const Console& console, const std::string& state_dir,
                     const std::string& name, const std::string& valid_for);

int ListCommand(const Console& console, const std::string& state_dir,
                bool json);

}  // namespace bestow::server

#endif  // SERVER_ADMIN_COMMANDS_H_
