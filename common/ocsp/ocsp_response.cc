#include "common/ocsp/ocsp_response.h"

#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/ocsp/ocsp_nonce.h"
#include "common/pki/algorithm.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr der::Tag kPrimitive = CBS_ASN1_CONTEXT_SPECIFIC;
constexpr der::Tag kConstructed =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
constexpr size_t kKeyHashBytes = 20;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OCSP response: ", why));
}

absl::StatusOr<std::vector<Extension>> ReadExtensions(ByteView der) {
  absl::StatusOr<std::vector<Extension>> list = ParseExtensionsDer(der);
  if (!list.ok()) return Malformed(list.status().message());
  for (const Extension& extension : *list) {
    if (extension.critical && extension.id != oids::OcspNonce()) {
      return Malformed(absl::StrCat("a critical extension is not known: ",
                                    der::OidToDotted(extension.id.content)));
    }
  }
  return list;
}

void AddRevoked(der::Writer& fields, const OcspSingleResponse& single) {
  // RevokedInfo ::= SEQUENCE { revocationTime GeneralizedTime,
  //   revocationReason [0] EXPLICIT CRLReason OPTIONAL }
  fields.Add(kConstructed | 1, [&](der::Writer& info) {
    info.AddGeneralizedTime(single.revoked_at);
    if (single.reason == RevocationReason::kUnspecified) return;
    info.Add(kConstructed | 0, [&](der::Writer& reason) {
      reason.AddEnumerated(static_cast<uint8_t>(single.reason));
    });
  });
}

void AddSingle(der::Writer& list, const OcspSingleResponse& single) {
  list.AddSequence([&](der::Writer& fields) {
    fields.AddElement(single.id.der);
    switch (single.status) {
      case OcspCertStatus::kGood:
        fields.AddPrimitive(kPrimitive | 0, {});
        break;
      case OcspCertStatus::kRevoked:
        AddRevoked(fields, single);
        break;
      case OcspCertStatus::kUnknown:
        fields.AddPrimitive(kPrimitive | 2, {});
        break;
    }
    fields.AddGeneralizedTime(single.this_update);
    if (single.next_update.has_value()) {
      fields.Add(kConstructed | 0, [&](der::Writer& w) {
        w.AddGeneralizedTime(*single.next_update);
      });
    }
  });
}

absl::Status CheckData(const OcspResponseData& data) {
  if (data.responses.empty() ||
      data.responses.size() > kMaxOcspSingleResponses) {
    return Malformed("1 to 32 single responses");
  }
  for (const OcspSingleResponse& single : data.responses) {
    if (single.next_update.has_value() &&
        *single.next_update <= single.this_update) {
      return Malformed("a single response ends before it begins");
    }
    if (single.reason == RevocationReason::kRemoveFromCrl) {
      return Malformed("removeFromCRL is a reason of delta CRLs alone");
    }
  }
  return absl::OkStatus();
}

// revoked [1] IMPLICIT RevokedInfo: its fields.
bool ReadRevoked(der::Reader info, OcspSingleResponse* out) {
  der::Reader field;
  bool has_reason = false;
  if (!info.ExpectGeneralizedTime(&out->revoked_at) ||
      !info.Match(kConstructed | 0, &field, &has_reason) || !info.Finish()) {
    return false;
  }
  if (!has_reason) return true;
  uint8_t number = 0;
  if (!field.ExpectEnumerated(&number) || !field.Finish()) return false;
  const auto reason = RevocationReasonFromNumber(number);
  if (reason.has_value()) out->reason = *reason;
  return reason.has_value();
}

// CertStatus ::= CHOICE { good [0] IMPLICIT NULL,
//   revoked [1] IMPLICIT RevokedInfo, unknown [2] IMPLICIT UnknownInfo }
bool ReadCertStatus(der::Reader* fields, OcspSingleResponse* out) {
  der::Reader content;
  if (fields->NextIs(kPrimitive | 0)) {
    out->status = OcspCertStatus::kGood;
    return fields->Expect(kPrimitive | 0, &content) && content.Finish();
  }
  if (fields->NextIs(kPrimitive | 2)) {
    out->status = OcspCertStatus::kUnknown;
    return fields->Expect(kPrimitive | 2, &content) && content.Finish();
  }
  out->status = OcspCertStatus::kRevoked;
  return fields->Expect(kConstructed | 1, &content) &&
         ReadRevoked(content, out);
}

