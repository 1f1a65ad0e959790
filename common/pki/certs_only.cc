#include "common/pki/certs_only.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr size_t kMaxCertificates = 64;
constexpr uint64_t kMaxVersion = 5;  // RFC 5652 10.2.5: 1, 3, 4 or 5
constexpr der::Tag kContext0 =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr der::Tag kCrlsTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("certs-only: ", why));
}

bool AreElements(der::Reader list) {
  ByteView element;
  while (!list.empty()) {
    if (!list.ExpectAny(&element)) return false;
  }
  return true;
}

absl::Status ReadCertificates(der::Reader list, CertsOnly* out) {
  while (!list.empty()) {
    ByteView element;
    // CertificateChoices: a SEQUENCE is X.509, the tagged ones are not taken.
    if (!list.ExpectElement(CBS_ASN1_SEQUENCE, &element)) {
      return Malformed("an entry that is no X.509 certificate");
    }
    absl::StatusOr<Certificate> certificate = ParseCertificateDer(element);
    if (!certificate.ok()) return Malformed(certificate.status().message());
    if (out->certificates.size() == kMaxCertificates) {
      return Malformed("too many certificates");
    }
    out->certificates.push_back(*std::move(certificate));
  }
  if (out->certificates.empty()) return Malformed("no certificate");
  return absl::OkStatus();
}

// SignedData ::= SEQUENCE { version CMSVersion,
//   digestAlgorithms SET OF DigestAlgorithmIdentifier,
//   encapContentInfo SEQUENCE { eContentType OID, eContent [0] OPTIONAL },
//   certificates [0] IMPLICIT SET OF CertificateChoices OPTIONAL,
//   crls [1] IMPLICIT SET OF RevocationInfoChoice OPTIONAL,
//   signerInfos SET OF SignerInfo }
// RFC 5652 5.2 and RFC 8551 3.2.2: in the degenerate case there are no signers
// and no content, and the content type is id-data.
absl::Status ReadSignedData(der::Reader fields, CertsOnly* out) {
  der::Reader digests, encapsulated, certificates, crls, signers;
  ByteView type, element;
  bool has_certificates = false, has_crls = false;
  if (!fields.ExpectUint(&out->version) || out->version == 0 ||
      out->version == 2 || out->version > kMaxVersion) {
    return Malformed("the version is not one of SignedData");
  }
  if (!fields.ExpectSet(&digests)) return Malformed("no digestAlgorithms");
  out->digest_algorithms = ToBytes(digests.rest());
  while (!digests.empty()) {
    if (!ExpectAlgorithmIdentifier(&digests, &element)) {
      return Malformed("a digest algorithm is malformed");
    }
  }
  if (!fields.ExpectSequence(&encapsulated) || !encapsulated.ExpectOid(&type) ||
      ToBytes(type) != oids::CmsData().content) {
    return Malformed("the content type is not data");
  }
  if (!encapsulated.Finish()) return Malformed("there is content");
  if (!fields.Match(kContext0, &certificates, &has_certificates) ||
      !fields.Match(kCrlsTag, &crls, &has_crls) || !AreElements(crls) ||
      !fields.ExpectSet(&signers) || !fields.Finish()) {
    return Malformed("the SignedData is malformed");
  }
  if (!signers.empty()) return Malformed("there are signers");
  if (has_crls) out->crls = ToBytes(crls.rest());
  return ReadCertificates(certificates, out);
}

absl::StatusOr<Bytes> Write(const CertsOnly& parts,
                            const std::vector<ByteView>& certificates) {
  der::Writer writer;
  // ContentInfo ::= SEQUENCE { contentType OID, content [0] EXPLICIT ANY }
  writer.AddSequence([&](der::Writer& content_info) {
    content_info.AddOid(oids::CmsSignedData());
    content_info.Add(kContext0, [&](der::Writer& content) {
      content.AddSequence([&](der::Writer& signed_data) {
        signed_data.AddUint(parts.version);
        signed_data.AddPrimitive(CBS_ASN1_SET, parts.digest_algorithms);
        signed_data.AddSequence([](der::Writer& encapsulated) {
          encapsulated.AddOid(oids::CmsData());
        });
        signed_data.Add(kContext0, [&](der::Writer& list) {
          for (const ByteView certificate : certificates) {
            list.AddElement(certificate);
          }
        });
        if (parts.crls.has_value()) {
          signed_data.AddPrimitive(kCrlsTag, *parts.crls);
        }
        signed_data.AddSet([](der::Writer&) {});
      });
    });
  });
  return writer.Finish();
}

}  // namespace

absl::StatusOr<CertsOnly> ParseCertsOnlyDer(ByteView der) {
  der::Reader reader(der), content_info, content, signed_data;
  ByteView type;
  if (!reader.ExpectSequence(&content_info)) {
    return Malformed("not a DER SEQUENCE");
  }
  if (!reader.Finish()) return Malformed("bytes follow it");
  if (!content_info.ExpectOid(&type) ||
      ToBytes(type) != oids::CmsSignedData().content) {
    return Malformed("not SignedData");
  }
  if (!content_info.Expect(kContext0, &content) || !content_info.Finish() ||
      !content.ExpectSequence(&signed_data) || !content.Finish()) {
    return Malformed("the ContentInfo is malformed");
  }
  CertsOnly out;
  out.der = ToBytes(der);
  absl::Status status = ReadSignedData(signed_data, &out);
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<Bytes> SerializeCertsOnlyDer(
    const std::vector<Bytes>& certificates) {
  if (certificates.empty() || certificates.size() > kMaxCertificates) {
    return absl::InvalidArgumentError("certs-only: 1 to 64 certificates");
  }
  for (const Bytes& certificate : certificates) {
    absl::StatusOr<Certificate> parsed = ParseCertificateDer(certificate);
    if (!parsed.ok()) return parsed.status();
  }
  return Write(CertsOnly(),
               std::vector<ByteView>(certificates.begin(), certificates.end()));
}

absl::StatusOr<Bytes> ReserializeCertsOnlyDer(const CertsOnly& parts) {
  std::vector<Bytes> certificates;
  for (const Certificate& certificate : parts.certificates) {
    absl::StatusOr<Bytes> der = SerializeCertificateDer(certificate);
    if (!der.ok()) return der.status();
    certificates.push_back(*std::move(der));
  }
  return Write(parts,
               std::vector<ByteView>(certificates.begin(), certificates.end()));
}

}  // namespace bestow
