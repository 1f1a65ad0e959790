#include "agent/enroll/csr_plan.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

bool IsRsa(KeyType type) {
  return type == KeyType::kRsa2048 || type == KeyType::kRsa3072;
}

// What the key and signature items of the list leave to choose from. Several
// items of one kind are alternatives, for one key meets one of them.
class KeyDemands {
 public:
  // ecPublicKey or rsaEncryption alone: any of the kind, unless others say
  // which.
  void Algorithm(bool is_rsa, std::string_view what) {
    algorithms_.push_back(is_rsa);
    names_.emplace_back(what);
  }
  // nullopt: one that we don't have.
  void Key(bool is_rsa, std::optional<KeyType> type, std::string_view what) {
    keys_.push_back({is_rsa, type});
    names_.emplace_back(what);
  }
  void Signature(std::vector<KeyType> types, std::string_view what) {
    asks_signature_ = true;
    signatures_.insert(signatures_.end(), types.begin(), types.end());
    names_.emplace_back(what);
  }

  void Resolve(KeyType preferred, CsrPlan* plan) const {
    if (names_.empty()) return;
    for (KeyType type : {preferred, KeyType::kEcP256, KeyType::kEcP384,
                         KeyType::kRsa2048, KeyType::kRsa3072}) {
      if (KeyFits(type) && SignatureFits(type)) {
        plan->key_type = type;
        return;
      }
    }
    plan->unmet.push_back(
        absl::StrCat("a key of: ", absl::StrJoin(names_, ", ")));
  }

 private:
  struct Wanted {
    bool is_rsa;
    std::optional<KeyType> type;
  };

  bool KeyFits(KeyType type) const {
    if (keys_.empty() && algorithms_.empty()) return true;
    bool kind_is_narrowed = false;
    for (const Wanted& wanted : keys_) {
      if (wanted.type == type) return true;
      kind_is_narrowed |= wanted.is_rsa == IsRsa(type);
    }
    return !kind_is_narrowed &&
           std::find(algorithms_.begin(), algorithms_.end(), IsRsa(type)) !=
               algorithms_.end();
  }
  bool SignatureFits(KeyType type) const {
    return !asks_signature_ || std::find(signatures_.begin(), signatures_.end(),
                                         type) != signatures_.end();
  }

  std::vector<bool> algorithms_;  // is it RSA?
  std::vector<Wanted> keys_;
  bool asks_signature_ = false;
  std::vector<KeyType> signatures_;
  std::vector<std::string> names_;
};

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
  if (oid == oids::EstIdentityLinking()) {
    plan->link_with = LinkWith::kEstIdentityLinking;
  } else if (oid == oids::ChallengePassword()) {
    if (plan->link_with == LinkWith::kNothing) {
      plan->link_with = LinkWith::kChallengePassword;
    }
  } else if (!PlanKeyOid(oid, demands) && !IsNameAttribute(oid)) {
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

CsrPlan PlanCsr(const est::CsrAttrs& attrs, KeyType preferred) {
  CsrPlan plan;
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
      PlanExtensions(attribute, &plan);
    } else {
      plan.unmet.push_back(der::OidToDotted(attribute.type.content));
    }
  }
  demands.Resolve(preferred, &plan);
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
