#include "common/der/reader.h"

#include <ctime>

#include "absl/time/civil_time.h"

namespace bestow::der {
namespace {

ByteView View(const CBS& cbs) {
  return ByteView(CBS_data(&cbs), CBS_len(&cbs));
}

}  // namespace

bool Reader::PeekTag(Tag* tag) const {
  // This BoringSSL's CBS_get_any_asn1 says that `out` may be null, and crashes.
  CBS copy = cbs_, unused;
  return CBS_get_any_asn1(&copy, &unused, tag);
}

bool Reader::NextIs(Tag tag) const { return CBS_peek_asn1_tag(&cbs_, tag); }

bool Reader::Expect(Tag tag, Reader* content) {
  CBS out;
  if (!CBS_get_asn1(&cbs_, &out, tag)) return false;
  content->cbs_ = out;
  return true;
}

bool Reader::ExpectSequence(Reader* content) {
  return Expect(CBS_ASN1_SEQUENCE, content);
}

bool Reader::ExpectSet(Reader* content) {
  return Expect(CBS_ASN1_SET, content);
}

bool Reader::ExpectElement(Tag tag, ByteView* element) {
  CBS out;
  if (!CBS_get_asn1_element(&cbs_, &out, tag)) return false;
  *element = View(out);
  return true;
}

bool Reader::ExpectAny(ByteView* element, Tag* tag) {
  CBS out;
  if (!CBS_get_any_asn1_element(&cbs_, &out, tag, nullptr)) return false;
  *element = View(out);
  return true;
}

bool Reader::Match(Tag tag, Reader* content, bool* present) {
  *present = NextIs(tag);
  return !*present || Expect(tag, content);
}

bool Reader::Skip(Tag tag) { return CBS_get_asn1(&cbs_, nullptr, tag); }

bool Reader::ExpectBoolean(bool* value) {
  // CBS takes 00 and FF alone, as X.690 11.1 has it.
  int flag = 0;
  if (!CBS_get_asn1_bool(&cbs_, &flag)) return false;
  *value = flag != 0;
  return true;
}

bool Reader::ExpectUint(uint64_t* value) {
  uint64_t out = 0;
  if (!CBS_get_asn1_uint64(&cbs_, &out) || out > INT64_MAX) return false;
  *value = out;
  return true;
}

bool Reader::ExpectInteger(ByteView* content) {
  CBS out;
  if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_INTEGER) ||
      !CBS_is_valid_asn1_integer(&out, nullptr)) {
    return false;
  }
  *content = View(out);
  return true;
}

bool Reader::ExpectOid(ByteView* oid) {
  CBS out;
  if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_OBJECT) ||
      !CBS_is_valid_asn1_oid(&out)) {
    return false;
  }
  *oid = View(out);
  return true;
}

bool Reader::ExpectOctetString(ByteView* content) {
  CBS out;
  if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_OCTETSTRING)) return false;
  *content = View(out);
  return true;
}

bool Reader::ExpectBitString(ByteView* content) {
  CBS out;
  uint8_t unused_bits = 0;
  if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_BITSTRING) ||
      !CBS_get_u8(&out, &unused_bits) || unused_bits != 0) {
    return false;
  }
  *content = View(out);
  return true;
}

bool Reader::ExpectNamedBits(uint32_t* bits) {
  CBS out;
  if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_BITSTRING) ||
      !CBS_is_valid_asn1_bitstring(&out)) {
    return false;
  }
  const ByteView content = View(out);
  const int unused_bits = content[0];
  const ByteView octets = content.subspan(1);
  if (octets.size() > 4) return false;
  // X.690 11.2.2: trailing zero bits are not there, so the last one is set.
  if (!octets.empty() && (octets.back() & (1u << unused_bits)) == 0) {
    return false;
  }
  *bits = 0;
  for (size_t i = 0; i < octets.size() * 8; ++i) {
    if (octets[i / 8] & (0x80u >> (i % 8))) *bits |= 1u << i;
  }
  return true;
}

bool Reader::ExpectNull() {
  CBS out;
  return CBS_get_asn1(&cbs_, &out, CBS_ASN1_NULL) && CBS_len(&out) == 0;
}

bool Reader::ExpectTime(absl::Time* time) {
  CBS out;
  std::tm fields = {};
  if (NextIs(CBS_ASN1_UTCTIME)) {
    if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_UTCTIME) ||
        !CBS_parse_utc_time(&out, &fields, /*allow_timezone_offset=*/0)) {
      return false;
    }
  } else if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_GENERALIZEDTIME) ||
             !CBS_parse_generalized_time(&out, &fields,
                                         /*allow_timezone_offset=*/0)) {
    return false;
  }
  *time = absl::FromCivil(
      absl::CivilSecond(fields.tm_year + 1900, fields.tm_mon + 1,
                        fields.tm_mday, fields.tm_hour, fields.tm_min,
                        fields.tm_sec),
      absl::UTCTimeZone());
  return true;
}

bool Reader::ExpectGeneralizedTime(absl::Time* time) {
  return NextIs(CBS_ASN1_GENERALIZEDTIME) && ExpectTime(time);
}

bool Reader::ExpectEnumerated(uint8_t* value) {
  CBS out;
  if (!CBS_get_asn1(&cbs_, &out, CBS_ASN1_ENUMERATED) || CBS_len(&out) != 1 ||
      CBS_data(&out)[0] > INT8_MAX) {
    return false;
  }
  *value = CBS_data(&out)[0];
  return true;
}

}  // namespace bestow::der
