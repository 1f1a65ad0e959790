#include "agent/control/commands.h"

#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/control/control_server.h"
#include "agent/credentials/state_folder.h"
#include "agent/exit_code.h"
#include "agent/status/device_status.h"
#include "agent/status/off_switch.h"
#include "agent/status/present.h"
#include "common/net/unix_call.h"
#include "common/net/unix_socket.h"

namespace bestow::agent {
namespace {

// An RSA key takes a chip half a minute, and a server may be slow.
constexpr absl::Duration kRenewPatience = absl::Minutes(10);
// A daemon that does not answer hangs.
constexpr absl::Duration kPatience = absl::Seconds(10);

int Complain(std::string_view why, int exit_code) {
  std::fprintf(stderr, "bestow-agent: %.*s\n", static_cast<int>(why.size()),
               why.data());
  return exit_code;
}

// kNotFound: no daemon runs.
absl::StatusOr<HttpResponse> AskDaemon(const Config& config,
                                       const ControlCommand& command) {
  auto fd = ConnectUnix(ControlSocketPath(config.state_dir), "agent");
  if (!fd.ok()) return fd.status();
  HttpRequest request;
  request.method = command.verb == "status" ? "GET" : "POST";
  request.target = absl::StrCat("/", command.verb);
  if (!command.identity.empty()) {
    absl::StrAppend(&request.target, "?identity=", command.identity);
  }
  request.headers = {
      {"Accept", command.json ? "application/json" : "text/plain"},
      {"Connection", "close"}};
  auto response = CallUnix(
      *fd, std::move(request),
      {.patience = command.verb == "renew" ? kRenewPatience : kPatience});
  if (absl::IsPermissionDenied(response.status())) {
    return absl::PermissionDeniedError(
        "the running agent hung up: it ends, or you are neither root nor its "
        "own "
        "user");
  }
  if (absl::IsUnavailable(response.status())) {
    return absl::UnavailableError(
        absl::StrCat("the running agent does not answer (",
                     response.status().message(), ")"));
  }
  return response;
}

int Print(const HttpResponse& response) {
  if (response.status != 200) {
    return Complain(response.body,
                    response.status == 404 ? kExitUsage : kExitFailed);
  }
  std::fputs(response.body.c_str(), stdout);
  int code = kExitFailed;
  auto header = FindHeader(response.headers, "Exit-Code");
  if (header && !absl::SimpleAtoi(*header, &code)) code = kExitFailed;
  return code;
}

std::vector<const IdentityConfig*> Chosen(const Config& config,
                                          const std::string& name) {
  std::vector<const IdentityConfig*> chosen;
  for (const IdentityConfig& identity : config.identities) {
    if (name.empty() || identity.name == name) chosen.push_back(&identity);
  }
  return chosen;
}

int StatusFromFolder(const Config& config, const ControlCommand& command) {
  std::vector<DeviceStatus> all;
  for (const IdentityConfig* identity : Chosen(config, command.identity)) {
    all.push_back(GatherStatus(config, *identity, absl::Now()));
  }
  std::fputs(Present(all, !command.identity.empty(), command.json).c_str(),
             stdout);
  return AllValid(all) ? kExitOk : kExitFailed;
}

// The off switch of an agent that does not run: it finds it when it starts.
int PauseInFolder(const Config& config, const ControlCommand& command) {
  const bool paused = command.verb == "pause";
  auto state = StateFolder::Open(config.state_dir);
  if (!state.ok()) {
    return Complain(state.status().message(), kExitConfigOrState);
  }
  for (const IdentityConfig* identity : Chosen(config, command.identity)) {
    auto folder = (*state)->IdentityFolder(identity->name);
    const absl::Status status =
        folder.ok() ? SetPaused(*folder, paused) : folder.status();
    if (!status.ok()) return Complain(status.message(), kExitConfigOrState);
    std::printf("%s: %s; the agent is not running\n", identity->name.c_str(),
                paused ? "paused" : "resumed");
  }
  return kExitOk;
}

}  // namespace

int RunControlCommand(const Config& config, const ControlCommand& command) {
  if (Chosen(config, command.identity).empty()) {
    return Complain(FindIdentity(config, command.identity).status().message(),
                    kExitUsage);
  }
  auto response = AskDaemon(config, command);
  if (response.ok()) return Print(*response);
  if (command.verb == "status") {
    // What is on the disk is true, whoever can't be asked.
    if (!absl::IsNotFound(response.status())) {
      Complain(response.status().message(), kExitFailed);
    }
    return StatusFromFolder(config, command);
  }
  if (!absl::IsNotFound(response.status())) {
    return Complain(response.status().message(), kExitFailed);
  }
  if (command.verb == "renew") {
    return Complain(
        "the agent is not running, and renews when it is started and a renewal "
        "is due (bestow-agent run)",
        kExitFailed);
  }
  return PauseInFolder(config, command);
}

}  // namespace bestow::agent
