// A DER writer over CBB.
#ifndef COMMON_DER_WRITER_H_
#define COMMON_DER_WRITER_H_

#include <openssl/bytestring.h>

#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/der/oid.h"
#include "common/der/reader.h"

namespace bestow::der {

// Errors stick: after one, Add* do nothing and Finish() says so. Nest with
// Add(tag, fill): `fill` writes the content through the same writer.
class Writer {
 public:
  Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Add(Tag tag, const std::function<void(Writer&)>& fill);
  void AddSequence(const std::function<void(Writer&)>& fill);
  // SET OF in the order written; AddSetOf sorts as DER asks.
  void AddSet(const std::function<void(Writer&)>& fill);
  void AddSetOf(std::vector<Bytes> elements);
  // Already encoded.
  void AddElement(ByteView element);
  void AddPrimitive(Tag tag, ByteView content);
  void AddBoolean(bool value);
  void AddUint(uint64_t value);
  // Content octets of a minimal INTEGER.
  void AddInteger(ByteView content);
  void AddOid(const Oid& oid);
  void AddOctetString(ByteView content);
  void AddBitString(ByteView content);  // no unused bits
  void AddNamedBits(uint32_t bits);     // trailing zero bits dropped
  void AddNull();
  void AddUtf8String(std::string_view text);
  void AddPrintableString(std::string_view text);  // an error when it is not
  // UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5).
  // An error before 1950 or after 9999.
  void AddTime(absl::Time time);
  // GeneralizedTime of any year from 0 to 9999, in whole seconds, Z.
  void AddGeneralizedTime(absl::Time time);
  void AddEnumerated(uint8_t value);  // up to 127

  // Makes Finish() fail: for callers who find what they can't write.
  void Fail() { failed_ = true; }
  // What was written. kInternal when anything failed.
  absl::StatusOr<Bytes> Finish();

 private:
  bssl::ScopedCBB root_;
  CBB* cbb_;  // where Add* write: the root, or the child of the Add() that runs
  bool failed_ = false;
};

}  // namespace bestow::der

#endif  // COMMON_DER_WRITER_H_
