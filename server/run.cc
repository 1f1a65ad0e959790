#include "server/run.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/log/log.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/failpoint.h"
#include "common/net/event_loop.h"
#include "common/net/http_server.h"
#include "server/admin/run_lock.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/audit/serving_entry.h"
#include "server/ca/tls_chain.h"
#include "server/live_state.h"
#include "server/operators.h"
#include "server/server.h"
#include "server/upkeep.h"

namespace bestow::server {
namespace {

constexpr char kRun[] = R"(bestow-server run --state_dir=DIR

Serves EST (RFC 7030) until SIGTERM or SIGINT, which let requests under way
finish. SIGHUP loads the config, the CAs and the certificates again; when
something in them is wrong, the log says where and the old ones stay. Prints a
line "bestow-server: listening on https://..." for each listening socket when it
is ready, and logs to stderr. Sockets that systemd passes are used in place of
the config's.
)";

// Warns this long before a certificate of the server's own ends.
constexpr absl::Duration kWarnBefore = absl::Hours(24 * 60);

// The CA's key is in this process's memory: it must not come to a disk.
void ForbidCoreDumps() {
  const struct rlimit none = {0, 0};
  if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
    PLOG(WARNING) << "can't turn core dumps off";
  }
}

// A SIGHUP that comes before the loop takes signals would end the process. It
// waits, and is a reload then. Threads that are made while it is blocked leave
// it to those that are not.
void SetHangupBlocked(bool blocked) {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &hangup, nullptr);
}

void WarnWhenEnding(std::string_view what, const Certificate& certificate,
                    absl::Time now) {
  if (certificate.not_after - now > kWarnBefore) return;
  LOG(WARNING) << what << " ends at "
               << absl::FormatTime(certificate.not_after, absl::UTCTimeZone())
               << ": plan its replacement";
}

// Descriptors that close with their owner.
class ListeningSockets {
 public:
  ListeningSockets() = default;
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;
  ~ListeningSockets() {
    for (int fd : fds_) close(fd);
  }

  // Those that systemd passed, else those of the config.
  absl::Status OpenOrInherit(const std::vector<std::string>& addresses) {
    absl::StatusOr<std::vector<int>> inherited = InheritListeningSockets();
    if (!inherited.ok()) return inherited.status();
    fds_ = *std::move(inherited);
    return fds_.empty() ? Open(addresses) : absl::OkStatus();
  }

  absl::Status Open(const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses) {
      absl::StatusOr<int> fd = OpenListeningSocket(address);
      if (!fd.ok()) return fd.status();
      fds_.push_back(*fd);
    }
    return absl::OkStatus();
  }

  const std::vector<int>& fds() const { return fds_; }

 private:
  std::vector<int> fds_;
};

// Each line of a config's mistakes is a line of the log.
void LogLines(std::string_view text) {
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    LOG(ERROR) << line;
  }
}

void WarnOfEnds(const ServerState& state, absl::Time now) {
  for (const auto& [folder, ca] : state.materials.cas) {
    for (const Certificate& certificate : ca.chain) {
      WarnWhenEnding(absl::StrCat("in ", folder, ", the certificate of ",
                                  certificate.subject.ToText()),
                     certificate, now);
    }
  }
  // Else it is renewed long before, or whoever keeps it (UpstreamTls) warns.
  if (state.config.tls.from == TlsFrom::kUpstream) return;
  if (!state.config.tls.renew || FindIssuer(state.materials.tls_certificate,
                                            state.materials.cas) == nullptr) {
    WarnWhenEnding("the server's TLS certificate",
                   state.materials.tls_certificate, now);
  }
}

// What is on the disk now, or on a failure what has been served so far: for
// SIGHUP and operators. Thread-safe.
absl::StatusOr<std::vector<std::string>> Reload(LiveState& live, Server& server,
                                                const std::string& actor,
                                                absl::Time now) {
  absl::StatusOr<std::vector<std::string>> unchanged = live.Reload(actor);
  if (!unchanged.ok()) {
    LogLines(unchanged.status().message());
    LOG(ERROR) << "not reloaded: the server goes on with what it had";
    server.audit().Append({now,
                           actor,
                           "local",
                           "reload",
                           "failed",
                           "",
                           "",
                           std::string(unchanged.status().message()),
                           {}});
    return unchanged;
  }
  for (const std::string& setting : *unchanged) {
    LOG(WARNING) << setting << " changed: it takes effect at a restart";
  }
  WakeUpkeep(server.housekeeper());
  const std::shared_ptr<const ServerState> state = live.Get();
  WarnOfEnds(*state, now);
  LOG(INFO) << "reloaded: " << state->config.labels.size()
            << " labels beside the service without one";
  return unchanged;
}

}  // namespace

