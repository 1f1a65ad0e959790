#include "server/est/csr_wishes.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "common/der/writer.h"
#include "common/est/csr_template.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "server/config/name_template.h"

namespace bestow::server {
namespace {

constexpr std::string_view kIdentityPlaceholder = "{identity}";

const CsrAttrsRequest& RequestFor(const CsrAttrsConfig& config,
                                  std::string_view identity) {
  if (identity.empty()) return config.all;
  for (const CsrAttrsConfig::ForIdentities& entry : config.for_identities) {
    for (const std::string& pattern : entry.identities) {
      if (MatchesPattern(pattern, identity)) return entry.request;
    }
  }
  return config.all;
}

// RFC 9908 3.2: the key's type, with the curve's OID or the RSA size as value.
absl::StatusOr<CsrAttribute> KeyAttribute(KeyType type) {
  der::Writer value;
  der::Oid algorithm = oids::EcPublicKey();
  switch (type) {
    case KeyType::kEcP256:
      value.AddOid(oids::Prime256v1());
      break;
    case KeyType::kEcP384:
      value.AddOid(oids::Secp384r1());
      break;
    case KeyType::kRsa2048:
    case KeyType::kRsa3072:
      algorithm = oids::RsaEncryption();
      value.AddUint(type == KeyType::kRsa2048 ? 2048 : 3072);
      break;
    case KeyType::kEd25519:
      return absl::InvalidArgumentError("no device has an Ed25519 key");
  }
  absl::StatusOr<Bytes> der = value.Finish();
  if (!der.ok()) return der.status();
  return CsrAttribute{std::move(algorithm), {*std::move(der)}};
}

// nullopt: they depend on who asks, which is not known.
absl::StatusOr<std::optional<Bytes>> SansFor(const CsrAttrsRequest& request,
                                             std::string_view identity) {
  std::vector<GeneralName> sans;
  for (const std::string& text : request.sans) {
    if (identity.empty() && absl::StrContains(text, kIdentityPlaceholder)) {
      return std::nullopt;
    }
    absl::StatusOr<GeneralName> san = RenderSan(text, identity);
    if (!san.ok()) return san.status();
    sans.push_back(*std::move(san));
  }
  absl::StatusOr<Bytes> der = SerializeGeneralNamesDer(sans);
  if (!der.ok()) return der.status();
  return *std::move(der);
}

absl::StatusOr<std::vector<Extension>> ExtensionsFor(
    const CsrAttrsRequest& request, std::string_view identity) {
  std::vector<Extension> extensions;
  if (!request.sans.empty()) {
    absl::StatusOr<std::optional<Bytes>> sans = SansFor(request, identity);
    if (!sans.ok()) return sans.status();
    if (sans->has_value()) {
      extensions.push_back({oids::SubjectAltName(), false, **std::move(sans)});
    }
  }
  if (request.key_usage != 0) {
    absl::StatusOr<Bytes> usage = SerializeKeyUsage(request.key_usage);
    if (!usage.ok()) return usage.status();
    extensions.push_back({oids::KeyUsage(), true, *std::move(usage)});
  }
  if (!request.extended_key_usage.empty()) {
    absl::StatusOr<Bytes> purposes =
        SerializeExtendedKeyUsage(request.extended_key_usage);
    if (!purposes.ok()) return purposes.status();
    extensions.push_back(
        {oids::ExtendedKeyUsage(), false, *std::move(purposes)});
  }
  return extensions;
}

// An attribute whose value depends on who asks, which is not known, is the
// client's to fill in.
absl::StatusOr<est::SubjectTemplate> SubjectFor(std::string_view text,
                                                std::string_view identity) {
  // An identity's name has no meaning in the text of a name
  // (policy/identity_name.h), and this one is too long to be one.
  static const std::string* const kNobody = new std::string(65, 'x');
  absl::StatusOr<est::SubjectTemplate> subject =
      est::SubjectTemplateFromText(absl::StrReplaceAll(
          text,
          {{kIdentityPlaceholder, identity.empty() ? *kNobody : identity}}));
  if (!subject.ok()) return subject;
  for (est::SubjectTemplate::Attribute& attribute : subject->attributes) {
    if (!absl::StrContains(attribute.text, *kNobody)) continue;
    attribute.value.reset();
    attribute.text.clear();
  }
  return subject;
}

absl::StatusOr<std::vector<est::ExtensionTemplate>> ExtensionTemplatesFor(
    const CsrAttrsRequest& request, std::string_view identity) {
  absl::StatusOr<std::vector<Extension>> known =
      ExtensionsFor(request, identity);
  if (!known.ok()) return known.status();
  std::vector<est::ExtensionTemplate> extensions;
  for (Extension& extension : *known) {
    extensions.push_back(
        {extension.id, extension.critical, std::move(extension.value)});
  }
  if (!request.sans.empty() &&
      (extensions.empty() || extensions[0].id != oids::SubjectAltName())) {
    extensions.insert(extensions.begin(),
                      {oids::SubjectAltName(), false, std::nullopt});
  }
  return extensions;
}

// RFC 9908 3.4. `oids`: the attributes that are asked for without a value.
absl::StatusOr<CsrAttribute> TemplateFor(const CsrAttrsRequest& request,
                                         const std::vector<der::Oid>& oids,
                                         std::string_view identity) {
  est::CsrTemplate wanted;
  if (!request.subject.empty()) {
    absl::StatusOr<est::SubjectTemplate> subject =
        SubjectFor(request.subject, identity);
    if (!subject.ok()) return subject.status();
    wanted.subject = *std::move(subject);
  }
  if (request.key_type.has_value()) {
    wanted.key = est::KeyTemplateFor(*request.key_type);
  }
  for (const der::Oid& oid : oids) wanted.attributes.push_back({oid, {}});
  absl::StatusOr<std::vector<est::ExtensionTemplate>> extensions =
      ExtensionTemplatesFor(request, identity);
  if (!extensions.ok()) return extensions.status();
  if (!extensions->empty()) {
    absl::Status status = est::SetExtensions(*std::move(extensions), &wanted);
    if (!status.ok()) return status;
  }
  return est::TemplateAttribute(wanted);
}

void AddOid(const der::Oid& oid, est::CsrAttrs& attrs) {
  if (!est::ContainsOid(attrs, oid)) attrs.items.emplace_back(oid);
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0;
  size_t star = std::string_view::npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() &&
               (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      // The last star takes one character more.
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

absl::StatusOr<est::CsrAttrs> CsrWishesFor(const ServiceConfig& config,
                                           std::string_view identity) {
  CsrAttrsRequest request = RequestFor(config.csr_attrs, identity);
  // RFC 7030 4.5.2: "If the CA requires a particular crypto system ... it MUST
  // provide that information in the CSR Attribute Response." Of several that
  // are taken, RFC 9908 3.2 lets it name one.
  if (!request.key_type.has_value() && !config.profile.key_types.empty()) {
    request.key_type = config.profile.key_types.front();
  }
  est::CsrAttrs attrs;
  for (const der::Oid& oid : request.oids) AddOid(oid, attrs);
  if (config.auth.linking == Linking::kRequired) {
    AddOid(oids::ChallengePassword(), attrs);
  }
  // Where it is optional, alone: who knows this OID knows what it means, others
  // ignore it (RFC 7030 4.5.2), and might fill in a challengePassword as a
  // password (RFC 2985 5.4.1).
  if (config.auth.linking != Linking::kOff) {
    AddOid(oids::EstIdentityLinking(), attrs);
  }
  std::vector<der::Oid> bare;
  for (const est::AttrOrOid& item : attrs.items) {
    bare.push_back(std::get<der::Oid>(item));
  }
  if (request.key_type.has_value()) {
    absl::StatusOr<CsrAttribute> key = KeyAttribute(*request.key_type);
    if (!key.ok()) return key.status();
    attrs.items.emplace_back(*std::move(key));
  }
  absl::StatusOr<std::vector<Extension>> extensions =
      ExtensionsFor(request, identity);
  if (!extensions.ok()) return extensions.status();
  if (!extensions->empty()) {
    // RFC 9908 3.2: one id-ExtensionReq, with one value.
    absl::StatusOr<Bytes> value = SerializeExtensionsDer(*extensions);
    if (!value.ok()) return value.status();
    attrs.items.emplace_back(
        CsrAttribute{oids::ExtensionRequest(), {*std::move(value)}});
  }
  if (!request.as_template) return attrs;
  // RFC 9908 4: those who know templates go by the template alone; the list
  // beside it is for the others.
  absl::StatusOr<CsrAttribute> wanted = TemplateFor(request, bare, identity);
  if (!wanted.ok()) return wanted.status();
  attrs.items.emplace_back(*std::move(wanted));
  return attrs;
}

}  // namespace bestow::server
