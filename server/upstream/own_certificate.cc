#include "server/upstream/own_certificate.h"

namespace bestow::server {

TlsCredential ToTlsCredential(const OwnCredential& credential) {
  TlsCredential shown;
  shown.signer = credential.key;
  for (const Certificate& certificate : credential.chain) {
    shown.chain.push_back(certificate.der);
  }
  return shown;
}

}  // namespace bestow::server