absl::Status ReadSingle(der::Reader fields, OcspSingleResponse* out) {
  // SingleResponse ::= SEQUENCE { certID, certStatus, thisUpdate,
  //   nextUpdate [0] EXPLICIT GeneralizedTime OPTIONAL,
  //   singleExtensions [1] EXPLICIT Extensions OPTIONAL }
  der::Reader next, tail;
  bool has_next = false, has_tail = false;
  if (!ExpectOcspCertId(&fields, &out->id) || !ReadCertStatus(&fields, out) ||
      !fields.ExpectGeneralizedTime(&out->this_update) ||
      !fields.Match(kConstructed | 0, &next, &has_next) ||
      !fields.Match(kConstructed | 1, &tail, &has_tail) || !fields.Finish()) {
    return Malformed("a single response is malformed");
  }
  if (has_next) {
    absl::Time time;
    if (!next.ExpectGeneralizedTime(&time) || !next.Finish()) {
      return Malformed("a nextUpdate is malformed");
    }
    out->next_update = time;
  }
  return has_tail ? ReadExtensions(tail.rest()).status() : absl::OkStatus();
}

// ResponderID ::= CHOICE { byName [1] Name, byKey [2] KeyHash }
bool ReadResponder(der::Reader* data, OcspResponseData* out) {
  der::Reader choice;
  if (data->NextIs(kConstructed | 1)) {
    if (!data->Expect(kConstructed | 1, &choice)) return false;
    absl::StatusOr<Name> name = Name::ParseDer(choice.rest());
    if (!name.ok() || name->empty()) return false;
    out->responder_name = *std::move(name);
    return true;
  }
  ByteView hash;
  if (!data->Expect(kConstructed | 2, &choice) ||
      !choice.ExpectOctetString(&hash) || !choice.Finish() ||
      hash.size() != kKeyHashBytes) {
    return false;
  }
  out->responder_key_hash = ToBytes(hash);
  return true;
}

absl::Status ReadData(ByteView der, OcspResponseData* out) {
  // ResponseData ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1,
  //   responderID, producedAt GeneralizedTime,
  //   responses SEQUENCE OF SingleResponse,
  //   responseExtensions [1] EXPLICIT Extensions OPTIONAL }
  der::Reader reader(der), data, list, tail;
  bool has_tail = false;
  if (!reader.ExpectSequence(&data) || !ReadResponder(&data, out)) {
    return Malformed("the version is not v1 or the responder is malformed");
  }
  if (!data.ExpectGeneralizedTime(&out->produced_at) ||
      !data.ExpectSequence(&list) || list.empty() ||
      !data.Match(kConstructed | 1, &tail, &has_tail) || !data.Finish()) {
    return Malformed("producedAt or what follows is malformed");
  }
  while (!list.empty()) {
    der::Reader fields;
    if (out->responses.size() == kMaxOcspSingleResponses) {
      return Malformed("too many single responses");
    }
    if (!list.ExpectSequence(&fields)) {
      return Malformed("a single response is malformed");
    }
    absl::Status status = ReadSingle(fields, &out->responses.emplace_back());
    if (!status.ok()) return status;
  }
  if (!has_tail) return absl::OkStatus();
  const absl::StatusOr<std::vector<Extension>> extensions =
      ReadExtensions(tail.rest());
  if (!extensions.ok()) return extensions.status();
  for (const Extension& extension : *extensions) {
    if (extension.id != oids::OcspNonce()) continue;
    absl::StatusOr<Bytes> nonce = ParseOcspNonce(extension.value);
    if (!nonce.ok()) return nonce.status();
    out->nonce = *std::move(nonce);
  }
  return absl::OkStatus();
}

absl::Status ReadBasic(ByteView der, OcspResponse* out) {
  // BasicOCSPResponse ::= SEQUENCE { tbsResponseData, signatureAlgorithm,
  //   signature BIT STRING, certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL
  //   }
  der::Reader reader(der), fields, certs, list;
  ByteView data, algorithm, signature;
  bool has_certs = false;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.ExpectElement(CBS_ASN1_SEQUENCE, &data) ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !fields.ExpectBitString(&signature) ||
      !fields.Match(kConstructed | 0, &certs, &has_certs) || !fields.Finish()) {
    return Malformed("the basic response is malformed");
  }
  if (has_certs &&
      (!certs.ExpectSequence(&list) || !certs.Finish() || list.empty())) {
    return Malformed("the certificates are malformed");
  }
  while (!list.empty()) {
    ByteView certificate;
    if (out->certificates.size() == kMaxOcspCertificates ||
        !list.ExpectElement(CBS_ASN1_SEQUENCE, &certificate)) {
      return Malformed("the certificates are malformed or too many");
    }
    out->certificates.push_back(ToBytes(certificate));
  }
  out->response_data_der = ToBytes(data);
  out->signature_algorithm = ToBytes(algorithm);
  out->signature = ToBytes(signature);
  return ReadData(out->response_data_der, &out->data);
}

bool IsStatus(uint8_t number) { return number <= 6 && number != 4; }

