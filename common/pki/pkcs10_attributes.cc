#include "common/pki/pkcs10_attributes.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/strings.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr size_t kMaxPasswordBytes = 255;            // RFC 2985 5.4.1
constexpr size_t kMaxAlternativeCharacters = 255;    // RFC 7894 3
constexpr size_t kMaxKeyIdentifierBytes = 255;       // ours: RFC 4108 has none
constexpr size_t kMaxSmimeCapabilitiesBytes = 4096;  // ours

// The attributes of one string, or one string of octets, and where they go.
struct TextAttribute {
  const der::Oid& (*type)();
  std::string_view name;
  std::optional<std::string> Pkcs10Request::*read;
  std::optional<std::string> Pkcs10Template::*wanted;
};

constexpr TextAttribute kAlternativeChallenges[] = {
    {oids::OtpChallenge, "otpChallenge", &Pkcs10Request::otp_challenge,
     &Pkcs10Template::otp_challenge},
    {oids::RevocationChallenge, "revocationChallenge",
     &Pkcs10Request::revocation_challenge,
     &Pkcs10Template::revocation_challenge},
    {oids::EstIdentityLinking, "estIdentityLinking",
     &Pkcs10Request::est_identity_linking,
     &Pkcs10Template::est_identity_linking},
};

struct OctetsAttribute {
  const der::Oid& (*type)();
  std::string_view name;
  std::optional<Bytes> Pkcs10Request::*read;
  std::optional<Bytes> Pkcs10Template::*wanted;
};

constexpr OctetsAttribute kKeyIdentifiers[] = {
    {oids::DecryptKeyIdentifier, "DecryptKeyIdentifier",
     &Pkcs10Request::decrypt_key_identifier,
     &Pkcs10Template::decrypt_key_identifier},
    {oids::AsymmetricDecryptKeyIdentifier, "AsymmetricDecryptKeyIdentifier",
     &Pkcs10Request::asymmetric_decrypt_key_identifier,
     &Pkcs10Template::asymmetric_decrypt_key_identifier},
};

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("PKCS#10: ", why));
}

absl::Status DecodeExtensionRequest(const CsrAttribute& attribute,
                                    Pkcs10Request* request) {
  if (attribute.values.size() != 1) {
    return Malformed("extensionRequest has more than one value");
  }
  absl::StatusOr<std::vector<Extension>> extensions =
      ParseExtensionsDer(attribute.values[0], WrittenDefault::kTaken);
  if (!extensions.ok()) return Malformed(extensions.status().message());
  request->requested_extensions = *std::move(extensions);
  for (const Extension& extension : request->requested_extensions) {
    if (extension.id != oids::SubjectAltName()) continue;
    absl::StatusOr<std::vector<GeneralName>> sans =
        ParseGeneralNamesDer(extension.value);
    if (!sans.ok()) return Malformed(sans.status().message());
    request->requested_sans = *std::move(sans);
  }
  return absl::OkStatus();
}

absl::Status DecodeChallengePassword(const CsrAttribute& attribute,
                                     Pkcs10Request* request) {
  der::Reader reader(attribute.values[0]), content;
  der::Tag tag = 0;
  if (attribute.values.size() != 1 || !reader.PeekTag(&tag) ||
      !reader.Expect(tag, &content) ||
      content.rest().size() > kMaxPasswordBytes) {
    return Malformed("challengePassword is not one string of up to 255 octets");
  }
  request->challenge_password = der::DecodeString(tag, content.rest());
  if (!request->challenge_password.has_value()) {
    return Malformed("challengePassword is not valid text");
  }
  return absl::OkStatus();
}

bool IsDirectoryStringTag(der::Tag tag) {
  return tag == CBS_ASN1_UTF8STRING || tag == CBS_ASN1_PRINTABLESTRING ||
         tag == CBS_ASN1_T61STRING || tag == CBS_ASN1_UNIVERSALSTRING ||
         tag == CBS_ASN1_BMPSTRING;
}

