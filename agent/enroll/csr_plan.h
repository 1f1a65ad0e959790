// What goes into the certification request.
#ifndef AGENT_ENROLL_CSR_PLAN_H_
#define AGENT_ENROLL_CSR_PLAN_H_

#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "common/est/csr_attrs.h"
#include "common/pki/certificate.h"
#include "common/pki/extension.h"
#include "common/pki/pkcs10.h"

namespace bestow::agent {

// Which attribute of the request carries the connection's channel binding.
enum class LinkWith { kNothing, kChallengePassword, kEstIdentityLinking };

// What the server's CSR attributes come to (RFC 7030 4.5.2; RFC 9908).
struct CsrPlan {
  // RFC 7030 3.5; RFC 7894's own attribute where the server knows it.
  LinkWith link_with = LinkWith::kNothing;
  std::optional<KeyType> key_type;    // demanded; nullopt: any of ours will do
  std::vector<Extension> extensions;  // asked for by value, but for the SANs
  // Demands that this agent can't meet, for the log; the server decides what
  // they are worth.
  std::vector<std::string> unmet;
};
// Of several key types that the server takes, `preferred` wins.
CsrPlan PlanCsr(const est::CsrAttrs& attrs, KeyType preferred);

// The first enrollment asks for the configured names; a re-enrollment repeats
// the certificate's Subject and SubjectAltName exactly (RFC 7030 4.2.2).
Pkcs10Template EnrollTemplate(const Name& subject,
                              const std::vector<GeneralName>& sans,
                              const CsrPlan& plan, Bytes spki);
Pkcs10Template ReenrollTemplate(const Certificate& current, const CsrPlan& plan,
                                Bytes spki);

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_CSR_PLAN_H_
