#include "server/revocation/revocation_service.h"

#include <utility>

namespace bestow::server {
namespace {

constexpr char kCrls[] = "crls";
constexpr char kOcsp[] = "ocsp";
constexpr absl::Duration kPatience = absl::Seconds(10);

}  // namespace

RevocationService::RevocationService(Keys keys, Store& store,
                                     const Clock& clock,
                                     Housekeeper& housekeeper)
    : housekeeper_(housekeeper),
      crls_({keys, &store}),
      signers_({keys, &store}),
      ocsp_(signers_, store),
      http_({keys, &crls_, &ocsp_, &clock}) {
  housekeeper_.Add(kCrls, [this](absl::Time now) { return crls_.Run(now); });
  housekeeper_.Add(kOcsp, [this](absl::Time now) { return signers_.Run(now); });
}

void RevocationService::Wake() {
  crls_.LookAgain();
  housekeeper_.Wake(kCrls);
  housekeeper_.Wake(kOcsp);
}

bool RevocationService::PublishNow() {
  crls_.LookAgain();
  const int64_t run = crls_.NextRun();
  Wake();
  return crls_.WaitForRun(run, kPatience);
}

}  // namespace bestow::server
