#include "common/tpm/testing/fault_proxy.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

// TPM 2.0 Part 3, 5.2: tag, size, command code or response code.
constexpr size_t kHeaderBytes = 10;
constexpr size_t kMaxMessageBytes = 64 * 1024;
constexpr uint16_t kNoSessions = 0x8001;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address;
  std::memset(&address, 0, sizeof(address));
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

int Listen(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path);
  if (fd >= 0 && (bind(fd, reinterpret_cast<const sockaddr*>(&address),
                       sizeof(address)) != 0 ||
                  listen(fd, 8) != 0)) {
    close(fd);
    return -1;
  }
  return fd;
}

int Connect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

bool SendAll(int fd, const std::string& octets) {
  size_t sent = 0;
  while (sent < octets.size()) {
    const ssize_t size =
        send(fd, octets.data() + sent, octets.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return false;
    sent += static_cast<size_t>(size);
  }
  return true;
}

uint32_t Get32(const std::string& in, size_t at) {
  uint32_t out = 0;
  for (size_t i = at; i < at + 4; ++i) {
    out = out << 8 | static_cast<uint8_t>(in[i]);
  }
  return out;
}

void Put32(std::string* out, uint32_t value) {
  for (int shift : {24, 16, 8, 0}) {
    out->push_back(static_cast<char>(value >> shift & 0xFF));
  }
}

std::string ErrorResponse(uint32_t code) {
  std::string out;
  out.push_back(static_cast<char>(kNoSessions >> 8));
  out.push_back(static_cast<char>(kNoSessions & 0xFF));
  Put32(&out, kHeaderBytes);
  Put32(&out, code);
  return out;
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  const int fd_;
};

// One whole command or response; empty at the end of the connection.
template <typename Wait>
std::string ReadMessage(int fd, const Wait& wait) {
  std::string out;
  size_t wanted = kHeaderBytes;
  while (out.size() < wanted) {
    if (!wait(fd)) return "";
    char buffer[4096];
    const ssize_t size =
        recv(fd, buffer, std::min(sizeof(buffer), wanted - out.size()), 0);
    if (size <= 0) return "";
    out.append(buffer, static_cast<size_t>(size));
    if (out.size() == kHeaderBytes) {
      wanted = Get32(out, 2);
      if (wanted < kHeaderBytes || wanted > kMaxMessageBytes) return "";
    }
  }
  return out;
}

}  // namespace

FaultProxy::FaultProxy(std::string folder) : folder_(std::move(folder)) {}

absl::StatusOr<std::unique_ptr<FaultProxy>> FaultProxy::Start(
    std::string folder) {
  // The TSS writes to a connection that has ended; the programs do so too.
  signal(SIGPIPE, SIG_IGN);
  auto proxy = std::unique_ptr<FaultProxy>(new FaultProxy(std::move(folder)));
  const std::string path = absl::StrCat(proxy->folder_, "/proxy");
  proxy->stop_fd_ = eventfd(0, EFD_CLOEXEC);
  proxy->command_listener_ = Listen(path);
  proxy->control_listener_ = Listen(absl::StrCat(path, ".ctrl"));
  if (proxy->stop_fd_ < 0 || proxy->command_listener_ < 0 ||
      proxy->control_listener_ < 0) {
    return absl::ErrnoToStatus(errno, "can't listen in front of swtpm");
  }
  proxy->threads_.emplace_back([p = proxy.get()] { p->ServeCommands(); });
  proxy->threads_.emplace_back([p = proxy.get()] { p->ServeControl(); });
  return proxy;
}

FaultProxy::~FaultProxy() {
  const uint64_t one = 1;
  if (stop_fd_ >= 0 && write(stop_fd_, &one, sizeof(one)) < 0) abort();
  for (std::thread& thread : threads_) thread.join();
  for (int fd : {command_listener_, control_listener_, stop_fd_}) {
    if (fd >= 0) close(fd);
  }
  const std::string path = absl::StrCat(folder_, "/proxy");
  unlink(path.c_str());
  unlink(absl::StrCat(path, ".ctrl").c_str());
}

std::string FaultProxy::tcti() const {
  return absl::StrCat("swtpm:path=", folder_, "/proxy");
}

void FaultProxy::Inject(TpmFault fault) {
  absl::MutexLock lock(&mutex_);
  faults_.push_back(fault);
}

void FaultProxy::Mend() {
  absl::MutexLock lock(&mutex_);
  faults_.clear();
}

void FaultProxy::Vanish() {
  absl::MutexLock lock(&mutex_);
  vanished_ = true;
}

