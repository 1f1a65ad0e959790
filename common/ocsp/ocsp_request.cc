#include "common/ocsp/ocsp_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/base64.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/ocsp/ocsp_nonce.h"
#include "common/pki/algorithm.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"

namespace bestow {
namespace {

constexpr der::Tag kConstructed =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
constexpr std::string_view kUpperHex = "0123456789ABCDEF";

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("OCSP request: ", why));
}

// An Extensions under an EXPLICIT tag. RFC 6960 4.1.2: unknown ones are
// ignored "unless they have the critical flag set".
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

absl::Status ReadSingle(der::Reader fields, OcspSingleRequest* out) {
  // Request ::= SEQUENCE { reqCert CertID,
  //   singleRequestExtensions [0] EXPLICIT Extensions OPTIONAL }
  der::Reader tail;
  bool has_extensions = false;
  if (!ExpectOcspCertId(&fields, &out->id)) {
    return Malformed("a CertID is malformed");
  }
  if (!fields.Match(kConstructed | 0, &tail, &has_extensions) ||
      !fields.Finish()) {
    return Malformed("a single request is malformed");
  }
  if (!has_extensions) return absl::OkStatus();
  absl::StatusOr<std::vector<Extension>> extensions =
      ReadExtensions(tail.rest());
  if (!extensions.ok()) return extensions.status();
  out->extensions = *std::move(extensions);
  return absl::OkStatus();
}

