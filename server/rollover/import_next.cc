#include "server/rollover/import_next.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/crypto/public_key.h"
#include "server/admin/ca_folder.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/ca_certificate.h"
#include "server/rollover/rollover_folder.h"

namespace bestow::server {
namespace {

// From one key of a name to another.
bool IsLink(const Certificate& certificate) {
  return certificate.subject == certificate.issuer &&
         !VerifySignature(certificate.signature_algorithm, certificate.spki,
                          certificate.tbs_der, certificate.signature)
              .ok();
}

}  // namespace

absl::StatusOr<std::vector<Certificate>> ImportIntoNext(
    const std::string& folder, const std::vector<Certificate>& certificates,
    const CaKeyOptions& keys) {
  const CaPaths paths(folder);
  absl::StatusOr<RolloverStatus> rollover = ReadRollover(paths);
  if (!rollover.ok()) return rollover.status();
  if (rollover->stage != RolloverStage::kWaiting) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no key in ", paths.next_folder, " waits for its certificate"));
  }
  absl::StatusOr<CaBundle> present = LoadCa(folder, keys);
  if (!present.ok()) return present.status();
  absl::StatusOr<std::shared_ptr<Signer>> key =
      OpenCaKey(CaPaths(paths.next_folder).key, keys);
  if (!key.ok()) return key.status();

  const Certificate& root = present->chain.back();
  std::vector<Certificate> path;
  std::vector<Certificate> links;
  for (const Certificate& certificate : certificates) {
    (IsLink(certificate) ? links : path).push_back(certificate);
  }
  if (!links.empty()) {
    // OldWithOld belongs to them, and not to the new chain.
    std::erase(path, root);
    links.push_back(root);
  }
  absl::StatusOr<std::vector<Certificate>> chain =
      OrderChain(std::move(path), (*key)->public_key_spki());
  if (!chain.ok()) return chain.status();
  absl::StatusOr<CaBundle> next = MakeCaBundle(*chain, links, *key);
  if (!next.ok()) return next.status();
  absl::Status status = SetNext(*next, absl::InfiniteFuture(), *present);
  if (status.ok()) status = ImportNext(paths, next->chain, next->rollover);
  if (!status.ok()) return status;
  return std::move(next->chain);
}

}  // namespace bestow::server
