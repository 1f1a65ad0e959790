#include "common/pki/distribution_points.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {
namespace {

constexpr size_t kMaxPoints = 64;
constexpr der::Tag kPrimitive = CBS_ASN1_CONTEXT_SPECIFIC;
constexpr der::Tag kConstructed =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, " is malformed"));
}

// DistributionPointName ::= CHOICE {
//   fullName [0] GeneralNames, nameRelativeToCRLIssuer [1] RDN }
bool ReadPointName(der::Reader choice, std::vector<GeneralName>* full_name,
                   Bytes* relative_name) {
  der::Reader name;
  bool is_full = false;
  if (!choice.Match(kConstructed | 0, &name, &is_full)) return false;
  if (is_full) {
    absl::StatusOr<std::vector<GeneralName>> names =
        ParseGeneralNamesContent(name.rest());
    if (!names.ok()) return false;
    *full_name = *std::move(names);
  } else {
    if (!choice.Expect(kConstructed | 1, &name) || name.empty()) return false;
    *relative_name = ToBytes(name.rest());
  }
  return choice.Finish();
}

// distributionPoint [0] stands EXPLICIT before the CHOICE.
void AddPointName(der::Writer& writer,
                  const std::vector<GeneralName>& full_name,
                  const Bytes& relative_name) {
  if (full_name.empty() && relative_name.empty()) return;
  if (!full_name.empty() && !relative_name.empty()) return writer.Fail();
  writer.Add(kConstructed | 0, [&](der::Writer& choice) {
    if (full_name.empty()) {
      return choice.AddPrimitive(kConstructed | 1, relative_name);
    }
    choice.Add(kConstructed | 0, [&](der::Writer& names) {
      for (const GeneralName& name : full_name) AddGeneralName(names, name);
    });
  });
}

// ReasonFlags and BOOLEANs stand under IMPLICIT tags: read as their own types
// once the tag is put right.
Bytes Retagged(der::Tag tag, ByteView content) {
  der::Writer writer;
  writer.AddPrimitive(tag, content);
  return writer.Finish().value_or(Bytes());
}

bool MatchReasons(der::Reader* fields, der::Tag tag,
                  std::optional<uint32_t>* reasons) {
  der::Reader content;
  bool present = false;
  if (!fields->Match(tag, &content, &present)) return false;
  if (!present) return true;
  const Bytes element = Retagged(CBS_ASN1_BITSTRING, content.rest());
  der::Reader reader(element);
  uint32_t bits = 0;
  if (!reader.ExpectNamedBits(&bits)) return false;
  *reasons = bits;
  return true;
}

void AddReasons(der::Writer& writer, der::Tag tag, uint32_t bits) {
  der::Writer alone;
  alone.AddNamedBits(bits);
  const Bytes element = alone.Finish().value_or(Bytes());
  der::Reader reader(element), content;
  if (!reader.Expect(CBS_ASN1_BITSTRING, &content)) return writer.Fail();
  writer.AddPrimitive(tag, content.rest());
}

// BOOLEAN DEFAULT FALSE: DER leaves FALSE out.
bool MatchTrue(der::Reader* fields, der::Tag tag, bool* value) {
  der::Reader content;
  if (!fields->Match(tag, &content, value)) return false;
  if (!*value) return true;
  const ByteView octets = content.rest();
  return octets.size() == 1 && octets[0] == 0xFF;
}

void AddTrue(der::Writer& writer, der::Tag tag, bool value) {
  const uint8_t content = 0xFF;
  if (value) writer.AddPrimitive(tag, ByteView(&content, 1));
}

// DistributionPoint ::= SEQUENCE {
//   distributionPoint [0] DistributionPointName OPTIONAL,
//   reasons [1] ReasonFlags OPTIONAL, cRLIssuer [2] GeneralNames OPTIONAL }
bool ReadPoint(der::Reader fields, DistributionPoint* out) {
  der::Reader name, issuer;
  bool has_name = false, has_issuer = false;
  if (!fields.Match(kConstructed | 0, &name, &has_name) ||
      (has_name &&
       !ReadPointName(name, &out->full_name, &out->relative_name)) ||
      !MatchReasons(&fields, kPrimitive | 1, &out->reasons) ||
      !fields.Match(kConstructed | 2, &issuer, &has_issuer) ||
      !fields.Finish()) {
    return false;
  }
  if (has_issuer) {
    absl::StatusOr<std::vector<GeneralName>> names =
        ParseGeneralNamesContent(issuer.rest());
    if (!names.ok()) return false;
    out->crl_issuer = *std::move(names);
  }
  // RFC 5280 4.2.1.13: "a DistributionPoint MUST NOT consist of only the
  // reasons field".
  return has_name || has_issuer;
}

}  // namespace

