#include "server/est/snapshot.h"

#include <utility>

#include "common/est/csr_attrs.h"
#include "common/pki/certs_only.h"

namespace bestow::server {

absl::StatusOr<std::shared_ptr<const Snapshot>> Snapshot::Create(
    const Config& config, std::shared_ptr<const CertificateAuthority> ca,
    ServerNames server_names) {
  // RFC 7030 4.1.3: the root; it is the whole chain here.
  absl::StatusOr<Bytes> cacerts =
      SerializeCertsOnlyDer({ca->certificate().der});
  if (!cacerts.ok()) return cacerts.status();
  std::string csrattrs_body;
  if (!config.csr_attrs.empty()) {
    est::CsrAttrs attrs;
    attrs.items.assign(config.csr_attrs.begin(), config.csr_attrs.end());
    absl::StatusOr<Bytes> der = est::SerializeCsrAttrsDer(attrs);
    if (!der.ok()) return der.status();
    csrattrs_body = est::EncodeBody(*der, config.line_wrap);
  }
  return std::make_shared<const Snapshot>(Snapshot{
      config.realm, config.line_wrap, config.secret_retry_window,
      IssuancePolicy(config.profile, std::move(server_names)), std::move(ca),
      est::EncodeBody(*cacerts, config.line_wrap), std::move(csrattrs_body)});
}

}  // namespace bestow::server