int RunCommand(const Console& console, const std::string& state_dir) {
  SetHangupBlocked(true);
  ForbidCoreDumps();
  signal(SIGPIPE, SIG_IGN);
  const StatePaths paths(state_dir);
  absl::StatusOr<ServerState> state = LoadState(paths);
  if (!state.ok()) return Report(console, kExitState, state.status());
  // First: no second server may touch what one works on.
  absl::StatusOr<RunLock> run_lock = RunLock::Take(paths);
  if (!run_lock.ok()) return Report(console, kExitState, run_lock.status());
  absl::StatusOr<std::unique_ptr<AdminListener>> admin_socket =
      OpenAdminSocket(paths, state->config);
  if (!admin_socket.ok()) {
    return Report(console, kExitState, admin_socket.status());
  }
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStateStore(paths, state->config, StoreOptions::Older::kBringUp);
  if (!store.ok()) return Report(console, kExitState, store.status());
  WarnOfEnds(*state, console.clock.Now());

  ListeningSockets sockets;
  absl::Status status = sockets.OpenOrInherit(state->config.listen);
  if (!status.ok()) return Report(console, kExitFailed, status);
  ListeningSockets public_sockets;
  status = public_sockets.Open(state->config.http.listen);
  if (!status.ok()) return Report(console, kExitFailed, status);
  absl::StatusOr<std::unique_ptr<EventLoop>> signals = EventLoop::Create();
  if (!signals.ok()) return Report(console, kExitFailed, signals.status());
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Create(
      *state, *std::move(store), sockets.fds(), console.clock,
      [](const std::string& line) { LOG(INFO) << line; }, public_sockets.fds());
  if (!server.ok()) return Report(console, kExitState, server.status());
  LiveState live(paths, *std::move(state),
                 [&](const ServerState& changed, const std::string& actor) {
                   return (*server)->Reload(changed, actor);
                 });
  AddUpkeep(paths, live, console.clock, **server);

  AdminHooks hooks;
  hooks.reload = [&](const std::string& actor) {
    return Reload(live, **server, actor, console.clock.Now());
  };
  absl::StatusOr<std::unique_ptr<AdminServer>> operators = ServeOperators(
      *std::move(admin_socket), paths, **server, console.clock, hooks,
      [](const std::string& line) { LOG(WARNING) << line; });
  if (!operators.ok()) return Report(console, kExitState, operators.status());

  const auto stop = [&] {
    LOG(INFO) << "stopping: requests under way may finish";
    (*server)->Stop();
  };
  const auto on_term = (*signals)->OnSignal(SIGTERM, stop);
  const auto on_int = (*signals)->OnSignal(SIGINT, stop);
  const auto on_hup = (*signals)->OnSignal(SIGHUP, [&] {
    // What came of it is in the log.
    (void)Reload(live, **server, kServerActor, console.clock.Now());
  });
  SetHangupBlocked(false);
  std::thread serving([&] {
    (*server)->Run();
    (*signals)->Stop();
  });
  for (int fd : sockets.fds()) {
    console.out << "bestow-server: listening on https://" << LocalAddress(fd)
                << std::endl;
  }
  for (int fd : public_sockets.fds()) {
    console.out << "bestow-server: listening on http://" << LocalAddress(fd)
                << std::endl;
  }
  Failpoint("server.listening");  // tests count from here
  (*signals)->Run();
  serving.join();
  operators->reset();
  (*server)->audit().Append({console.clock.Now(),
                             kServerActor,
                             "local",
                             "stop",
                             "done",
                             "",
                             "",
                             "",
                             {}});
  LOG(INFO) << "stopped";
  return kExitOk;
}

absl::Span<const Command> RunCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"run",
       "serve EST",
       kRun,
       {"state_dir"},
       "",
       [](const Console& console, const CommandLine& line) {
         return RunCommand(console, line.state_dir());
       }},
  };
  return *kCommands;
}

}  // namespace bestow::server
