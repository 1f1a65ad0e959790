#include "server/upstream/ra_certificate.h"

namespace bestow::server {

bool RaCertificate::IsUsable(const OwnCredential& present, const Trust&,
                             absl::Time now) const {
  return now < present.chain.front().not_after;
}

absl::Status RaCertificate::SetNames(Pkcs10Template& wanted) const {
  absl::StatusOr<Name> subject = Name::FromCommonName(username_);
  if (!subject.ok()) return subject.status();
  wanted.subject = *std::move(subject);
  return absl::OkStatus();
}

}  // namespace bestow::server