absl::StatusOr<Bytes> Assemble(ByteView data, ByteView algorithm,
                               ByteView signature,
                               const std::vector<Bytes>& certificates) {
  der::Writer basic;
  basic.AddSequence([&](der::Writer& fields) {
    fields.AddElement(data);
    fields.AddElement(algorithm);
    fields.AddBitString(signature);
    if (certificates.empty()) return;
    fields.Add(kConstructed | 0, [&](der::Writer& certs) {
      certs.AddSequence([&](der::Writer& list) {
        for (const Bytes& one : certificates) list.AddElement(one);
      });
    });
  });
  const absl::StatusOr<Bytes> inner = basic.Finish();
  if (!inner.ok()) return inner.status();
  // OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED,
  //   responseBytes [0] EXPLICIT SEQUENCE { responseType OID,
  //     response OCTET STRING } OPTIONAL }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddEnumerated(static_cast<uint8_t>(OcspResponseStatus::kSuccessful));
    fields.Add(kConstructed | 0, [&](der::Writer& bytes) {
      bytes.AddSequence([&](der::Writer& response) {
        response.AddOid(oids::OcspBasic());
        response.AddOctetString(*inner);
      });
    });
  });
  return writer.Finish();
}

}  // namespace

absl::StatusOr<Bytes> SerializeOcspResponseDataDer(
    const OcspResponseData& data) {
  absl::Status status = CheckData(data);
  if (!status.ok()) return status;
  Bytes extensions;
  if (!data.nonce.empty()) {
    const absl::StatusOr<Extension> nonce = OcspNonceExtension(data.nonce);
    if (!nonce.ok()) return nonce.status();
    absl::StatusOr<Bytes> der = SerializeExtensionsDer({*nonce});
    if (!der.ok()) return der.status();
    extensions = *std::move(der);
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    if (data.responder_key_hash.empty()) {
      fields.AddPrimitive(kConstructed | 1, data.responder_name.der());
    } else {
      fields.Add(kConstructed | 2, [&](der::Writer& by_key) {
        by_key.AddOctetString(data.responder_key_hash);
      });
    }
    fields.AddGeneralizedTime(data.produced_at);
    fields.AddSequence([&](der::Writer& list) {
      for (const OcspSingleResponse& single : data.responses) {
        AddSingle(list, single);
      }
    });
    if (!extensions.empty()) {
      fields.AddPrimitive(kConstructed | 1, extensions);
    }
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> AssembleOcspResponseDer(
    ByteView response_data_der, SignatureAlgorithm algorithm,
    ByteView signature, const std::vector<Bytes>& certificates) {
  der::Writer writer;
  AddSignatureAlgorithm(writer, algorithm);
  const absl::StatusOr<Bytes> identifier = writer.Finish();
  if (!identifier.ok()) return identifier.status();
  return Assemble(response_data_der, *identifier, signature, certificates);
}

Bytes SerializeOcspErrorDer(OcspResponseStatus status) {
  CHECK(status != OcspResponseStatus::kSuccessful);
  return {0x30, 0x03, CBS_ASN1_ENUMERATED, 0x01, static_cast<uint8_t>(status)};
}

absl::StatusOr<OcspResponse> ParseOcspResponseDer(ByteView der) {
  if (der.size() > kMaxOcspResponseBytes) return Malformed("too long");
  der::Reader reader(der), fields, bytes, response;
  uint8_t number = 0;
  bool has_bytes = false;
  ByteView type, inner;
  if (!reader.ExpectSequence(&fields)) return Malformed("not a DER SEQUENCE");
  if (!reader.Finish()) return Malformed("bytes follow it");
  if (!fields.ExpectEnumerated(&number) || !IsStatus(number) ||
      !fields.Match(kConstructed | 0, &bytes, &has_bytes) || !fields.Finish()) {
    return Malformed("malformed");
  }
  OcspResponse out;
  out.status = static_cast<OcspResponseStatus>(number);
  // RFC 6960 4.2.1: "If the value of responseStatus is one of the error
  // conditions, the responseBytes field is not set."
  if (has_bytes != (out.status == OcspResponseStatus::kSuccessful)) {
    return Malformed("the status and the answer do not belong together");
  }
  if (!has_bytes) return out;
  if (!bytes.ExpectSequence(&response) || !bytes.Finish() ||
      !response.ExpectOid(&type) || !response.ExpectOctetString(&inner) ||
      !response.Finish()) {
    return Malformed("malformed");
  }
  if (ToBytes(type) != oids::OcspBasic().content) {
    return Malformed("not a basic response");
  }
  absl::Status status = ReadBasic(inner, &out);
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<Bytes> SerializeOcspResponseDer(const OcspResponse& response) {
  if (response.status != OcspResponseStatus::kSuccessful) {
    return SerializeOcspErrorDer(response.status);
  }
  return Assemble(response.response_data_der, response.signature_algorithm,
                  response.signature, response.certificates);
}

}  // namespace bestow
