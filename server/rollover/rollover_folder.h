// A rollover as it lies in the CA's folder: next/ is prepared, shown, switched
// to; the old key becomes former/N/, and is retired when nothing needs it.
#ifndef SERVER_ROLLOVER_ROLLOVER_FOLDER_H_
#define SERVER_ROLLOVER_ROLLOVER_FOLDER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/pki/certificate.h"
#include "server/admin/ca_folder.h"

namespace bestow::server {

struct RolloverPlan {
  absl::Time switch_at = absl::InfiniteFuture();  // that: by hand
  // The fleet is asked to renew within this time after the switch; zero: not.
  absl::Duration renew_within;
  bool operator==(const RolloverPlan&) const = default;
};

enum class RolloverStage {
  kNone,
  kWaiting,   // next/ waits for its certificate (ImportNext)
  kAhead,     // next/ is shown to clients, and issues from switch_at on
  kSwitched,  // next/ issues; what is left is FinishRollover()
};

struct RolloverStatus {
  RolloverStage stage = RolloverStage::kNone;
  RolloverPlan plan;
  // As of stage kAhead and kSwitched.
  std::optional<Certificate> next;
};

// Every function below takes the folder's lock by itself; LoadCa() must not be
// called under it. Each is durable when it returns, and may break off at any
// step: what LoadCa() reads is the state before or after. Errors name the path.

// Reads no key.
absl::StatusOr<RolloverStatus> ReadRollover(const CaPaths& paths);

struct NextFiles {
  Secret key_pem;
  std::vector<Certificate> chain;  // none: it waits for ImportNext()
  std::vector<Certificate> rollover;
  std::string request_pem;  // "": none
  RolloverPlan plan;
};
// kAlreadyExists: a rollover is under way. NOT checked: that the files fit
// together and to the CA (SetNext()).
absl::Status PrepareNext(const CaPaths& paths, const NextFiles& files);

// The certificate that a waiting next/ has got. kFailedPrecondition: none is
// waiting. NOT checked: as above.
absl::Status ImportNext(const CaPaths& paths,
                        const std::vector<Certificate>& chain,
                        const std::vector<Certificate>& rollover);

// kFailedPrecondition: no rollover is under way, or it has switched already.
absl::Status SetPlan(const CaPaths& paths, const RolloverPlan& plan);

// Gives a rollover up before its switch: next/ is removed. kFailedPrecondition
// as above.
absl::Status DropNext(const CaPaths& paths);

// The next key, which must be `next`'s, issues from now on; the old one is in
// former/N/. kFailedPrecondition: there is no such next key. NOT checked: that
// LoadCa() takes the folder as it is, and so after it.
absl::Status SwitchToNext(const CaPaths& paths, const Certificate& next);

// After SwitchToNext(): removes next/. Nothing to do is OK.
absl::Status FinishRollover(const CaPaths& paths);

// Removes former/N/ and the link certificates that lead to its key.
// kNotFound: there is none.
absl::Status RemoveFormer(const CaPaths& paths, int number);

}  // namespace bestow::server

#endif  // SERVER_ROLLOVER_ROLLOVER_FOLDER_H_
