#include "server/config/known_names.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxCaName = 64;
constexpr size_t kMaxUrl = 200;

struct NamedOid {
  std::string_view name;
  const char* dotted;
};

constexpr NamedOid kPurposes[] = {
    {"serverAuth", "1.3.6.1.5.5.7.3.1"},
    {"clientAuth", "1.3.6.1.5.5.7.3.2"},
    {"codeSigning", "1.3.6.1.5.5.7.3.3"},
    {"emailProtection", "1.3.6.1.5.5.7.3.4"},
    {"ipsecIKE", "1.3.6.1.5.5.7.3.17"},
};

constexpr NamedOid kCsrAttributes[] = {
    {"challengePassword", "1.2.840.113549.1.9.7"},
    {"ecdsa-with-SHA256", "1.2.840.10045.4.3.2"},
    {"ecdsa-with-SHA384", "1.2.840.10045.4.3.3"},
    {"sha256WithRSAEncryption", "1.2.840.113549.1.1.11"},
    {"sha384WithRSAEncryption", "1.2.840.113549.1.1.12"},
};

// By name from `known`, or dotted.
template <size_t N>
absl::StatusOr<der::Oid> OidByName(std::string_view name,
                                   const NamedOid (&known)[N]) {
  for (const NamedOid& entry : known) {
    if (entry.name == name) return der::OidFromDotted(entry.dotted);
  }
  if (!name.empty() && absl::ascii_isdigit(name[0])) {
    return der::OidFromDotted(name);
  }
  std::string names;
  for (const NamedOid& entry : known) absl::StrAppend(&names, entry.name, ", ");
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is not one of ", names,
                   "nor an object identifier like 1.2.840.113549.1.9.7"));
}

}  // namespace

absl::StatusOr<uint32_t> KeyUsageByName(std::string_view name) {
  if (name == "digitalSignature") return kDigitalSignature;
  if (name == "nonRepudiation") return kNonRepudiation;
  if (name == "keyEncipherment") return kKeyEncipherment;
  if (name == "dataEncipherment") return kDataEncipherment;
  if (name == "keyAgreement") return kKeyAgreement;
  if (name == "keyCertSign" || name == "cRLSign") {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", name, "\" is a CA's, and no device gets it from this server"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", name,
      "\" is not one of digitalSignature, nonRepudiation, keyEncipherment, "
      "dataEncipherment, keyAgreement"));
}

bool IsForbiddenPurpose(const der::Oid& purpose) {
  return purpose == oids::KpCmcRa() || purpose == oids::KpCmcCa() ||
         purpose == oids::KpOcspSigning() ||
         purpose == oids::AnyExtendedKeyUsage();
}

absl::StatusOr<der::Oid> PurposeByName(std::string_view name) {
  absl::StatusOr<der::Oid> purpose = OidByName(name, kPurposes);
  if (purpose.ok() && IsForbiddenPurpose(*purpose)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name,
                     "\" would let a device play the EST server (RFC 7030 "
                     "3.6.1) or the CA, and no device gets it"));
  }
  return purpose;
}

bool IsCaName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxCaName &&
         absl::ascii_isalnum(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '.' || c == '_' || c == '-';
         });
}

bool IsCaFolder(std::string_view path) {
  if (path == "ca") return true;
  return absl::ConsumePrefix(&path, "cas/") && IsCaName(path);
}

bool IsWebUrl(std::string_view text) {
  return (absl::StartsWith(text, "https://") ||
          absl::StartsWith(text, "http://")) &&
         text.size() <= kMaxUrl &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c));
         });
}

absl::StatusOr<der::Oid> CsrAttributeByName(std::string_view name) {
  return OidByName(name, kCsrAttributes);
}

}  // namespace bestow::server
