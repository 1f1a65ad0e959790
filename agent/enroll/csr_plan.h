// What goes into the certification request.
#ifndef AGENT_ENROLL_CSR_PLAN_H_
#define AGENT_ENROLL_CSR_PLAN_H_

#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/est/csr_attrs.h"
#include "common/pki/certificate.h"
#include "common/pki/extension.h"
#include "common/pki/pkcs10.h"

namespace bestow::agent {

// What the server's CSR attributes come to (RFC 7030 4.5.2; RFC 9908).
struct CsrPlan {
  bool wants_linking = false;         // challengePassword stands among them
  std::vector<Extension> extensions;  // asked for by value, but for the SANs
  // Demands that this agent can't meet, for the log; the server decides what
  // they are worth.
  std::vector<std::string> unmet;
};
CsrPlan PlanCsr(const est::CsrAttrs& attrs);

// The first enrollment asks for the configured names; a re-enrollment repeats
// the certificate's Subject and SubjectAltName exactly (RFC 7030 4.2.2).
Pkcs10Template EnrollTemplate(const Name& subject,
                              const std::vector<GeneralName>& sans,
                              const CsrPlan& plan, Bytes spki);
Pkcs10Template ReenrollTemplate(const Certificate& current, const CsrPlan& plan,
                                Bytes spki);

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_CSR_PLAN_H_
