#include "agent/enroll/csr_plan.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/pki/oids.h"

namespace bestow::agent {
namespace {

// Attribute types of a subject: whether ours has them is the config's matter,
// and the server names the device anyway.
bool IsNameAttribute(const der::Oid& oid) {
  return oid.content.size() == 3 && oid.content[0] == 0x55 &&
         oid.content[1] == 0x04;  // 2.5.4.x
}

// Our keys and signatures are P-256 with SHA-256.
bool IsMetByOurKey(const der::Oid& oid) {
  return oid == oids::EcPublicKey() || oid == oids::EcdsaWithSha256() ||
         oid == oids::Prime256v1();
}

void PlanOid(const der::Oid& oid, CsrPlan* plan) {
  if (oid == oids::ChallengePassword()) {
    plan->wants_linking = true;
  } else if (!IsMetByOurKey(oid) && !IsNameAttribute(oid)) {
    plan->unmet.push_back(der::OidToDotted(oid.content));
  }
}

// ecPublicKey with the curves that the server takes.
void PlanCurves(const CsrAttribute& attribute, CsrPlan* plan) {
  for (const Bytes& value : attribute.values) {
    der::Reader reader{ByteView(value)};
    ByteView curve;
    if (reader.ExpectOid(&curve) && reader.Finish() &&
        curve == ByteView(oids::Prime256v1().content)) {
      return;
    }
  }
  plan->unmet.push_back("a key on another curve than P-256");
}

void PlanExtensions(const CsrAttribute& attribute, CsrPlan* plan) {
  for (const Bytes& value : attribute.values) {
    auto extensions = ParseExtensionsDer(value);
    if (!extensions.ok()) {
      plan->unmet.push_back("extensions that can't be read");
      continue;
    }
    for (Extension& extension : *extensions) {
      const bool known = std::any_of(
          plan->extensions.begin(), plan->extensions.end(),
          [&](const Extension& other) { return other.id == extension.id; });
      // Our names are ours to give, not a template's.
      if (!known && extension.id != oids::SubjectAltName()) {
        plan->extensions.push_back(std::move(extension));
      }
    }
  }
}

}  // namespace

CsrPlan PlanCsr(const est::CsrAttrs& attrs) {
  CsrPlan plan;
  for (const est::AttrOrOid& item : attrs.items) {
    if (const auto* oid = std::get_if<der::Oid>(&item)) {
      PlanOid(*oid, &plan);
      continue;
    }
    const auto& attribute = std::get<CsrAttribute>(item);
    if (attribute.type == oids::EcPublicKey()) {
      PlanCurves(attribute, &plan);
    } else if (attribute.type == oids::ExtensionRequest()) {
      PlanExtensions(attribute, &plan);
    } else {
      plan.unmet.push_back(der::OidToDotted(attribute.type.content));
    }
  }
  return plan;
}

Pkcs10Template EnrollTemplate(const Name& subject,
                              const std::vector<GeneralName>& sans,
                              const CsrPlan& plan, Bytes spki) {
  Pkcs10Template out;
  out.subject = subject;
  out.spki = std::move(spki);
  out.sans = sans;
  out.extensions = plan.extensions;
  return out;
}

Pkcs10Template ReenrollTemplate(const Certificate& current, const CsrPlan& plan,
                                Bytes spki) {
  return EnrollTemplate(current.subject, current.sans, plan, std::move(spki));
}

}  // namespace bestow::agent
