#include "common/pki/certificate.h"

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/oids.h"
#include "common/pki/pem.h"
#include "common/pki/serial.h"
#include "common/pki/signed.h"

namespace bestow {
namespace {

constexpr uint64_t kVersion2 = 1;
constexpr uint64_t kVersion3 = 2;
constexpr der::Tag kContext = CBS_ASN1_CONTEXT_SPECIFIC;
constexpr der::Tag kVersionTag = kContext | CBS_ASN1_CONSTRUCTED | 0;
constexpr der::Tag kIssuerUniqueIdTag = kContext | 1;
constexpr der::Tag kSubjectUniqueIdTag = kContext | 2;
constexpr der::Tag kExtensionsTag = kContext | CBS_ASN1_CONSTRUCTED | 3;
constexpr std::string_view kPemLabel = "CERTIFICATE";

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("certificate: ", why));
}

// Moves a parsed value into `out`; what failed goes to `status`.
template <typename T, typename Out>
void Store(absl::StatusOr<T> value, Out* out, absl::Status* status) {
  if (value.ok()) {
    *out = *std::move(value);
  } else {
    *status = Malformed(value.status().message());
  }
}

absl::Status DecodeExtensions(Certificate* out) {
  absl::Status status;
  for (const Extension& extension : out->extensions) {
    const der::Oid& id = extension.id;
    const Bytes& value = extension.value;
    if (id == oids::KeyUsage()) {
      Store(ParseKeyUsage(value), &out->key_usage, &status);
    } else if (id == oids::ExtendedKeyUsage()) {
      Store(ParseExtendedKeyUsage(value), &out->extended_key_usage, &status);
    } else if (id == oids::BasicConstraints()) {
      Store(ParseBasicConstraints(value), &out->basic_constraints, &status);
    } else if (id == oids::SubjectAltName()) {
      Store(ParseGeneralNamesDer(value), &out->sans, &status);
    } else if (id == oids::SubjectKeyIdentifier()) {
      Store(ParseSubjectKeyIdentifier(value), &out->subject_key_id, &status);
    } else if (id == oids::AuthorityKeyIdentifier()) {
      Store(ParseAuthorityKeyIdentifier(value), &out->authority_key_id,
            &status);
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadVersion(der::Reader* tbs, uint64_t* version) {
  // version [0] EXPLICIT INTEGER { v1(0), v2(1), v3(2) } DEFAULT v1
  der::Reader field;
  bool present = false;
  *version = 0;
  if (!tbs->Match(kVersionTag, &field, &present)) {
    return Malformed("the version is malformed");
  }
  if (!present) return absl::OkStatus();
  if (!field.ExpectUint(version) || !field.Finish() || *version < kVersion2 ||
      *version > kVersion3) {
    return Malformed("the version is neither v1, v2 nor v3");
  }
  return absl::OkStatus();
}

// The optional fields at the end, each of which asks for its version.
absl::Status ReadTail(der::Reader* tbs, uint64_t version, Certificate* out) {
  der::Reader unused, extensions;
  bool has_issuer_id = false, has_subject_id = false, has_extensions = false;
  if (!tbs->Match(kIssuerUniqueIdTag, &unused, &has_issuer_id) ||
      !tbs->Match(kSubjectUniqueIdTag, &unused, &has_subject_id) ||
      !tbs->Match(kExtensionsTag, &extensions, &has_extensions) ||
      !tbs->Finish()) {
    return Malformed("the fields after the key are malformed");
  }
  if (((has_issuer_id || has_subject_id) && version < kVersion2) ||
      (has_extensions && version != kVersion3)) {
    return Malformed("a field that its version does not have");
  }
  if (!has_extensions) return absl::OkStatus();
  absl::Status status;
  Store(ParseExtensionsDer(extensions.rest()), &out->extensions, &status);
  if (!status.ok()) return status;
  return DecodeExtensions(out);
}

absl::Status ReadTbs(Certificate* out) {
  // TBSCertificate ::= SEQUENCE { version, serialNumber, signature, issuer,
  //   validity, subject, subjectPublicKeyInfo, ... }
  der::Reader reader(out->tbs_der), tbs, validity;
  uint64_t version = 0;
  ByteView serial, algorithm, issuer, subject, spki;
  if (!reader.ExpectSequence(&tbs)) return Malformed("no TBSCertificate");
  absl::Status status = ReadVersion(&tbs, &version);
  if (!status.ok()) return status;
  if (!tbs.ExpectInteger(&serial) || !IsReadableSerial(serial)) {
    return Malformed("the serial number is negative, too long or malformed");
  }
  out->serial = ToBytes(serial);
  // RFC 5280 4.1.1.2: both AlgorithmIdentifiers are the same.
  if (!ExpectAlgorithmIdentifier(&tbs, &algorithm) ||
      ToBytes(algorithm) != out->signature_algorithm) {
    return Malformed("the two signature algorithms differ");
  }
  if (!tbs.ExpectElement(CBS_ASN1_SEQUENCE, &issuer) ||
      !tbs.ExpectSequence(&validity) ||
      !validity.ExpectTime(&out->not_before) ||
      !validity.ExpectTime(&out->not_after) || !validity.Finish()) {
    return Malformed("the issuer or the validity is malformed");
  }
  Store(Name::ParseDer(issuer), &out->issuer, &status);
  if (!status.ok()) return status;
  if (!tbs.ExpectElement(CBS_ASN1_SEQUENCE, &subject) ||
      !ExpectSubjectPublicKeyInfo(&tbs, &spki)) {
    return Malformed("the subject or the key is malformed");
  }
  Store(Name::ParseDer(subject), &out->subject, &status);
  if (!status.ok()) return status;
  out->spki = ToBytes(spki);
  return ReadTail(&tbs, version, out);
}

}  // namespace

std::string Certificate::SerialHex() const { return HexEncode(serial); }

absl::StatusOr<Certificate> ParseCertificateDer(ByteView der) {
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
  Signed parts;
  const std::string_view problem = ReadSigned(der, &parts);
  if (!problem.empty()) return Malformed(problem);
  Certificate out;
  out.der = ToBytes(der);
  out.tbs_der = ToBytes(parts.tbs);
  out.signature_algorithm = ToBytes(parts.algorithm);
  out.signature = ToBytes(parts.signature);
  absl::Status status = ReadTbs(&out);
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<Bytes> SerializeCertificateDer(const Certificate& certificate) {
  return SerializeSignedDer({certificate.tbs_der,
                             certificate.signature_algorithm,
                             certificate.signature});
}

absl::StatusOr<std::vector<Certificate>> ParseCertificatesPem(
    std::string_view pem, size_t max_count) {
  absl::StatusOr<std::vector<PemBlock>> blocks = ParsePem(pem, max_count);
  if (!blocks.ok()) return blocks.status();
  std::vector<Certificate> out;
  for (const PemBlock& block : *blocks) {
    if (block.label != kPemLabel) {
      return absl::InvalidArgumentError(
          "PEM: a block that is not a CERTIFICATE");
    }
    absl::StatusOr<Certificate> certificate =
        ParseCertificateDer(block.content);
    if (!certificate.ok()) return certificate.status();
    out.push_back(*std::move(certificate));
  }
  if (out.empty()) return absl::InvalidArgumentError("PEM: no CERTIFICATE");
  return out;
}

std::string SerializeCertificatePem(ByteView der) {
  return SerializePem(kPemLabel, der);
}

absl::StatusOr<Bytes> SerializeTbsCertificateDer(
    const CertificateTemplate& contents, SignatureAlgorithm algorithm) {
  if (!IsSerial(contents.serial)) {
    return absl::InvalidArgumentError(
        "certificate: a serial number is positive, of 1 to 20 octets");
  }
  if (contents.not_after < contents.not_before) {
    return absl::InvalidArgumentError("certificate: it ends before it begins");
  }
  Bytes extensions;
  if (!contents.extensions.empty()) {
    absl::StatusOr<Bytes> der = SerializeExtensionsDer(contents.extensions);
    if (!der.ok()) return der.status();
    extensions = *std::move(der);
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& tbs) {
    if (!extensions.empty()) {
      tbs.Add(kVersionTag, [](der::Writer& w) { w.AddUint(kVersion3); });
    }
    tbs.AddInteger(contents.serial);
    AddSignatureAlgorithm(tbs, algorithm);
    tbs.AddElement(contents.issuer.der());
    tbs.AddSequence([&](der::Writer& validity) {
      validity.AddTime(contents.not_before);
      validity.AddTime(contents.not_after);
    });
    tbs.AddElement(contents.subject.der());
    tbs.AddElement(contents.spki);
    if (!extensions.empty()) {
      tbs.Add(kExtensionsTag,
              [&](der::Writer& w) { w.AddElement(extensions); });
    }
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> AssembleCertificateDer(ByteView tbs_der,
                                             SignatureAlgorithm algorithm,
                                             ByteView signature) {
  return AssembleSignedDer(tbs_der, algorithm, signature);
}

}  // namespace bestow
