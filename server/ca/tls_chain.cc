#include "server/ca/tls_chain.h"

#include <algorithm>

#include "common/crypto/public_key.h"

namespace bestow::server {
namespace {

bool IsSignedBy(const Certificate& certificate, const Certificate& issuer) {
  return certificate.issuer == issuer.subject &&
         VerifySignature(certificate.signature_algorithm, issuer.spki,
                         certificate.tbs_der, certificate.signature)
             .ok();
}

bool IsRoot(const Certificate& certificate) {
  return IsSignedBy(certificate, certificate);
}

// From one key of a name to another of the same.
bool IsLink(const Certificate& certificate) {
  return certificate.subject == certificate.issuer && !IsRoot(certificate);
}

void Add(const Certificate& certificate, std::vector<Certificate>& all) {
  if (std::find(all.begin(), all.end(), certificate) == all.end()) {
    all.push_back(certificate);
  }
}

}  // namespace

bool IsIssuedBy(const Certificate& certificate, const CaBundle& ca) {
  if (IsSignedBy(certificate, ca.authority->certificate())) return true;
  return std::any_of(ca.former.begin(), ca.former.end(),
                     [&](const auto& earlier) {
                       return IsSignedBy(certificate, earlier->certificate());
                     });
}

const CaBundle* FindIssuer(const Certificate& certificate,
                           const CaBundles& cas) {
  for (const auto& [folder, ca] : cas) {
    if (IsIssuedBy(certificate, ca)) return &ca;
  }
  return nullptr;
}

std::vector<Certificate> TlsChain(const std::vector<Certificate>& chain,
                                  const CaBundles& cas) {
  const CaBundle* ca = FindIssuer(chain.front(), cas);
  if (ca == nullptr) return chain;
  const std::vector<Certificate> known = ca->All();
  if (std::none_of(known.begin(), known.end(), IsLink)) return chain;
  std::vector<Certificate> sent;
  for (const Certificate& certificate : chain) {
    if (!IsRoot(certificate)) Add(certificate, sent);
  }
  for (const Certificate& certificate : known) {
    if (IsLink(certificate)) Add(certificate, sent);
  }
  for (const auto* roots : {&chain, &known}) {
    for (const Certificate& certificate : *roots) {
      if (IsRoot(certificate)) Add(certificate, sent);
    }
  }
  return sent;
}

}  // namespace bestow::server
