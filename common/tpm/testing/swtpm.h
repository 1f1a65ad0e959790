// A software TPM (swtpm) for a test.
#ifndef COMMON_TPM_TESTING_SWTPM_H_
#define COMMON_TPM_TESTING_SWTPM_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace bestow {

// Runs until it is destroyed; ends with this process too. It serves one client
// at a time.
class Swtpm {
 public:
  // In a fresh folder under /tmp (socket paths are short there). kUnavailable
  // when it does not answer within two seconds.
  static absl::StatusOr<std::unique_ptr<Swtpm>> Start();
  ~Swtpm();

  // "swtpm:path=..."
  std::string tcti() const;
  const std::string& folder() const { return folder_; }

  // Ends it, as a pulled plug; the TPM's state stays for Resume().
  void Stop();
  absl::Status Resume();

 private:
  explicit Swtpm(std::string folder) : folder_(std::move(folder)) {}

  const std::string folder_;
  pid_t pid_ = -1;
};

}  // namespace bestow

#endif  // COMMON_TPM_TESTING_SWTPM_H_