void FaultProxy::Return() {
  absl::MutexLock lock(&mutex_);
  vanished_ = false;
}

bool FaultProxy::vanished() const {
  absl::MutexLock lock(&mutex_);
  return vanished_;
}

std::vector<uint32_t> FaultProxy::commands() const {
  absl::MutexLock lock(&mutex_);
  return commands_;
}

std::string FaultProxy::traffic() const {
  absl::MutexLock lock(&mutex_);
  return traffic_;
}

void FaultProxy::Forget() {
  absl::MutexLock lock(&mutex_);
  commands_.clear();
  traffic_.clear();
}

void FaultProxy::Note(const std::string& octets) {
  absl::MutexLock lock(&mutex_);
  traffic_ += octets;
}

std::optional<TpmFault> FaultProxy::TakeFault(uint32_t command) {
  absl::MutexLock lock(&mutex_);
  commands_.push_back(command);
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (it->command != 0 && it->command != command) continue;
    if (it->skip > 0) {
      --it->skip;
      continue;
    }
    const TpmFault fault = *it;
    if (it->times != TpmFault::kForEver && --it->times <= 0) faults_.erase(it);
    if (fault.kind == TpmFault::Kind::kVanish ||
        fault.kind == TpmFault::Kind::kReplyVanish) {
      vanished_ = true;
    }
    return fault;
  }
  return std::nullopt;
}

bool FaultProxy::WaitForInput(int fd) {
  pollfd fds[] = {{fd, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) {
    if (errno != EINTR) return false;
  }
  return fds[1].revents == 0;
}

bool FaultProxy::Sleep(absl::Duration duration) {
  pollfd stop = {stop_fd_, POLLIN, 0};
  return poll(&stop, 1,
              static_cast<int>(absl::ToInt64Milliseconds(duration))) == 0;
}

int FaultProxy::NextClient(int listener) {
  for (;;) {
    if (!WaitForInput(listener)) return -1;
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    if (!vanished()) return client;
    close(client);
  }
}

void FaultProxy::ServeCommands() {
  for (;;) {
    const Fd client(NextClient(command_listener_));
    if (client.get() < 0) return;
    const Fd tpm(Connect(absl::StrCat(folder_, "/tpm")));
    if (tpm.get() >= 0) PumpCommands(client.get(), tpm.get());
  }
}

void FaultProxy::PumpCommands(int client, int tpm) {
  using Kind = TpmFault::Kind;
  auto wait = [this](int fd) { return WaitForInput(fd); };
  for (;;) {
    const std::string command = ReadMessage(client, wait);
    if (command.empty() || vanished()) return;
    Note(command);
    const std::optional<TpmFault> fault = TakeFault(Get32(command, 6));
    if (fault && (fault->kind == Kind::kLost || fault->kind == Kind::kVanish)) {
      return;
    }
    std::string response;
    if (fault && fault->kind == Kind::kCode) {
      response = ErrorResponse(fault->code);
    } else {
      if (!SendAll(tpm, command)) return;
      response = ReadMessage(tpm, wait);
      if (response.empty()) return;
    }
    Note(response);
    if (fault) {
      if (fault->kind == Kind::kReplyLost ||
          fault->kind == Kind::kReplyVanish) {
        return;
      }
      if (fault->kind == Kind::kLate && !Sleep(fault->delay)) return;
      if (fault->kind == Kind::kDamaged) response.back() ^= 1;
    }
    if (!SendAll(client, response)) return;
  }
}

void FaultProxy::ServeControl() {
  for (;;) {
    const Fd client(NextClient(control_listener_));
    if (client.get() < 0) return;
    const Fd tpm(Connect(absl::StrCat(folder_, "/tpm.ctrl")));
    if (tpm.get() >= 0) PumpControl(client.get(), tpm.get());
  }
}

void FaultProxy::PumpControl(int client, int tpm) {
  for (;;) {
    pollfd fds[] = {
        {client, POLLIN, 0}, {tpm, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (poll(fds, 3, -1) < 0) continue;
    if (fds[2].revents != 0) return;
    for (const auto& [from, to, ready] :
         {std::tuple(client, tpm, fds[0].revents),
          std::tuple(tpm, client, fds[1].revents)}) {
      if (ready == 0) continue;
      char buffer[4096];
      const ssize_t size = recv(from, buffer, sizeof(buffer), 0);
      if (size <= 0 ||
          !SendAll(to, std::string(buffer, static_cast<size_t>(size)))) {
        return;
      }
    }
  }
}

}  // namespace bestow
