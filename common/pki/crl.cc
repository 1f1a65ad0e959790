#include "common/pki/crl.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "common/pki/pem.h"
#include "common/pki/serial.h"
#include "common/pki/signed.h"

namespace bestow {
namespace {

constexpr uint64_t kVersion2 = 1;
constexpr der::Tag kExtensionsTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr std::string_view kPemLabel = "X509 CRL";

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("CRL: ", why));
}

absl::Status UnknownCritical(const Extension& extension) {
  return Malformed(absl::StrCat("a critical extension that is not known: ",
                                der::OidToDotted(extension.id.content)));
}

bool IsNextTime(const der::Reader& reader) {
  return reader.NextIs(CBS_ASN1_UTCTIME) ||
         reader.NextIs(CBS_ASN1_GENERALIZEDTIME);
}

// CRLReason ::= ENUMERATED
bool ReadReason(ByteView value, RevocationReason* out) {
  der::Reader reader(value);
  uint8_t number = 0;
  if (!reader.ExpectEnumerated(&number) || !reader.Finish()) return false;
  const std::optional<RevocationReason> reason =
      RevocationReasonFromNumber(number);
  if (reason.has_value()) *out = *reason;
  return reason.has_value();
}

bool ReadUint(ByteView value, uint64_t* out) {
  der::Reader reader(value);
  return reader.ExpectUint(out) && reader.Finish();
}

