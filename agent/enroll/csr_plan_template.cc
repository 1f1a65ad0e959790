#include "agent/enroll/csr_plan_template.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/enroll/key_demands.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow::agent {
namespace {

struct RawAttribute {
  der::Oid type;
  Bytes value;  // the whole element
  bool used = false;
};

// A name's attributes with their values as they are encoded.
std::vector<RawAttribute> RawAttributes(const Name& name) {
  std::vector<RawAttribute> out;
  der::Reader whole{ByteView(name.der())};
  der::Reader rdns;
  if (!whole.ExpectSequence(&rdns)) return out;
  der::Reader rdn;
  while (!rdns.empty() && rdns.ExpectSet(&rdn)) {
    der::Reader attribute;
    while (!rdn.empty() && rdn.ExpectSequence(&attribute)) {
      ByteView type, value;
      if (!attribute.ExpectOid(&type) || !attribute.ExpectAny(&value)) break;
      out.push_back({der::Oid{ToBytes(type)}, ToBytes(value)});
    }
  }
  return out;
}

// One value of each type is taken once, in order.
std::optional<Bytes> TakeValue(const der::Oid& type,
                               std::vector<RawAttribute>* ours) {
  for (RawAttribute& attribute : *ours) {
    if (attribute.used || attribute.type != type) continue;
    attribute.used = true;
    return attribute.value;
  }
  return std::nullopt;
}

Bytes EncodeAttribute(const der::Oid& type, ByteView value) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& attribute) {
    attribute.AddOid(type);
    attribute.AddElement(value);
  });
  return writer.Finish().value_or(Bytes());
}

void PlanSubject(const est::SubjectTemplate& wanted, const Name& ours,
                 CsrPlan* plan) {
  std::vector<RawAttribute> values = RawAttributes(ours);
  std::vector<std::vector<Bytes>> rdns;
  bool new_rdn = true;
  for (const auto& attribute : wanted.attributes) {
    new_rdn |= !attribute.joins_previous;
    std::optional<Bytes> value =
        attribute.value ? attribute.value : TakeValue(attribute.type, &values);
    if (!value) {
      plan->unmet.push_back(absl::StrCat(
          "the subject's ", der::OidToDotted(attribute.type.content),
          " (identity.subject has none)"));
      continue;
    }
    if (new_rdn) rdns.emplace_back();
    new_rdn = false;
    rdns.back().push_back(EncodeAttribute(attribute.type, *value));
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& sequence) {
    for (std::vector<Bytes>& rdn : rdns) sequence.AddSetOf(std::move(rdn));
  });
  auto der = writer.Finish();
  auto name = der.ok() ? Name::ParseDer(*der) : der.status();
  if (name.ok()) {
    plan->subject = *std::move(name);
  } else {
    plan->unmet.push_back(
        absl::StrCat("the subject: ", name.status().message()));
  }
}

void PlanKey(const est::KeyTemplate& wanted, KeyType preferred, CsrPlan* plan) {
  KeyDemands demands;
  const std::string name = der::OidToDotted(wanted.algorithm.content);
  if (wanted.algorithm == oids::EcPublicKey()) {
    const std::optional<der::Oid> curve = wanted.curve();
    if (!curve) {
      demands.Algorithm(/*is_rsa=*/false, name);
    } else if (*curve == oids::Prime256v1()) {
      demands.Key(/*is_rsa=*/false, KeyType::kEcP256, "P-256");
    } else if (*curve == oids::Secp384r1()) {
      demands.Key(/*is_rsa=*/false, KeyType::kEcP384, "P-384");
    } else {
      demands.Key(
          /*is_rsa=*/false, std::nullopt,
          absl::StrCat("the curve ", der::OidToDotted(curve->content)));
    }
  } else if (wanted.algorithm == oids::RsaEncryption()) {
    const std::optional<size_t> bits = wanted.rsa_bits();
    if (!bits) {
      demands.Algorithm(/*is_rsa=*/true, name);
    } else {
      demands.Key(/*is_rsa=*/true,
                  *bits == 2048   ? std::optional(KeyType::kRsa2048)
                  : *bits == 3072 ? std::optional(KeyType::kRsa3072)
                                  : std::nullopt,
                  absl::StrCat("RSA-", *bits));
    }
  } else {
    demands.Key(/*is_rsa=*/false, std::nullopt,
                absl::StrCat("the algorithm ", name));
  }
  ChooseKey(demands, preferred, plan);
}

