#include "agent/enroll/csr_plan.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "agent/enroll/csr_plan_template.h"
#include "agent/enroll/key_demands.h"
#include "common/der/reader.h"
#include "common/est/csr_template.h"
#include "common/pki/oids.h"

namespace bestow::agent {
namespace {

// Attribute types of a subject: whether ours has them is the config's matter,
// and the server names the device anyway.
bool IsNameAttribute(const der::Oid& oid) {
  return oid.content.size() == 3 && oid.content[0] == 0x55 &&
         oid.content[1] == 0x04;  // 2.5.4.x
}

constexpr KeyType kP256 = KeyType::kEcP256;
constexpr KeyType kP384 = KeyType::kEcP384;
constexpr KeyType k2048 = KeyType::kRsa2048;
constexpr KeyType k3072 = KeyType::kRsa3072;

bool PlanKeyOid(const der::Oid& oid, KeyDemands* demands) {
  const std::string name = der::OidToDotted(oid.content);
  if (oid == oids::EcPublicKey()) {
    demands->Algorithm(/*is_rsa=*/false, name);
  } else if (oid == oids::RsaEncryption()) {
    demands->Algorithm(/*is_rsa=*/true, name);
  } else if (oid == oids::Prime256v1()) {
    demands->Key(/*is_rsa=*/false, kP256, name);
  } else if (oid == oids::Secp384r1()) {
    demands->Key(/*is_rsa=*/false, kP384, name);
  } else if (oid == oids::EcdsaWithSha256()) {
    demands->Signature({kP256}, name);
  } else if (oid == oids::EcdsaWithSha384()) {
    demands->Signature({kP384}, name);
  } else if (oid == oids::Sha256WithRsa()) {
    demands->Signature({k2048, k3072}, name);
  } else if (oid == oids::EcdsaWithSha512() || oid == oids::Sha384WithRsa() ||
             oid == oids::Sha512WithRsa()) {
    demands->Signature({}, name);
  } else {
    return false;
  }
  return true;
}

void PlanOid(const der::Oid& oid, KeyDemands* demands, CsrPlan* plan) {
  if (!PlanLink(oid, plan) && !PlanKeyOid(oid, demands) &&
      !IsNameAttribute(oid)) {
    plan->unmet.push_back(der::OidToDotted(oid.content));
  }
}

// ecPublicKey with the curves that the server takes.
void PlanCurves(const CsrAttribute& attribute, KeyDemands* demands) {
  for (const Bytes& value : attribute.values) {
    der::Reader reader{ByteView(value)};
    ByteView curve;
    if (!reader.ExpectOid(&curve) || !reader.Finish()) {
      demands->Key(false, std::nullopt, "a curve that can't be read");
    } else if (curve == ByteView(oids::Prime256v1().content)) {
      demands->Key(false, kP256, "P-256");
    } else if (curve == ByteView(oids::Secp384r1().content)) {
      demands->Key(false, kP384, "P-384");
    } else {
      demands->Key(false, std::nullopt,
                   absl::StrCat("the curve ", der::OidToDotted(curve)));
    }
  }
}

// rsaEncryption with the sizes that the server takes, in bits.
void PlanRsaSizes(const CsrAttribute& attribute, KeyDemands* demands) {
  for (const Bytes& value : attribute.values) {
    der::Reader reader{ByteView(value)};
    uint64_t bits = 0;
    if (!reader.ExpectUint(&bits) || !reader.Finish()) {
      demands->Key(true, std::nullopt, "an RSA size that can't be read");
    } else if (bits == 2048) {
      demands->Key(true, k2048, "RSA-2048");
    } else if (bits == 3072) {
      demands->Key(true, k3072, "RSA-3072");
    } else {
      demands->Key(true, std::nullopt, absl::StrCat("RSA-", bits));
    }
  }
}

// Names that come with their values are added to ours.
void PlanSans(const Extension& extension, const CsrWishes& wishes,
              CsrPlan* plan) {
  auto names = ParseGeneralNamesDer(extension.value);
  if (!names.ok()) {
    plan->unmet.push_back("a subjectAltName that can't be read");
    return;
  }
  if (!plan->sans) plan->sans = wishes.sans;
  for (GeneralName& name : *names) {
    if (std::find(plan->sans->begin(), plan->sans->end(), name) ==
        plan->sans->end()) {
      plan->sans->push_back(std::move(name));
    }
  }
}

void PlanExtensions(const CsrAttribute& attribute, const CsrWishes& wishes,
                    CsrPlan* plan) {
  for (const Bytes& value : attribute.values) {
    auto extensions = ParseExtensionsDer(value);
    if (!extensions.ok()) {
      plan->unmet.push_back("extensions that can't be read");
      continue;
    }
    for (Extension& extension : *extensions) {
      if (extension.id == oids::SubjectAltName()) {
        PlanSans(extension, wishes, plan);
        continue;
      }
      const bool known = std::any_of(
          plan->extensions.begin(), plan->extensions.end(),
          [&](const Extension& other) { return other.id == extension.id; });
      if (!known) plan->extensions.push_back(std::move(extension));
    }
  }
}

}  // namespace

bool PlanLink(const der::Oid& type, CsrPlan* plan) {
  if (type == oids::EstIdentityLinking()) {
    plan->link_with = LinkWith::kEstIdentityLinking;
    return true;
  }
  if (type != oids::ChallengePassword()) return false;
  if (plan->link_with == LinkWith::kNothing) {
    plan->link_with = LinkWith::kChallengePassword;
  }
  return true;
}

void ChooseKey(const KeyDemands& demands, KeyType preferred, CsrPlan* plan) {
  if (demands.empty()) return;
  plan->key_type = demands.Choose(preferred);
  if (!plan->key_type) {
    plan->unmet.push_back(absl::StrCat("a key of: ", demands.Describe()));
  }
}

CsrPlan PlanCsr(const est::CsrAttrs& attrs, const CsrWishes& wishes) {
  CsrPlan plan;
  auto found = est::FindTemplate(attrs);
  if (!found.ok()) {
    plan.unmet.push_back(std::string(found.status().message()));
    return plan;
  }
  if (found->has_value()) {
    PlanTemplate(**found, wishes, &plan);
    return plan;
  }
  KeyDemands demands;
  for (const est::AttrOrOid& item : attrs.items) {
    if (const auto* oid = std::get_if<der::Oid>(&item)) {
      PlanOid(*oid, &demands, &plan);
      continue;
    }
    const auto& attribute = std::get<CsrAttribute>(item);
    if (attribute.values.empty()) {
      PlanOid(attribute.type, &demands, &plan);
    } else if (attribute.type == oids::EcPublicKey()) {
      PlanCurves(attribute, &demands);
    } else if (attribute.type == oids::RsaEncryption()) {
      PlanRsaSizes(attribute, &demands);
    } else if (attribute.type == oids::ExtensionRequest()) {
      PlanExtensions(attribute, wishes, &plan);
    } else {
      plan.unmet.push_back(der::OidToDotted(attribute.type.content));
    }
  }
  ChooseKey(demands, wishes.key_type, &plan);
  return plan;
}

Pkcs10Template EnrollTemplate(const Name& subject,
                              const std::vector<GeneralName>& sans,
                              const CsrPlan& plan, Bytes spki) {
  Pkcs10Template out;
  out.subject = plan.subject.value_or(subject);
  out.spki = std::move(spki);
  out.sans = plan.sans.value_or(sans);
  out.extensions = plan.extensions;
  out.attributes = plan.attributes;
  return out;
}

Pkcs10Template ReenrollTemplate(const Certificate& current, const CsrPlan& plan,
                                Bytes spki) {
  Pkcs10Template out = EnrollTemplate({}, {}, plan, std::move(spki));
  out.subject = current.subject;
  out.sans = current.sans;
  return out;
}

}  // namespace bestow::agent
