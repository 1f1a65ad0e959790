#include "common/der/writer.h"

#include <openssl/mem.h>

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "common/der/strings.h"

namespace bestow::der {

Writer::Writer() : cbb_(root_.get()) {
  constexpr size_t kInitialBytes = 256;
  failed_ = !CBB_init(root_.get(), kInitialBytes);
}

void Writer::Add(Tag tag, const std::function<void(Writer&)>& fill) {
  if (failed_) return;
  CBB* const parent = cbb_;
  CBB child;
  if (!CBB_add_asn1(parent, &child, tag)) {
    failed_ = true;
    return;
  }
  cbb_ = &child;
  fill(*this);
  cbb_ = parent;
  // The parent points to `child`, which goes now: it must be closed or
  // dropped, whatever happened in `fill`.
  if (failed_) {
    CBB_discard_child(parent);
  } else if (!CBB_flush(parent)) {
    failed_ = true;
  }
}

void Writer::AddSequence(const std::function<void(Writer&)>& fill) {
  Add(CBS_ASN1_SEQUENCE, fill);
}

void Writer::AddSet(const std::function<void(Writer&)>& fill) {
  Add(CBS_ASN1_SET, fill);
}

void Writer::AddSetOf(std::vector<Bytes> elements) {
  // X.690 11.6 compares encodings as if padded with zeros; two elements of
  // which one is a proper prefix of the other do not occur in DER.
  std::sort(elements.begin(), elements.end());
  AddSet([&](Writer& w) {
    for (const Bytes& element : elements) w.AddElement(element);
  });
}

void Writer::AddElement(ByteView element) {
  if (failed_) return;
  failed_ = !CBB_add_bytes(cbb_, element.data(), element.size());
}

void Writer::AddPrimitive(Tag tag, ByteView content) {
  Add(tag, [&](Writer& w) { w.AddElement(content); });
}

void Writer::AddBoolean(bool value) {
  const uint8_t content = value ? 0xFF : 0x00;
  AddPrimitive(CBS_ASN1_BOOLEAN, ByteView(&content, 1));
}

void Writer::AddUint(uint64_t value) {
  if (failed_) return;
  failed_ = !CBB_add_asn1_uint64(cbb_, value);
}

void Writer::AddInteger(ByteView content) {
  CBS cbs;
  CBS_init(&cbs, content.data(), content.size());
  if (!CBS_is_valid_asn1_integer(&cbs, nullptr)) {
    failed_ = true;
    return;
  }
  AddPrimitive(CBS_ASN1_INTEGER, content);
}

void Writer::AddOid(const Oid& oid) {
  CBS cbs;
  CBS_init(&cbs, oid.content.data(), oid.content.size());
  if (!CBS_is_valid_asn1_oid(&cbs)) {
    failed_ = true;
    return;
  }
  AddPrimitive(CBS_ASN1_OBJECT, oid.content);
}

void Writer::AddOctetString(ByteView content) {
  AddPrimitive(CBS_ASN1_OCTETSTRING, content);
}

void Writer::AddBitString(ByteView content) {
  Add(CBS_ASN1_BITSTRING, [&](Writer& w) {
    const uint8_t unused_bits = 0;
    w.AddElement(ByteView(&unused_bits, 1));
    w.AddElement(content);
  });
}

void Writer::AddNamedBits(uint32_t bits) {
  Bytes content = {0};
  int last = -1;
  for (int i = 0; i < 32; ++i) {
    if (bits & (1u << i)) last = i;
  }
  content.resize(1 + (last + 8) / 8);
  for (int i = 0; i <= last; ++i) {
    if (bits & (1u << i)) content[1 + i / 8] |= 0x80u >> (i % 8);
  }
  if (last >= 0) content[0] = 7 - last % 8;
  AddPrimitive(CBS_ASN1_BITSTRING, content);
}

void Writer::AddNull() { AddPrimitive(CBS_ASN1_NULL, {}); }

void Writer::AddUtf8String(std::string_view text) {
  if (!IsUtf8(text)) {
    failed_ = true;
    return;
  }
  AddPrimitive(CBS_ASN1_UTF8STRING, AsBytes(text));
}

void Writer::AddPrintableString(std::string_view text) {
  if (!IsPrintableString(text)) {
    failed_ = true;
    return;
  }
  AddPrimitive(CBS_ASN1_PRINTABLESTRING, AsBytes(text));
}

void Writer::AddTime(absl::Time time) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  if (time < absl::FromCivil(absl::CivilYear(1950), utc) ||
      time >= absl::FromCivil(absl::CivilYear(10000), utc)) {
    failed_ = true;
    return;
  }
  const bool is_utc_time = time < absl::FromCivil(absl::CivilYear(2050), utc);
  AddPrimitive(
      is_utc_time ? CBS_ASN1_UTCTIME : CBS_ASN1_GENERALIZEDTIME,
      AsBytes(absl::FormatTime(is_utc_time ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ",
                               time, utc)));
}

void Writer::AddGeneralizedTime(absl::Time time) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  if (time < absl::FromCivil(absl::CivilYear(0), utc) ||
      time >= absl::FromCivil(absl::CivilYear(10000), utc)) {
    failed_ = true;
    return;
  }
  AddPrimitive(CBS_ASN1_GENERALIZEDTIME,
               AsBytes(absl::FormatTime("%E4Y%m%d%H%M%SZ", time, utc)));
}

void Writer::AddEnumerated(uint8_t value) {
  if (value > INT8_MAX) {
    failed_ = true;
    return;
  }
  AddPrimitive(CBS_ASN1_ENUMERATED, ByteView(&value, 1));
}

absl::StatusOr<Bytes> Writer::Finish() {
  uint8_t* data = nullptr;
  size_t size = 0;
  if (failed_ || cbb_ != root_.get() ||
      !CBB_finish(root_.get(), &data, &size)) {
    failed_ = true;
    return absl::InternalError("the DER could not be written");
  }
  // A second Finish() has nothing to give.
  failed_ = true;
  const bssl::UniquePtr<uint8_t> owner(data);
  return Bytes(data, data + size);
}

}  // namespace bestow::der