absl::StatusOr<DistributionPoint> DistributionPointAt(
    const std::vector<std::string>& uris) {
  if (uris.empty()) {
    return absl::InvalidArgumentError("a distribution point without a URI");
  }
  DistributionPoint point;
  for (const std::string& uri : uris) {
    absl::StatusOr<GeneralName> name =
        GeneralName::FromText(absl::StrCat("uri:", uri));
    if (!name.ok()) return name.status();
    point.full_name.push_back(*std::move(name));
  }
  return point;
}

absl::StatusOr<std::vector<DistributionPoint>> ParseDistributionPoints(
    ByteView value) {
  der::Reader reader(value), list;
  if (!reader.ExpectSequence(&list) || !reader.Finish() || list.empty()) {
    return Malformed("the list of distribution points");
  }
  std::vector<DistributionPoint> points;
  while (!list.empty()) {
    der::Reader fields;
    DistributionPoint point;
    if (points.size() == kMaxPoints || !list.ExpectSequence(&fields) ||
        !ReadPoint(fields, &point)) {
      return Malformed(absl::StrCat("distribution point ", points.size() + 1));
    }
    points.push_back(std::move(point));
  }
  return points;
}

absl::StatusOr<Bytes> SerializeDistributionPoints(
    const std::vector<DistributionPoint>& points) {
  const bool is_empty_one =
      std::any_of(points.begin(), points.end(), [](const auto& point) {
        return point.full_name.empty() && point.relative_name.empty() &&
               point.crl_issuer.empty();
      });
  if (points.empty() || points.size() > kMaxPoints || is_empty_one) {
    return absl::InvalidArgumentError(
        "distribution points: 1 to 64 of them, each with a name");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) {
    for (const DistributionPoint& point : points) {
      list.AddSequence([&](der::Writer& fields) {
        AddPointName(fields, point.full_name, point.relative_name);
        if (point.reasons.has_value()) {
          AddReasons(fields, kPrimitive | 1, *point.reasons);
        }
        if (!point.crl_issuer.empty()) {
          fields.Add(kConstructed | 2, [&](der::Writer& names) {
            for (const GeneralName& name : point.crl_issuer) {
              AddGeneralName(names, name);
            }
          });
        }
      });
    }
  });
  return writer.Finish();
}

// IssuingDistributionPoint ::= SEQUENCE {
//   distributionPoint [0] DistributionPointName OPTIONAL,
//   onlyContainsUserCerts [1] BOOLEAN DEFAULT FALSE,
//   onlyContainsCACerts [2] BOOLEAN DEFAULT FALSE,
//   onlySomeReasons [3] ReasonFlags OPTIONAL,
//   indirectCRL [4] BOOLEAN DEFAULT FALSE,
//   onlyContainsAttributeCerts [5] BOOLEAN DEFAULT FALSE }
absl::StatusOr<IssuingDistributionPoint> ParseIssuingDistributionPoint(
    ByteView value) {
  der::Reader reader(value), fields, name;
  IssuingDistributionPoint out;
  bool has_name = false;
  // RFC 5280 5.2.5: no conforming CRL has an empty one.
  if (!reader.ExpectSequence(&fields) || !reader.Finish() || fields.empty() ||
      !fields.Match(kConstructed | 0, &name, &has_name) ||
      (has_name && !ReadPointName(name, &out.full_name, &out.relative_name)) ||
      !MatchTrue(&fields, kPrimitive | 1, &out.only_has_user_certs) ||
      !MatchTrue(&fields, kPrimitive | 2, &out.only_has_ca_certs) ||
      !MatchReasons(&fields, kPrimitive | 3, &out.only_some_reasons) ||
      !MatchTrue(&fields, kPrimitive | 4, &out.is_indirect) ||
      !MatchTrue(&fields, kPrimitive | 5, &out.only_has_attribute_certs) ||
      !fields.Finish() ||
      out.only_has_user_certs + out.only_has_ca_certs +
              out.only_has_attribute_certs >
          1) {
    return Malformed("issuingDistributionPoint");
  }
  return out;
}

absl::StatusOr<Bytes> SerializeIssuingDistributionPoint(
    const IssuingDistributionPoint& point) {
  if (point == IssuingDistributionPoint() ||
      point.only_has_user_certs + point.only_has_ca_certs +
              point.only_has_attribute_certs >
          1) {
    return absl::InvalidArgumentError(
        "issuingDistributionPoint says nothing, or two things of one kind");
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    AddPointName(fields, point.full_name, point.relative_name);
    AddTrue(fields, kPrimitive | 1, point.only_has_user_certs);
    AddTrue(fields, kPrimitive | 2, point.only_has_ca_certs);
    if (point.only_some_reasons.has_value()) {
      AddReasons(fields, kPrimitive | 3, *point.only_some_reasons);
    }
    AddTrue(fields, kPrimitive | 4, point.is_indirect);
    AddTrue(fields, kPrimitive | 5, point.only_has_attribute_certs);
  });
  return writer.Finish();
}

}  // namespace bestow
