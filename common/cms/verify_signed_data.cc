#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/cms/algorithm.h"
#include "common/cms/key_encryption.h"
#include "common/cms/signed_data.h"
#include "common/cms/signed_data_internal.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/attribute.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

constexpr size_t kMaxCertificates = 64;
constexpr size_t kMaxAttributes = 32;
constexpr uint64_t kMaxVersion = 5;  // RFC 5652 5.1: 1, 3, 4 or 5
constexpr uint64_t kSignerVersionIssuer = 1;
constexpr uint64_t kSignerVersionKeyId = 3;
constexpr der::Tag kImplicit1 =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;
constexpr der::Tag kKeyIdTag = CBS_ASN1_CONTEXT_SPECIFIC | 0;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("SignedData: ", why));
}

bool AreElements(der::Reader list) {
  ByteView element;
  while (!list.empty()) {
    if (!list.ExpectAny(&element)) return false;
  }
  return true;
}

struct SignerInfo {
  bool by_key_id = false;
  Bytes key_id, issuer, serial;
  Hash digest = Hash::kSha256;
  Bytes attributes;  // whole, with its own tag
  Bytes signature_algorithm;
  Bytes signature;
};

// SignerInfo ::= SEQUENCE { version, sid CHOICE { IssuerAndSerialNumber,
//   subjectKeyIdentifier [0] }, digestAlgorithm,
//   signedAttrs [0] IMPLICIT SET OF Attribute OPTIONAL, signatureAlgorithm,
//   signature OCTET STRING, unsignedAttrs [1] IMPLICIT SET OF OPTIONAL }
absl::Status ReadSignerInfo(der::Reader fields, SignerInfo* out) {
  uint64_t version = 0;
  der::Reader key_id, sid, unsigned_attributes;
  ByteView issuer, serial, digest, attributes, algorithm, signature;
  bool has_unsigned = false;
  if (!fields.ExpectUint(&version) ||
      !fields.Match(kKeyIdTag, &key_id, &out->by_key_id) ||
      version !=
          (out->by_key_id ? kSignerVersionKeyId : kSignerVersionIssuer)) {
    return Malformed("the signer's version is wrong");
  }
  if (!out->by_key_id && (!fields.ExpectSequence(&sid) ||
                          !sid.ExpectElement(CBS_ASN1_SEQUENCE, &issuer) ||
                          !sid.ExpectInteger(&serial) || !sid.Finish())) {
    return Malformed("the signer's identifier is malformed");
  }
  if (!ExpectAlgorithmIdentifier(&fields, &digest)) {
    return Malformed("the digest algorithm is malformed");
  }
  absl::StatusOr<Hash> hash = ParseHash(digest);
  if (!hash.ok()) return Malformed(hash.status().message());
  if (*hash == Hash::kSha1) return Malformed("SHA-1 signs nothing here");
  if (!fields.NextIs(kExplicit0)) {
    return Malformed("there are no signed attributes");
  }
  if (!fields.ExpectElement(kExplicit0, &attributes) ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !fields.ExpectOctetString(&signature) ||
      !fields.Match(kImplicit1, &unsigned_attributes, &has_unsigned) ||
      !AreElements(unsigned_attributes) || !fields.Finish()) {
    return Malformed("the SignerInfo is malformed");
  }
  out->key_id = ToBytes(key_id.rest());
  out->issuer = ToBytes(issuer);
  out->serial = ToBytes(serial);
  out->digest = *hash;
  out->attributes = ToBytes(attributes);
  out->signature_algorithm = ToBytes(algorithm);
  out->signature = ToBytes(signature);
  return absl::OkStatus();
}

struct SignedAttributes {
  std::optional<Bytes> content_type;    // the value, whole
  std::optional<Bytes> message_digest;  // the value, whole
  std::optional<absl::Time> signing_time;
};

