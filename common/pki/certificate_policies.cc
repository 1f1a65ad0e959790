#include "common/pki/certificate_policies.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/strings.h"
#include "common/der/writer.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr size_t kMaxPolicies = 64;
constexpr size_t kMaxQualifiers = 16;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("certificatePolicies: ", why));
}

// PolicyQualifierInfo ::= SEQUENCE { policyQualifierId OBJECT IDENTIFIER,
//   qualifier ANY DEFINED BY policyQualifierId }
bool ReadQualifier(der::Reader* list, PolicyQualifier* out) {
  der::Reader fields;
  ByteView id, value;
  if (!list->ExpectSequence(&fields) || !fields.ExpectOid(&id) ||
      !fields.ExpectAny(&value) || !fields.Finish()) {
    return false;
  }
  *out = {der::Oid{ToBytes(id)}, ToBytes(value)};
  return out->id != oids::QualifierCps() || CpsUri(*out).ok();
}

bool HasTwice(const std::vector<CertificatePolicy>& policies) {
  for (size_t i = 1; i < policies.size(); ++i) {
    const auto end = policies.begin() + static_cast<ptrdiff_t>(i);
    if (std::any_of(policies.begin(), end, [&](const auto& other) {
          return other.id == policies[i].id;
        })) {
      return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<CertificatePolicy> PolicyOf(const std::string& dotted,
                                           const std::string& cps_uri) {
  absl::StatusOr<der::Oid> id = der::OidFromDotted(dotted);
  if (!id.ok()) return id.status();
  CertificatePolicy policy{*std::move(id), {}};
  if (cps_uri.empty()) return policy;
  const absl::StatusOr<GeneralName> uri =
      GeneralName::FromText(absl::StrCat("uri:", cps_uri));
  if (!uri.ok()) return uri.status();
  der::Writer writer;
  writer.AddPrimitive(CBS_ASN1_IA5STRING, uri->value);
  absl::StatusOr<Bytes> value = writer.Finish();
  if (!value.ok()) return value.status();
  policy.qualifiers.push_back({oids::QualifierCps(), *std::move(value)});
  return policy;
}

// CPSuri ::= IA5String
absl::StatusOr<std::string> CpsUri(const PolicyQualifier& qualifier) {
  der::Reader reader(qualifier.value), content;
  if (qualifier.id != oids::QualifierCps() ||
      !reader.Expect(CBS_ASN1_IA5STRING, &content) || !reader.Finish() ||
      content.empty() || !der::IsIa5String(AsText(content.rest()))) {
    return Malformed("not a CPS URI");
  }
  return ToText(content.rest());
}

// certificatePolicies ::= SEQUENCE SIZE (1..MAX) OF PolicyInformation
// PolicyInformation ::= SEQUENCE { policyIdentifier CertPolicyId,
//   policyQualifiers SEQUENCE SIZE (1..MAX) OF PolicyQualifierInfo OPTIONAL }
absl::StatusOr<std::vector<CertificatePolicy>> ParseCertificatePolicies(
    ByteView value) {
  der::Reader reader(value), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish() || list.empty()) {
    return Malformed("malformed");
  }
  std::vector<CertificatePolicy> policies;
  while (!list.empty()) {
    der::Reader fields, qualifiers;
    ByteView id;
    CertificatePolicy policy;
    if (policies.size() == kMaxPolicies || !list.ExpectSequence(&fields) ||
        !fields.ExpectOid(&id)) {
      return Malformed("a policy is malformed, or too many");
    }
    policy.id.content = ToBytes(id);
    if (!fields.empty() && (!fields.ExpectSequence(&qualifiers) ||
                            !fields.Finish() || qualifiers.empty())) {
      return Malformed("a policy's qualifiers are malformed");
    }
    while (!qualifiers.empty()) {
      if (policy.qualifiers.size() == kMaxQualifiers ||
          !ReadQualifier(&qualifiers, &policy.qualifiers.emplace_back())) {
        return Malformed("a qualifier is malformed, or too many");
      }
    }
    policies.push_back(std::move(policy));
  }
  // RFC 5280 4.2.1.4: "A certificate policy OID MUST NOT appear more than once
  // in a certificate policies extension."
  if (HasTwice(policies)) return Malformed("a policy stands there twice");
  return policies;
}

absl::StatusOr<Bytes> SerializeCertificatePolicies(
    const std::vector<CertificatePolicy>& policies) {
  if (policies.empty() || policies.size() > kMaxPolicies ||
      HasTwice(policies)) {
    return Malformed("1 to 64 policies, each once");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) {
    for (const CertificatePolicy& policy : policies) {
      list.AddSequence([&](der::Writer& fields) {
        fields.AddOid(policy.id);
        if (policy.qualifiers.empty()) return;
        fields.AddSequence([&](der::Writer& qualifiers) {
          for (const PolicyQualifier& qualifier : policy.qualifiers) {
            qualifiers.AddSequence([&](der::Writer& info) {
              info.AddOid(qualifier.id);
              info.AddElement(qualifier.value);
            });
          }
        });
      });
    }
  });
  return writer.Finish();
}

}  // namespace bestow
