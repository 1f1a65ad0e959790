// Where what a CA publishes is found: it goes into what it issues.
#ifndef SERVER_CA_PUBLISHED_URLS_H_
#define SERVER_CA_PUBLISHED_URLS_H_

#include <string>

namespace bestow::server {

// Absolute URIs; what is empty is not said.
struct PublishedUrls {
  std::string ocsp;        // authorityInfoAccess id-ad-ocsp
  std::string ca_issuers;  // authorityInfoAccess id-ad-caIssuers
  std::string crl;         // cRLDistributionPoints
  std::string delta_crl;   // freshestCRL
};

}  // namespace bestow::server

#endif  // SERVER_CA_PUBLISHED_URLS_H_