// RFC 5652 11: each of these is there once, with one value.
absl::Status ReadAttributes(ByteView element, SignedAttributes* out) {
  der::Reader reader(element), list;
  if (!reader.Expect(kExplicit0, &list)) {
    return Malformed("the signed attributes are malformed");
  }
  std::vector<der::Oid> seen;
  while (!list.empty()) {
    CsrAttribute attribute;
    if (!ExpectAttribute(&list, &attribute) || seen.size() == kMaxAttributes) {
      return Malformed("the signed attributes are malformed");
    }
    if (std::find(seen.begin(), seen.end(), attribute.type) != seen.end()) {
      return Malformed("a signed attribute is there twice");
    }
    seen.push_back(attribute.type);
    const bool is_type = attribute.type == oids::ContentType();
    const bool is_digest = attribute.type == oids::MessageDigest();
    const bool is_time = attribute.type == oids::SigningTime();
    if (!is_type && !is_digest && !is_time) continue;
    if (attribute.values.size() != 1) {
      return Malformed("a signed attribute has several values");
    }
    if (is_type) out->content_type = attribute.values[0];
    if (is_digest) out->message_digest = attribute.values[0];
    if (is_time) {
      der::Reader value(attribute.values[0]);
      absl::Time time;
      if (!value.ExpectTime(&time) || !value.Finish()) {
        return Malformed("the signing time is malformed");
      }
      out->signing_time = time;
    }
  }
  if (!out->content_type.has_value() || !out->message_digest.has_value()) {
    return Malformed("contentType or messageDigest is not signed");
  }
  return absl::OkStatus();
}

absl::Status ReadCertificates(der::Reader list, std::vector<Certificate>* out) {
  while (!list.empty()) {
    ByteView element;
    if (!list.ExpectElement(CBS_ASN1_SEQUENCE, &element)) {
      return Malformed("an entry that is no X.509 certificate");
    }
    absl::StatusOr<Certificate> certificate = ParseCertificateDer(element);
    if (!certificate.ok()) return Malformed(certificate.status().message());
    if (out->size() == kMaxCertificates) {
      return Malformed("too many certificates");
    }
    out->push_back(*std::move(certificate));
  }
  return absl::OkStatus();
}

// Old signers name rsaEncryption, and the digest beside it (RFC 5754 3.2).
Bytes SignatureAlgorithmOf(const SignerInfo& info) {
  der::Reader reader(info.signature_algorithm), fields;
  ByteView oid;
  if (!reader.ExpectSequence(&fields) || !fields.ExpectOid(&oid) ||
      ToBytes(oid) != oids::RsaEncryption().content) {
    return info.signature_algorithm;
  }
  const der::Oid& combined =
      info.digest == Hash::kSha256   ? oids::Sha256WithRsa()
      : info.digest == Hash::kSha384 ? oids::Sha384WithRsa()
                                     : oids::Sha512WithRsa();
  der::Writer writer;
  writer.AddSequence([&](der::Writer& w) {
    w.AddOid(combined);
    w.AddElement(fields.rest());
  });
  absl::StatusOr<Bytes> der = writer.Finish();
  return der.ok() ? *std::move(der) : info.signature_algorithm;
}

absl::Status Verify(const SignerInfo& info, const SignedAttributes& attributes,
                    const SignedContent& content) {
  der::Reader type(*attributes.content_type),
      digest(*attributes.message_digest);
  ByteView type_value, digest_value;
  if (!type.ExpectOid(&type_value) || !type.Finish() ||
      !digest.ExpectOctetString(&digest_value) || !digest.Finish()) {
    return Malformed("contentType or messageDigest is malformed");
  }
  // RFC 5652 11.1: the attribute's value is eContentType.
  if (ToBytes(type_value) != content.content_type.content) {
    return absl::PermissionDeniedError(
        "SignedData: another content type was signed");
  }
  if (!ConstantTimeEquals(digest_value,
                          Digest(info.digest, content.content.bytes()))) {
    return absl::PermissionDeniedError(
        "SignedData: the content is not what was signed");
  }
  Bytes message = info.attributes;
  message[0] = kSetOctet;
  absl::Status status = VerifySignature(
      SignatureAlgorithmOf(info), content.signer.spki, message, info.signature);
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("SignedData: ", status.message()));
}