// RFC 7894 3: "Each attribute described below is defined as a DirectoryString
// with a maximum length of 255"; SINGLE VALUE. RFC 5912: DirectoryString's
// SIZE is (1..maxSize), in characters.
absl::Status DecodeAlternativeChallenge(const CsrAttribute& attribute,
                                        std::string_view name,
                                        std::optional<std::string>* text) {
  der::Reader reader(attribute.values[0]), content;
  der::Tag tag = 0;
  if (attribute.values.size() == 1 && reader.PeekTag(&tag) &&
      IsDirectoryStringTag(tag) && reader.Expect(tag, &content)) {
    *text = der::DecodeString(tag, content.rest());
  }
  if (!text->has_value() || (*text)->empty() ||
      der::CountCharacters(**text) > kMaxAlternativeCharacters) {
    return Malformed(absl::StrCat(
        name, " is not one DirectoryString of 1 to 255 characters"));
  }
  return absl::OkStatus();
}

// RFC 4108 2.2.5, RFC 7030 4.4.1.2: OCTET STRING, SINGLE VALUE.
absl::Status DecodeKeyIdentifier(const CsrAttribute& attribute,
                                 std::string_view name,
                                 std::optional<Bytes>* octets) {
  der::Reader reader(attribute.values[0]);
  ByteView content;
  if (attribute.values.size() != 1 || !reader.ExpectOctetString(&content) ||
      content.empty() || content.size() > kMaxKeyIdentifierBytes) {
    return Malformed(
        absl::StrCat(name, " is not one OCTET STRING of 1 to 255 octets"));
  }
  *octets = ToBytes(content);
  return absl::OkStatus();
}

// RFC 8551 2.5.2: SMIMECapabilities ::= SEQUENCE OF SMIMECapability
bool IsSmimeCapabilities(ByteView value) {
  der::Reader reader(value), content;
  return value.size() <= kMaxSmimeCapabilitiesBytes &&
         reader.ExpectSequence(&content) && reader.Finish();
}

// RFC 8551 2.5.2: "MUST only include a single instance of AttributeValue".
absl::Status DecodeSmimeCapabilities(const CsrAttribute& attribute,
                                     Pkcs10Request* request) {
  if (attribute.values.size() != 1 ||
      !IsSmimeCapabilities(attribute.values[0])) {
    return Malformed("SMIMECapabilities is not one SEQUENCE of fair length");
  }
  request->smime_capabilities = attribute.values[0];
  return absl::OkStatus();
}

absl::Status DecodeChangeSubjectName(const CsrAttribute& attribute,
                                     Pkcs10Request* request) {
  if (attribute.values.size() != 1) {
    return Malformed("ChangeSubjectName has more than one value");
  }
  absl::StatusOr<ChangeSubjectName> change =
      ParseChangeSubjectNameDer(attribute.values[0]);
  if (!change.ok()) return Malformed(change.status().message());
  request->change_subject_name = *std::move(change);
  return absl::OkStatus();
}

// RFC 2985 5.4.1, RFC 7894 3: "SHOULD use the PrintableString encoding whenever
// possible. If internationalization issues make this impossible, the UTF8String
// alternative SHOULD be used."
absl::StatusOr<CsrAttribute> EncodeText(const der::Oid& type,
                                        std::string_view name,
                                        std::string_view text) {
  der::Writer value;
  if (der::IsPrintableString(text)) {
    value.AddPrintableString(text);
  } else {
    value.AddUtf8String(text);
  }
  absl::StatusOr<Bytes> der = value.Finish();
  if (!der.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", name, " is not UTF-8"));
  }
  return CsrAttribute{type, {*std::move(der)}};
}

absl::StatusOr<CsrAttribute> EncodeKeyIdentifier(const der::Oid& type,
                                                 std::string_view name,
                                                 ByteView octets) {
  if (octets.empty() || octets.size() > kMaxKeyIdentifierBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", name, " has 1 to 255 octets"));
  }
  der::Writer value;
  value.AddOctetString(octets);
  absl::StatusOr<Bytes> der = value.Finish();
  if (!der.ok()) return der.status();
  return CsrAttribute{type, {*std::move(der)}};
}

