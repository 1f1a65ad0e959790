// A strict DER reader over CBS. Every parser of this project reads through it.
#ifndef COMMON_DER_READER_H_
#define COMMON_DER_READER_H_

#include <openssl/bytestring.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::der {

// Tags as CBS writes them (class and constructed bits in the high byte).
using Tag = CBS_ASN1_TAG;

// A cursor over borrowed bytes; copies are cheap and independent.
// Expect* consumes or returns false; after false the cursor's place is not
// specified and the caller gives up. Match* leaves the cursor on a mismatch.
// DER: definite lengths in their shortest form; anything else fails.
class Reader {
 public:
  Reader() { CBS_init(&cbs_, nullptr, 0); }
  explicit Reader(ByteView input) {
    CBS_init(&cbs_, input.data(), input.size());
  }

  bool empty() const { return CBS_len(&cbs_) == 0; }
  // True iff nothing is left: refuses trailing data.
  [[nodiscard]] bool Finish() const { return empty(); }
  ByteView rest() const { return ByteView(CBS_data(&cbs_), CBS_len(&cbs_)); }

  // The next element's tag without consuming; false at the end.
  [[nodiscard]] bool PeekTag(Tag* tag) const;
  [[nodiscard]] bool NextIs(Tag tag) const;

  // One element: `content` reads its content octets.
  [[nodiscard]] bool Expect(Tag tag, Reader* content);
  [[nodiscard]] bool ExpectSequence(Reader* content);
  [[nodiscard]] bool ExpectSet(Reader* content);
  // One element of this tag, whole with tag and length.
  [[nodiscard]] bool ExpectElement(Tag tag, ByteView* element);
  // One element of any tag, whole.
  [[nodiscard]] bool ExpectAny(ByteView* element, Tag* tag = nullptr);
  // Consumes the element when the tag matches; `present` says so. False only
  // when the tag matches and the element is malformed.
  [[nodiscard]] bool Match(Tag tag, Reader* content, bool* present);
  [[nodiscard]] bool Skip(Tag tag);

  [[nodiscard]] bool ExpectBoolean(bool* value);
  // Non-negative, minimal, up to 2^63-1.
  [[nodiscard]] bool ExpectUint(uint64_t* value);
  // Any minimal INTEGER's content octets (two's complement).
  [[nodiscard]] bool ExpectInteger(ByteView* content);
  // Content octets of a well-formed OBJECT IDENTIFIER.
  [[nodiscard]] bool ExpectOid(ByteView* oid);
  [[nodiscard]] bool ExpectOctetString(ByteView* content);
  // Without unused bits.
  [[nodiscard]] bool ExpectBitString(ByteView* content);
  // Named bits, as KeyUsage has them: bit i of *bits is named bit i. Up to 32.
  [[nodiscard]] bool ExpectNamedBits(uint32_t* bits);
  [[nodiscard]] bool ExpectNull();
  // UTCTime or GeneralizedTime in the profile of RFC 5280 4.1.2.5 (seconds,
  // Z). UTCTime's years 50 to 99 are 19xx.
  [[nodiscard]] bool ExpectTime(absl::Time* time);
  // GeneralizedTime alone, in the same profile.
  [[nodiscard]] bool ExpectGeneralizedTime(absl::Time* time);
  // ENUMERATED from 0 to 127.
  [[nodiscard]] bool ExpectEnumerated(uint8_t* value);

 private:
  CBS cbs_;
};

}  // namespace bestow::der

#endif  // COMMON_DER_READER_H_
