// The server's own TLS certificate and the CA that issued it.
#ifndef SERVER_CA_TLS_CHAIN_H_
#define SERVER_CA_TLS_CHAIN_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/pki/certificate.h"
#include "server/ca/ca_bundle.h"

namespace bestow::server {

// Whether this CA issued it, by its key of today or a former one.
bool IsIssuedBy(const Certificate& certificate, const CaBundle& ca);

// nullptr: none of them did, it is from elsewhere.
using CaBundles = std::map<std::string, CaBundle, std::less<>>;
const CaBundle* FindIssuer(const Certificate& certificate,
                           const CaBundles& cas);

// What TLS sends: `chain` (the leaf first), and when there are link
// certificates, these before the roots, and the roots on both their ends:
// whoever trusts the old root alone, or the new one, has a path whichever of
// the keys issued the leaf. Verifiers take the first issuer that fits, and a
// root in front of the link would be a dead end.
std::vector<Certificate> TlsChain(const std::vector<Certificate>& chain,
                                  const CaBundles& cas);

}  // namespace bestow::server

#endif  // SERVER_CA_TLS_CHAIN_H_