// SEQUENCE { userCertificate CertificateSerialNumber, revocationDate Time,
//   crlEntryExtensions Extensions OPTIONAL }
absl::Status ReadEntry(der::Reader fields, CrlEntry* out) {
  ByteView serial;
  if (!fields.ExpectInteger(&serial) || !IsReadableSerial(serial) ||
      !fields.ExpectTime(&out->revoked_at)) {
    return Malformed("an entry's serial number or date is malformed");
  }
  out->serial = ToBytes(serial);
  if (fields.Finish()) return absl::OkStatus();
  const absl::StatusOr<std::vector<Extension>> extensions =
      ParseExtensionsDer(fields.rest());
  if (!extensions.ok()) return Malformed(extensions.status().message());
  for (const Extension& extension : *extensions) {
    if (extension.id == oids::ReasonCode()) {
      if (!ReadReason(extension.value, &out->reason)) {
        return Malformed("an entry's reason is malformed");
      }
    } else if (extension.id == oids::InvalidityDate()) {
      der::Reader reader(extension.value);
      absl::Time date;
      if (!reader.ExpectGeneralizedTime(&date) || !reader.Finish()) {
        return Malformed("an entry's invalidity date is malformed");
      }
      out->invalidity_date = date;
    } else if (extension.critical) {
      // RFC 5280 5.3: such a CRL says of no certificate what it is.
      return UnknownCritical(extension);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadEntries(der::Reader* tbs, std::vector<CrlEntry>* out) {
  if (!tbs->NextIs(CBS_ASN1_SEQUENCE)) return absl::OkStatus();
  der::Reader list, fields;
  // RFC 5280 5.1.2.6: without revoked certificates the list is absent.
  if (!tbs->ExpectSequence(&list) || list.empty()) {
    return Malformed("the list of revoked certificates is malformed or empty");
  }
  while (!list.empty()) {
    if (out->size() == kMaxCrlEntries) return Malformed("too many entries");
    if (!list.ExpectSequence(&fields)) {
      return Malformed("an entry is malformed");
    }
    absl::Status status = ReadEntry(fields, &out->emplace_back());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadExtension(const Extension& extension, CrlContents* out,
                           bool* has_number) {
  const der::Oid& id = extension.id;
  const ByteView value = extension.value;
  if (id == oids::CrlNumber()) {
    *has_number = ReadUint(value, &out->number);
    return *has_number ? absl::OkStatus() : Malformed("the CRL number is bad");
  }
  if (id == oids::DeltaCrlIndicator()) {
    uint64_t base = 0;
    if (!ReadUint(value, &base)) return Malformed("the base number is bad");
    out->base_number = base;
    return absl::OkStatus();
  }
  if (id == oids::AuthorityKeyIdentifier()) {
    absl::StatusOr<Bytes> key_id = ParseAuthorityKeyIdentifier(value);
    if (!key_id.ok()) return Malformed(key_id.status().message());
    out->authority_key_id = *std::move(key_id);
    return absl::OkStatus();
  }
  if (id == oids::FreshestCrl()) {
    auto points = ParseDistributionPoints(value);
    if (!points.ok()) return Malformed(points.status().message());
    out->freshest_crl = *std::move(points);
    return absl::OkStatus();
  }
  if (id == oids::IssuingDistributionPoint()) {
    auto point = ParseIssuingDistributionPoint(value);
    if (!point.ok()) return Malformed(point.status().message());
    // An indirect CRL's entries may be another issuer's; certificateIssuer is
    // not read here.
    if (point->is_indirect) return Malformed("an indirect CRL");
    out->issuing_distribution_point = *std::move(point);
    return absl::OkStatus();
  }
  return extension.critical ? UnknownCritical(extension) : absl::OkStatus();
}

bool HasRemoved(const CrlContents& contents) {
  for (const CrlEntry& entry : contents.entries) {
    if (entry.reason == RevocationReason::kRemoveFromCrl) return true;
  }
  return false;
}

// What RFC 5280 asks of the parts together. Empty: all is well.
std::string_view Contradiction(const CrlContents& contents) {
  const bool is_delta = contents.base_number.has_value();
  if (contents.authority_key_id.empty()) return "no authority key identifier";
  if (!is_delta && HasRemoved(contents)) {
    return "removeFromCRL on a full CRL";  // 5.3.1
  }
  if (is_delta && !contents.freshest_crl.empty()) {
    return "freshestCRL on a delta CRL";  // 5.2.6
  }
  for (const DistributionPoint& point : contents.freshest_crl) {
    if (point.reasons.has_value() || !point.crl_issuer.empty()) {
      return "freshestCRL with reasons or an issuer";  // 5.2.6
    }
  }
  if (is_delta && *contents.base_number >= contents.number) {
    return "a delta CRL's base is not before it";  // 5.2.4
  }
  return "";
}

absl::Status ReadTbs(Crl* out) {
  // TBSCertList ::= SEQUENCE { version v2, signature, issuer, thisUpdate,
  //   nextUpdate, revokedCertificates OPTIONAL, crlExtensions [0] }
  CrlContents& contents = out->contents;
  der::Reader reader(out->tbs_der), tbs, tail;
  uint64_t version = 0;
  ByteView algorithm, issuer;
  if (!reader.ExpectSequence(&tbs) || !tbs.ExpectUint(&version) ||
      version != kVersion2) {
    return Malformed("the version is not v2");
  }
  // RFC 5280 5.1.1.2: both AlgorithmIdentifiers are the same.
  if (!ExpectAlgorithmIdentifier(&tbs, &algorithm) ||
      ToBytes(algorithm) != out->signature_algorithm) {
    return Malformed("the two signature algorithms differ");
  }
  if (!tbs.ExpectElement(CBS_ASN1_SEQUENCE, &issuer)) {
    return Malformed("the issuer is malformed");
  }
  absl::StatusOr<Name> name = Name::ParseDer(issuer);
  if (!name.ok()) return Malformed(name.status().message());
  // RFC 5280 5.1.2.3: "The issuer field MUST contain a non-empty X.500
  // distinguished name".
  if (name->empty()) return Malformed("the issuer is empty");
  contents.issuer = *std::move(name);
  if (!tbs.ExpectTime(&contents.this_update)) {
    return Malformed("thisUpdate is malformed");
  }
  // RFC 5280 5.1.2.5: "Conforming CRL issuers MUST include the nextUpdate
  // field in all CRLs."
  if (!IsNextTime(tbs) || !tbs.ExpectTime(&contents.next_update)) {
    return Malformed("nextUpdate is missing or malformed");
  }
  absl::Status status = ReadEntries(&tbs, &contents.entries);
  if (!status.ok()) return status;
  if (!tbs.Expect(kExtensionsTag, &tail) || !tbs.Finish()) {
    return Malformed("the fields after the entries are malformed");
  }
  const absl::StatusOr<std::vector<Extension>> extensions =
      ParseExtensionsDer(tail.rest());
  if (!extensions.ok()) return Malformed(extensions.status().message());
  bool has_number = false;
  for (const Extension& extension : *extensions) {
    status = ReadExtension(extension, &contents, &has_number);
    if (!status.ok()) return status;
  }
  if (!has_number) return Malformed("no CRL number");
  const std::string_view wrong = Contradiction(contents);
  return wrong.empty() ? absl::OkStatus() : Malformed(wrong);
}

absl::StatusOr<Bytes> UintValue(uint64_t number) {
  der::Writer writer;
  writer.AddUint(number);
  return writer.Finish();
}

absl::StatusOr<std::vector<Extension>> CrlExtensions(
    const CrlContents& contents) {
  std::vector<Extension> list;
  absl::Status status;
  const auto add = [&](const der::Oid& id, bool critical,
                       absl::StatusOr<Bytes> value) {
    status.Update(value.status());
    if (value.ok()) list.push_back({id, critical, *std::move(value)});
  };
  add(oids::AuthorityKeyIdentifier(), false,
      SerializeAuthorityKeyIdentifier(contents.authority_key_id));
  add(oids::CrlNumber(), false, UintValue(contents.number));
  if (contents.base_number.has_value()) {
    add(oids::DeltaCrlIndicator(), true, UintValue(*contents.base_number));
  }
  if (contents.issuing_distribution_point.has_value()) {
    add(oids::IssuingDistributionPoint(), true,
        SerializeIssuingDistributionPoint(
            *contents.issuing_distribution_point));
  }
  if (!contents.freshest_crl.empty()) {
    add(oids::FreshestCrl(), false,
        SerializeDistributionPoints(contents.freshest_crl));
  }
  if (!status.ok()) return status;
  return list;
}

void AddEntryExtension(der::Writer& list, const der::Oid& id, ByteView value) {
  list.AddSequence([&](der::Writer& fields) {
    fields.AddOid(id);
    fields.AddOctetString(value);
  });
}

void AddEntry(der::Writer& list, const CrlEntry& entry) {
  list.AddSequence([&](der::Writer& fields) {
    fields.AddInteger(entry.serial);
    fields.AddTime(entry.revoked_at);
    const bool has_reason = entry.reason != RevocationReason::kUnspecified;
    if (!has_reason && !entry.invalidity_date.has_value()) return;
    fields.AddSequence([&](der::Writer& extensions) {
      if (has_reason) {
        const uint8_t value[] = {CBS_ASN1_ENUMERATED, 1,
                                 static_cast<uint8_t>(entry.reason)};
        AddEntryExtension(extensions, oids::ReasonCode(), value);
      }
      if (entry.invalidity_date.has_value()) {
        der::Writer date;
        date.AddGeneralizedTime(*entry.invalidity_date);
        const absl::StatusOr<Bytes> value = date.Finish();
        if (!value.ok()) return extensions.Fail();
        AddEntryExtension(extensions, oids::InvalidityDate(), *value);
      }
    });
  });
}

}  // namespace

absl::StatusOr<Crl> ParseCrlDer(ByteView der) {
  // CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signature }
  Signed parts;
  const std::string_view problem = ReadSigned(der, &parts);
  if (!problem.empty()) return Malformed(problem);
  Crl out;
  out.der = ToBytes(der);
  out.tbs_der = ToBytes(parts.tbs);
  out.signature_algorithm = ToBytes(parts.algorithm);
  out.signature = ToBytes(parts.signature);
  absl::Status status = ReadTbs(&out);
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<Bytes> SerializeCrlDer(const Crl& crl) {
  return SerializeSignedDer(
      {crl.tbs_der, crl.signature_algorithm, crl.signature});
}

absl::StatusOr<Bytes> SerializeTbsCrlDer(const CrlContents& contents,
                                         SignatureAlgorithm algorithm) {
  if (contents.issuer.empty()) return Malformed("the issuer is empty");
  if (contents.next_update <= contents.this_update) {
    return Malformed("it ends before it begins");
  }
  if (contents.entries.size() > kMaxCrlEntries) {
    return Malformed("too many entries");
  }
  const std::string_view wrong = Contradiction(contents);
  if (!wrong.empty()) return Malformed(wrong);
  for (const CrlEntry& entry : contents.entries) {
    if (!IsSerial(entry.serial)) {
      return Malformed("a serial number is positive, of 1 to 20 octets");
    }
  }
  absl::StatusOr<std::vector<Extension>> extensions = CrlExtensions(contents);
  if (!extensions.ok()) return extensions.status();
  const absl::StatusOr<Bytes> tail = SerializeExtensionsDer(*extensions);
  if (!tail.ok()) return tail.status();
  der::Writer writer;
  writer.AddSequence([&](der::Writer& tbs) {
    tbs.AddUint(kVersion2);
    AddSignatureAlgorithm(tbs, algorithm);
    tbs.AddElement(contents.issuer.der());
    tbs.AddTime(contents.this_update);
    tbs.AddTime(contents.next_update);
    if (!contents.entries.empty()) {
      tbs.AddSequence([&](der::Writer& list) {
        for (const CrlEntry& entry : contents.entries) AddEntry(list, entry);
      });
    }
    tbs.Add(kExtensionsTag, [&](der::Writer& w) { w.AddElement(*tail); });
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> AssembleCrlDer(ByteView tbs_der,
                                     SignatureAlgorithm algorithm,
                                     ByteView signature) {
  return AssembleSignedDer(tbs_der, algorithm, signature);
}

std::string SerializeCrlPem(ByteView der) {
  return SerializePem(kPemLabel, der);
}

}  // namespace bestow
