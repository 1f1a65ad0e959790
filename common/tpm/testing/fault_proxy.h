// A TPM that goes wrong on demand: what stands between a program and swtpm,
// sees each command, and spoils those that a test names.
#ifndef COMMON_TPM_TESTING_FAULT_PROXY_H_
#define COMMON_TPM_TESTING_FAULT_PROXY_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace bestow {

// What happens to a command.
struct TpmFault {
  enum class Kind {
    kCode,         // it is answered with `code`, and the TPM never sees it
    kLate,         // its answer comes after `delay`
    kLost,         // the connection ends before the TPM sees it
    kReplyLost,    // the TPM has done it, and the connection ends
    kVanish,       // as kLost, and the TPM is gone until Return()
    kReplyVanish,  // as kReplyLost, and the TPM is gone until Return()
    kDamaged,      // the last octet of its answer is changed
  };
  static constexpr int kForEver = std::numeric_limits<int>::max();

  Kind kind = Kind::kCode;
  // TPM_CC; 0: any.
  uint32_t command = 0;
  // So many such commands pass before the fault, `times` meet it.
  int skip = 0;
  int times = 1;
  uint32_t code = 0;
  absl::Duration delay;
};

// Serves one client at a time, as swtpm does, with threads of its own until it
// is destroyed. Thread-safe.
class FaultProxy {
 public:
  // `folder`: a swtpm's (swtpm.h), which has to outlive the proxy. From then on
  // the process ignores SIGPIPE.
  static absl::StatusOr<std::unique_ptr<FaultProxy>> Start(std::string folder);
  ~FaultProxy();

  // "swtpm:path=...": for this process and others.
  std::string tcti() const;

  // The first of the faults that fits a command happens to it.
  void Inject(TpmFault fault);
  // No faults any more; a TPM that has vanished stays away.
  void Mend();
  // It is gone, at once.
  void Vanish();
  void Return();

  // The command codes that clients sent, in order, and all octets of commands
  // and answers: since the start, or the last Forget().
  std::vector<uint32_t> commands() const;
  std::string traffic() const;
  void Forget();

 private:
  explicit FaultProxy(std::string folder);
  void ServeCommands();
  void ServeControl();
  // One client, until it or the TPM hangs up.
  void PumpCommands(int client, int tpm);
  void PumpControl(int client, int tpm);
  // -1 when the proxy ends.
  int NextClient(int listener);
  bool WaitForInput(int fd);
  // False when the proxy ends first.
  bool Sleep(absl::Duration duration);
  std::optional<TpmFault> TakeFault(uint32_t command);
  void Note(const std::string& octets);
  bool vanished() const;

  const std::string folder_;
  int command_listener_ = -1;
  int control_listener_ = -1;
  int stop_fd_ = -1;  // readable when the proxy ends
  mutable absl::Mutex mutex_;
  std::vector<TpmFault> faults_ ABSL_GUARDED_BY(mutex_);
  bool vanished_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<uint32_t> commands_ ABSL_GUARDED_BY(mutex_);
  std::string traffic_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;  // last: they use the above
};

}  // namespace bestow

#endif  // COMMON_TPM_TESTING_FAULT_PROXY_H_
