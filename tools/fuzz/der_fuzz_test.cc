#include <cstddef>
#include <cstdint>

#include "absl/log/check.h"
#include "common/base/bytes.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {
namespace {

using der::Reader;
using der::Tag;
using der::Writer;

constexpr int kMaxDepth = 100;

// Reads an element as the type that its tag names; what reads as such is
// written in the same octets.
void CheckPrimitive(ByteView element, Tag tag) {
  Reader reader(element);
  Writer writer;
  bool is_read = false;
  ByteView view;
  switch (tag) {
    case CBS_ASN1_BOOLEAN: {
      bool value = false;
      if ((is_read = reader.ExpectBoolean(&value))) writer.AddBoolean(value);
      break;
    }
    case CBS_ASN1_INTEGER: {
      Reader second(element);
      uint64_t value = 0;
      if ((is_read = reader.ExpectInteger(&view))) writer.AddInteger(view);
      if (second.ExpectUint(&value)) {
        CHECK(is_read);
        Writer other;
        other.AddUint(value);
        CHECK(*other.Finish() == ToBytes(element));
      }
      break;
    }
    case CBS_ASN1_OBJECT:
      if ((is_read = reader.ExpectOid(&view))) {
        writer.AddOid(der::Oid{ToBytes(view)});
        const std::string dotted = der::OidToDotted(view);
        const absl::StatusOr<der::Oid> back = der::OidFromDotted(dotted);
        // Arcs beyond 64 bits are read, yet not written from text.
        CHECK(!back.ok() || back->content == ToBytes(view));
      }
      break;
    case CBS_ASN1_BITSTRING: {
      uint32_t bits = 0;
      Reader second(element);
      if ((is_read = reader.ExpectBitString(&view))) writer.AddBitString(view);
      if (second.ExpectNamedBits(&bits)) {
        Writer other;
        other.AddNamedBits(bits);
        CHECK(*other.Finish() == ToBytes(element));
      }
      break;
    }
    case CBS_ASN1_OCTETSTRING:
      is_read = reader.ExpectOctetString(&view);
      CHECK(is_read);
      writer.AddOctetString(view);
      break;
    case CBS_ASN1_NULL:
      if ((is_read = reader.ExpectNull())) writer.AddNull();
      break;
    case CBS_ASN1_UTCTIME:
    case CBS_ASN1_GENERALIZEDTIME: {
      absl::Time time;
      // A GeneralizedTime out of UTCTime's place is read and not written.
      if (!reader.ExpectTime(&time)) break;
      Writer other;
      other.AddTime(time);
      const absl::StatusOr<Bytes> der = other.Finish();
      CHECK(tag == CBS_ASN1_GENERALIZEDTIME ||
            (der.ok() && *der == ToBytes(element)));
      break;
    }
    default:
      break;
  }
  if (is_read) {
    CHECK(reader.Finish());
    CHECK(*writer.Finish() == ToBytes(element));
  }
}

bool Walk(Reader reader, Writer& writer, int depth) {
  while (!reader.empty()) {
    Tag tag = 0;
    ByteView element;
    Reader content;
    if (!reader.PeekTag(&tag)) return false;
    CHECK(reader.NextIs(tag));
    CHECK(reader.ExpectElement(tag, &element));
    CHECK(Reader(element).Expect(tag, &content));
    CheckPrimitive(element, tag);
    if ((tag & CBS_ASN1_CONSTRUCTED) == 0 || depth == kMaxDepth) {
      writer.AddPrimitive(tag, content.rest());
      continue;
    }
    bool is_good = true;
    writer.Add(tag, [&](Writer& w) { is_good = Walk(content, w, depth + 1); });
    if (!is_good) return false;
  }
  return true;
}

// What is DER down to its leaves is written in the same octets.
void Fuzz(ByteView data) {
  Writer writer;
  if (!Walk(Reader(data), writer, 0)) return;
  CHECK(*writer.Finish() == ToBytes(data));
}

}  // namespace
}  // namespace bestow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::Fuzz(bestow::ByteView(data, size));
  return 0;
}