absl::Status ReadList(der::Reader list, std::vector<OcspSingleRequest>* out) {
  if (list.empty()) return Malformed("it asks for nothing");
  while (!list.empty()) {
    der::Reader fields;
    if (out->size() == kMaxOcspSingleRequests) {
      return Malformed("it asks for too many certificates");
    }
    if (!list.ExpectSequence(&fields)) {
      return Malformed("a single request is malformed");
    }
    absl::Status status = ReadSingle(fields, &out->emplace_back());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Signature ::= SEQUENCE { signatureAlgorithm, signature BIT STRING,
//   certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL }
bool IsSignature(ByteView element) {
  der::Reader reader(element), fields, certs, list;
  ByteView algorithm, signature, certificate;
  bool has_certs = false;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !fields.ExpectBitString(&signature) ||
      !fields.Match(kConstructed | 0, &certs, &has_certs) || !fields.Finish()) {
    return false;
  }
  if (!has_certs) return true;
  if (!certs.ExpectSequence(&list) || !certs.Finish()) return false;
  while (!list.empty()) {
    if (!list.ExpectElement(CBS_ASN1_SEQUENCE, &certificate)) return false;
  }
  return true;
}

absl::Status ReadTbs(der::Reader tbs, OcspRequest* out) {
  // TBSRequest ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1,
  //   requestorName [1] EXPLICIT GeneralName OPTIONAL,
  //   requestList SEQUENCE OF Request,
  //   requestExtensions [2] EXPLICIT Extensions OPTIONAL }
  der::Reader name, list, tail;
  bool has_name = false, has_extensions = false;
  if (tbs.NextIs(kConstructed | 0)) {
    // The one version there is is the default, which DER leaves out.
    return Malformed("the version is not v1");
  }
  if (!tbs.Match(kConstructed | 1, &name, &has_name)) {
    return Malformed("the requestor's name is malformed");
  }
  if (has_name) {
    out->requestor_name = ToBytes(name.rest());
    GeneralName unused;
    if (!ExpectGeneralName(&name, &unused) || !name.Finish()) {
      return Malformed("the requestor's name is malformed");
    }
  }
  if (!tbs.ExpectSequence(&list)) return Malformed("no list of requests");
  absl::Status status = ReadList(list, &out->requests);
  if (!status.ok()) return status;
  if (!tbs.Match(kConstructed | 2, &tail, &has_extensions) || !tbs.Finish()) {
    return Malformed("the fields after the list are malformed");
  }
  if (!has_extensions) return absl::OkStatus();
  absl::StatusOr<std::vector<Extension>> extensions =
      ReadExtensions(tail.rest());
  if (!extensions.ok()) return extensions.status();
  out->extensions = *std::move(extensions);
  for (const Extension& extension : out->extensions) {
    if (extension.id != oids::OcspNonce()) continue;
    absl::StatusOr<Bytes> nonce = ParseOcspNonce(extension.value);
    if (!nonce.ok()) return nonce.status();
    out->nonce = *std::move(nonce);
  }
  return absl::OkStatus();
}

void AddExtensions(der::Writer& writer, der::Tag tag,
                   const std::vector<Extension>& extensions) {
  if (extensions.empty()) return;
  const absl::StatusOr<Bytes> der = SerializeExtensionsDer(extensions);
  if (!der.ok()) return writer.Fail();
  writer.AddPrimitive(tag, *der);
}

}  // namespace

absl::StatusOr<OcspRequest> ParseOcspRequestDer(ByteView der) {
  // OCSPRequest ::= SEQUENCE { tbsRequest TBSRequest,
  //   optionalSignature [0] EXPLICIT Signature OPTIONAL }
  if (der.size() > kMaxOcspRequestBytes) return Malformed("too long");
  der::Reader reader(der), fields, tbs, signature;
  bool is_signed = false;
  if (!reader.ExpectSequence(&fields)) return Malformed("not a DER SEQUENCE");
  if (!reader.Finish()) return Malformed("bytes follow it");
  if (!fields.ExpectSequence(&tbs) ||
      !fields.Match(kConstructed | 0, &signature, &is_signed) ||
      !fields.Finish() || (is_signed && !IsSignature(signature.rest()))) {
    return Malformed("malformed");
  }
  OcspRequest out;
  if (is_signed) out.signature = ToBytes(signature.rest());
  absl::Status status = ReadTbs(tbs, &out);
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<Bytes> SerializeOcspRequestDer(const OcspRequest& request) {
  if (request.requests.empty() ||
      request.requests.size() > kMaxOcspSingleRequests) {
    return Malformed("1 to 32 single requests");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddSequence([&](der::Writer& tbs) {
      if (!request.requestor_name.empty()) {
        tbs.AddPrimitive(kConstructed | 1, request.requestor_name);
      }
      tbs.AddSequence([&](der::Writer& list) {
        for (const OcspSingleRequest& single : request.requests) {
          list.AddSequence([&](der::Writer& one) {
            one.AddElement(single.id.der);
            AddExtensions(one, kConstructed | 0, single.extensions);
          });
        }
      });
      AddExtensions(tbs, kConstructed | 2, request.extensions);
    });
    if (!request.signature.empty()) {
      fields.AddPrimitive(kConstructed | 0, request.signature);
    }
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> DecodeOcspGet(std::string_view path_part) {
  if (path_part.size() > kMaxOcspGetBytes) return Malformed("too long");
  std::string base64;
  for (size_t i = 0; i < path_part.size(); ++i) {
    char c = path_part[i];
    if (c == '%') {
      const std::string_view hex = path_part.substr(i + 1, 2);
      int value = 0;
      for (const char digit : hex) {
        const size_t place = kUpperHex.find(absl::ascii_toupper(digit));
        if (place == std::string_view::npos) return Malformed("bad escape");
        value = value * 16 + static_cast<int>(place);
      }
      if (hex.size() != 2) return Malformed("bad escape");
      c = static_cast<char>(value);
      i += 2;
    }
    // White space, which the decoder of message bodies skips, is none here.
    if (!absl::ascii_isalnum(c) && c != '+' && c != '/' && c != '=') {
      return Malformed("not base64");
    }
    base64.push_back(c);
  }
  absl::StatusOr<Bytes> der = DecodeBase64(base64);
  if (!der.ok() || der->empty()) return Malformed("not base64");
  return der;
}

std::string EncodeOcspGet(ByteView request_der) {
  std::string out;
  for (const char c : EncodeBase64(request_der)) {
    if (absl::ascii_isalnum(c)) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kUpperHex[static_cast<uint8_t>(c) >> 4]);
      out.push_back(kUpperHex[static_cast<uint8_t>(c) & 15]);
    }
  }
  return out;
}

}  // namespace bestow
