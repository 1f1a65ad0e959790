#include "server/revocation/revocation_service.h"

#include <utility>

namespace bestow::server {
namespace {

constexpr char kCrls[] = "crls";
constexpr char kOcsp[] = "ocsp";

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

}  // namespace bestow::server