// Names of one kind, each given or to be filled in with one of ours.
std::vector<GeneralName> FillNames(
    const std::vector<est::GeneralNameTemplate>& wanted,
    const CsrWishes& wishes, CsrPlan* plan) {
  std::vector<GeneralName> names;
  for (const est::GeneralNameTemplate& one : wanted) {
    if (one.name) {
      names.push_back(*one.name);
      continue;
    }
    if (one.kind == GeneralName::Kind::kDirectoryName) {
      names.push_back(
          GeneralName::Directory(plan->subject.value_or(wishes.subject)));
      continue;
    }
    // As many of a kind as are asked for, and each once.
    const auto ours = std::find_if(
        wishes.sans.begin(), wishes.sans.end(), [&](const GeneralName& name) {
          return name.kind == one.kind &&
                 std::find(names.begin(), names.end(), name) == names.end();
        });
    if (ours != wishes.sans.end()) {
      names.push_back(*ours);
    } else {
      plan->unmet.push_back(absl::StrCat("a subjectAltName of kind ",
                                         static_cast<int>(one.kind),
                                         " (identity.sans has none)"));
    }
  }
  return names;
}

void PlanSans(const est::ExtensionTemplate& wanted, const CsrWishes& wishes,
              CsrPlan* plan) {
  std::vector<GeneralName> names = wishes.sans;
  if (wanted.value) {
    auto templates = est::ParseGeneralNameTemplatesDer(*wanted.value);
    if (!templates.ok()) {
      plan->unmet.push_back("a subjectAltName that can't be read");
      return;
    }
    names = FillNames(*templates, wishes, plan);
  } else if (names.empty()) {
    plan->unmet.push_back("a subjectAltName (identity.sans has none)");
    return;
  }
  plan->sans = std::move(names);
}

void PlanExtension(const est::ExtensionTemplate& wanted,
                   const CsrWishes& wishes, CsrPlan* plan) {
  if (wanted.id == oids::SubjectAltName()) {
    return PlanSans(wanted, wishes, plan);
  }
  std::optional<Bytes> value = wanted.value;
  // What the key of a device is for.
  if (!value && wanted.id == oids::KeyUsage()) {
    value = SerializeKeyUsage(kDigitalSignature).value_or(Bytes());
  } else if (!value && wanted.id == oids::ExtendedKeyUsage()) {
    value = SerializeExtendedKeyUsage({oids::KpClientAuth()}).value_or(Bytes());
  }
  if (!value) {
    plan->unmet.push_back(absl::StrCat("a value for the extension ",
                                       der::OidToDotted(wanted.id.content)));
    return;
  }
  plan->extensions.push_back({wanted.id, wanted.critical, *std::move(value)});
}

bool IsExtensionRequest(const der::Oid& type) {
  return type == oids::ExtensionRequest() ||
         type == oids::ExtensionRequestTemplate();
}

}  // namespace

void PlanTemplate(const est::CsrTemplate& wanted, const CsrWishes& wishes,
                  CsrPlan* plan) {
  if (wanted.subject) PlanSubject(*wanted.subject, wishes.subject, plan);
  if (wanted.key) PlanKey(*wanted.key, wishes.key_type, plan);
  // A template says all that it wants: no extension, no names.
  plan->sans.emplace();
  for (const est::ExtensionTemplate& extension : wanted.extensions) {
    PlanExtension(extension, wishes, plan);
  }
  for (const CsrAttribute& attribute : wanted.attributes) {
    if (IsExtensionRequest(attribute.type)) continue;
    if (PlanLink(attribute.type, plan)) continue;
    if (attribute.values.empty()) {
      plan->unmet.push_back(der::OidToDotted(attribute.type.content));
    } else {
      plan->attributes.push_back(attribute);
    }
  }
}

}  // namespace bestow::agent