absl::StatusOr<CsrAttribute> EncodeExtensionRequest(
    const Pkcs10Template& wanted) {
  std::vector<Extension> extensions = wanted.extensions;
  if (!wanted.sans.empty()) {
    absl::StatusOr<Bytes> sans = SerializeGeneralNamesDer(wanted.sans);
    if (!sans.ok()) return sans.status();
    // RFC 5280 4.2.1.6: critical when there is no subject.
    extensions.push_back({.id = oids::SubjectAltName(),
                          .critical = wanted.subject.empty(),
                          .value = *std::move(sans)});
  }
  absl::StatusOr<Bytes> value = SerializeExtensionsDer(extensions);
  if (!value.ok()) return value.status();
  return CsrAttribute{oids::ExtensionRequest(), {*std::move(value)}};
}

}  // namespace

absl::Status DecodeAttribute(const CsrAttribute& attribute,
                             Pkcs10Request* request) {
  for (const TextAttribute& text : kAlternativeChallenges) {
    if (attribute.type != text.type()) continue;
    return DecodeAlternativeChallenge(attribute, text.name,
                                      &(request->*text.read));
  }
  for (const OctetsAttribute& octets : kKeyIdentifiers) {
    if (attribute.type != octets.type()) continue;
    return DecodeKeyIdentifier(attribute, octets.name,
                               &(request->*octets.read));
  }
  if (attribute.type == oids::ExtensionRequest()) {
    return DecodeExtensionRequest(attribute, request);
  }
  if (attribute.type == oids::ChallengePassword()) {
    return DecodeChallengePassword(attribute, request);
  }
  if (attribute.type == oids::SmimeCapabilities()) {
    return DecodeSmimeCapabilities(attribute, request);
  }
  if (attribute.type == oids::ChangeSubjectName()) {
    return DecodeChangeSubjectName(attribute, request);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CsrAttribute>> EncodeAttributes(
    const Pkcs10Template& wanted) {
  std::vector<CsrAttribute> out = wanted.attributes;
  absl::Status status;
  const auto add = [&](absl::StatusOr<CsrAttribute> attribute) {
    if (attribute.ok()) {
      out.push_back(*std::move(attribute));
    } else {
      status.Update(attribute.status());
    }
  };
  if (wanted.challenge_password.has_value()) {
    if (wanted.challenge_password->size() > kMaxPasswordBytes) {
      return absl::InvalidArgumentError(
          "a challengePassword has at most 255 octets");
    }
    add(EncodeText(oids::ChallengePassword(), "challengePassword",
                   *wanted.challenge_password));
  }
  for (const TextAttribute& text : kAlternativeChallenges) {
    const std::optional<std::string>& value = wanted.*text.wanted;
    if (!value.has_value()) continue;
    if (value->empty() ||
        der::CountCharacters(*value) > kMaxAlternativeCharacters) {
      return absl::InvalidArgumentError(
          absl::StrCat("an ", text.name, " has 1 to 255 characters"));
    }
    add(EncodeText(text.type(), text.name, *value));
  }
  for (const OctetsAttribute& octets : kKeyIdentifiers) {
    const std::optional<Bytes>& value = wanted.*octets.wanted;
    if (!value.has_value()) continue;
    add(EncodeKeyIdentifier(octets.type(), octets.name, *value));
  }
  if (wanted.smime_capabilities.has_value()) {
    if (!IsSmimeCapabilities(*wanted.smime_capabilities)) {
      return absl::InvalidArgumentError("SMIMECapabilities is one SEQUENCE");
    }
    out.push_back({oids::SmimeCapabilities(), {*wanted.smime_capabilities}});
  }
  if (wanted.change_subject_name.has_value()) {
    absl::StatusOr<Bytes> der =
        SerializeChangeSubjectNameDer(*wanted.change_subject_name);
    if (!der.ok()) return der.status();
    out.push_back({oids::ChangeSubjectName(), {*std::move(der)}});
  }
  if (!wanted.sans.empty() || !wanted.extensions.empty()) {
    add(EncodeExtensionRequest(wanted));
  }
  if (!status.ok()) return status;
  return out;
}

}  // namespace bestow