// SignedData ::= SEQUENCE { version, digestAlgorithms SET OF,
//   encapContentInfo SEQUENCE { eContentType OID,
//     eContent [0] EXPLICIT OCTET STRING OPTIONAL },
//   certificates [0] IMPLICIT SET OF OPTIONAL, crls [1] IMPLICIT SET OPTIONAL,
//   signerInfos SET OF SignerInfo }
absl::StatusOr<SignedContent> ReadSignedData(der::Reader fields) {
  uint64_t version = 0;
  der::Reader digests, encapsulated, explicit_content, certificates, crls,
      signers, signer;
  ByteView type, content;
  bool has_content = false, has_certificates = false, has_crls = false;
  if (!fields.ExpectUint(&version) || version == 0 || version == 2 ||
      version > kMaxVersion) {
    return Malformed("the version is not one of SignedData");
  }
  if (!fields.ExpectSet(&digests) || !AreElements(digests) ||
      !fields.ExpectSequence(&encapsulated) || !encapsulated.ExpectOid(&type) ||
      !encapsulated.Match(kExplicit0, &explicit_content, &has_content) ||
      !encapsulated.Finish()) {
    return Malformed("malformed");
  }
  if (!has_content) return Malformed("the content is detached");
  if (!explicit_content.ExpectOctetString(&content) ||
      !explicit_content.Finish() ||
      !fields.Match(kExplicit0, &certificates, &has_certificates) ||
      !fields.Match(kImplicit1, &crls, &has_crls) || !AreElements(crls) ||
      !fields.ExpectSet(&signers) || !fields.Finish()) {
    return Malformed("malformed");
  }
  if (signers.empty()) return Malformed("there is no signer");
  if (!signers.ExpectSequence(&signer)) return Malformed("malformed");
  if (!signers.Finish()) return Malformed("there is more than one signer");
  SignerInfo info;
  SignedAttributes attributes;
  SignedContent out;
  absl::Status status = ReadSignerInfo(signer, &info);
  if (status.ok()) status = ReadAttributes(info.attributes, &attributes);
  if (status.ok()) status = ReadCertificates(certificates, &out.certificates);
  if (!status.ok()) return status;
  const auto found = std::find_if(
      out.certificates.begin(), out.certificates.end(),
      [&](const Certificate& certificate) {
        return info.by_key_id ? !info.key_id.empty() &&
                                    certificate.subject_key_id == info.key_id
                              : certificate.serial == info.serial &&
                                    certificate.issuer.der() == info.issuer;
      });
  if (found == out.certificates.end()) {
    return Malformed("the signer's certificate is not in it");
  }
  out.signer = *found;
  out.content_type.content = ToBytes(type);
  out.content = Secret(ToBytes(content));
  out.signing_time = attributes.signing_time;
  status = Verify(info, attributes, out);
  if (!status.ok()) return status;
  return out;
}

}  // namespace

absl::StatusOr<SignedContent> ParseAndVerifySignedDataDer(ByteView der) {
  der::Reader reader(der), outer, content, signed_data;
  if (!reader.ExpectSequence(&outer)) return Malformed("not a DER SEQUENCE");
  if (!reader.Finish()) return Malformed("bytes follow it");
  // A ContentInfo begins with its type, a SignedData with its version.
  if (!outer.NextIs(CBS_ASN1_OBJECT)) return ReadSignedData(outer);
  ByteView type;
  if (!outer.ExpectOid(&type) ||
      ToBytes(type) != oids::CmsSignedData().content) {
    return Malformed("the ContentInfo is of another type");
  }
  if (!outer.Expect(kExplicit0, &content) || !outer.Finish() ||
      !content.ExpectSequence(&signed_data) || !content.Finish()) {
    return Malformed("the ContentInfo is malformed");
  }
  return ReadSignedData(signed_data);
}

}  // namespace bestow::cms
