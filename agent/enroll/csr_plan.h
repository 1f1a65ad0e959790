// What goes into the certification request.
#ifndef AGENT_ENROLL_CSR_PLAN_H_
#define AGENT_ENROLL_CSR_PLAN_H_

#include <optional>
#include <string>
#include <vector>

#include "agent/enroll/key_demands.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "common/der/oid.h"
#include "common/est/csr_attrs.h"
#include "common/pki/attribute.h"
#include "common/pki/certificate.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"
#include "common/pki/pkcs10.h"

namespace bestow::agent {

// Which attribute of the request carries the connection's channel binding.
enum class LinkWith { kNothing, kChallengePassword, kEstIdentityLinking };

// What the server's CSR attributes come to (RFC 7030 4.5.2; RFC 9908).
struct CsrPlan {
  // RFC 7030 3.5; RFC 7894's own attribute where the server knows it.
  LinkWith link_with = LinkWith::kNothing;
  std::optional<KeyType> key_type;    // demanded; nullopt: any of ours will do
  std::vector<Extension> extensions;  // but for the SANs
  std::vector<CsrAttribute> attributes;  // others that came with their values
  // nullopt: no demands, the wishes stand.
  std::optional<Name> subject;
  std::optional<std::vector<GeneralName>> sans;
  // Demands that this agent can't meet, for the log; the server decides what
  // they are worth.
  std::vector<std::string> unmet;
};
// What this device would ask for by itself.
struct CsrWishes {
  KeyType key_type = KeyType::kEcP256;  // of several that the server takes
  Name subject;
  std::vector<GeneralName> sans;
};

// With a template (RFC 9908 3.4) that alone counts: its values are taken, what
// it leaves open is filled in from `wishes`. Else the list's items: names and
// extensions that come with values are added to what is wished for. Names are
// the server's to give; that a request repeats them grants nothing.
CsrPlan PlanCsr(const est::CsrAttrs& attrs, const CsrWishes& wishes);

// For those who plan: the key that `demands` leave to choose, or why there is
// none; true when `type` is one of the attributes that link.
void ChooseKey(const KeyDemands& demands, KeyType preferred, CsrPlan* plan);
bool PlanLink(const der::Oid& type, CsrPlan* plan);

// The first enrollment asks for the plan's names, or the configured ones where
// it has none; a re-enrollment repeats the certificate's Subject and
// SubjectAltName exactly (RFC 7030 4.2.2).
Pkcs10Template EnrollTemplate(const Name& subject,
                              const std::vector<GeneralName>& sans,
                              const CsrPlan& plan, Bytes spki);
Pkcs10Template ReenrollTemplate(const Certificate& current, const CsrPlan& plan,
                                Bytes spki);

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_CSR_PLAN_H_
