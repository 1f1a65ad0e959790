#include "common/tpm/testing/swtpm.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace bestow {
namespace {

constexpr absl::Duration kStartBound = absl::Seconds(2);

// True when something accepts on the Unix socket.
bool Accepts(const std::string& path) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un address;
  std::memset(&address, 0, sizeof(address));
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  bool up =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return up;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Swtpm>> Swtpm::Start() {
  char folder[] = "/tmp/bestow-swtpm-XXXXXX";
  if (mkdtemp(folder) == nullptr) {
    return absl::ErrnoToStatus(errno, "can't make a folder for swtpm");
  }
  auto swtpm = std::unique_ptr<Swtpm>(new Swtpm(folder));
  if (absl::Status s = swtpm->Resume(); !s.ok()) return s;
  return swtpm;
}

absl::Status Swtpm::Resume() {
  Stop();
  const std::string socket = absl::StrCat(folder_, "/tpm");
  const std::string state = absl::StrCat("dir=", folder_);
  const std::string server = absl::StrCat("type=unixio,path=", socket);
  const std::string control =
      absl::StrCat("type=unixio,path=", socket, ".ctrl");
  const char* const argv[] = {"swtpm",
                              "socket",
                              "--tpm2",
                              "--tpmstate",
                              state.c_str(),
                              "--server",
                              server.c_str(),
                              "--ctrl",
                              control.c_str(),
                              "--flags",
                              "not-need-init,startup-clear",
                              nullptr};
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) return absl::ErrnoToStatus(errno, "can't fork for swtpm");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    execvp(argv[0], const_cast<char* const*>(argv));
    _exit(127);
  }
  const absl::Time deadline = absl::Now() + kStartBound;
  // It makes one socket after the other.
  while (!Accepts(absl::StrCat(socket, ".ctrl")) || !Accepts(socket)) {
    int wait_status;
    if (waitpid(pid_, &wait_status, WNOHANG) == pid_) {
      pid_ = -1;
      return absl::UnavailableError("swtpm ended at once (is it installed?)");
    }
    if (absl::Now() > deadline) {
      return absl::UnavailableError("swtpm does not answer");
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

void Swtpm::Stop() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Swtpm::~Swtpm() {
  Stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Swtpm::tcti() const {
  return absl::StrCat("swtpm:path=", folder_, "/tpm");
}

}  // namespace bestow
