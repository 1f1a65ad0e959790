#include "common/der/reader.h"

#include "common/der/writer.h"
#include "gtest/gtest.h"
#include "testdata/matchers.h"

namespace bestow::der {
namespace {

constexpr Tag kConstructed = CBS_ASN1_CONSTRUCTED;

// Reads everything down to the leaves and writes it again.
bool Copy(Reader reader, Writer& writer) {
  while (!reader.empty()) {
    Tag tag = 0;
    Reader content;
    if (!reader.PeekTag(&tag) || !reader.Expect(tag, &content)) return false;
    bool is_good = true;
    writer.Add(tag, [&](Writer& w) {
      if ((tag & kConstructed) != 0) {
        is_good = Copy(content, w);
      } else {
        w.AddElement(content.rest());
      }
    });
    if (!is_good) return false;
  }
  return true;
}

TEST(ReaderTest, TakesDerAndNothingElse) {
  testdata::ExpectRoundTrips("der", [](ByteView der) -> absl::StatusOr<Bytes> {
    Writer writer;
    if (!Copy(Reader(der), writer)) {
      return absl::InvalidArgumentError("not DER");
    }
    return writer.Finish();
  });
}

bool ReadBoolean(Bytes der, bool* value) {
  Reader reader(der);
  return reader.ExpectBoolean(value) && reader.Finish();
}

TEST(ReaderTest, BooleansAreZeroAndFf) {
  bool value = false;
  EXPECT_TRUE(ReadBoolean({0x01, 0x01, 0xFF}, &value));
  EXPECT_TRUE(value);
  EXPECT_TRUE(ReadBoolean({0x01, 0x01, 0x00}, &value));
  EXPECT_FALSE(value);
  EXPECT_FALSE(ReadBoolean({0x01, 0x01, 0x01}, &value));
  EXPECT_FALSE(ReadBoolean({0x01, 0x00}, &value));
  EXPECT_FALSE(ReadBoolean({0x01, 0x02, 0xFF, 0xFF}, &value));
}

TEST(ReaderTest, UintsAreMinimalAndNotNegative) {
  const auto read = [](Bytes der, uint64_t* value) {
    Reader reader(der);
    return reader.ExpectUint(value) && reader.Finish();
  };
  uint64_t value = 1;
  EXPECT_TRUE(read({0x02, 0x01, 0x00}, &value));
  EXPECT_EQ(value, 0u);
  EXPECT_TRUE(read({0x02, 0x02, 0x00, 0x80}, &value));
  EXPECT_EQ(value, 128u);
  EXPECT_TRUE(
      read({0x02, 8, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, &value));
  EXPECT_EQ(value, uint64_t{INT64_MAX});
  EXPECT_FALSE(
      read({0x02, 9, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0}, &value));  // 2^63
  EXPECT_FALSE(read({0x02, 0x00}, &value));
  EXPECT_FALSE(read({0x02, 0x01, 0x80}, &value));
  EXPECT_FALSE(read({0x02, 0x02, 0x00, 0x7F}, &value));
}

TEST(ReaderTest, IntegersAreMinimalOfAnySign) {
  const auto read = [](Bytes der) {
    Reader reader(der);
    ByteView content;
    return reader.ExpectInteger(&content) && reader.Finish();
  };
  EXPECT_TRUE(read({0x02, 0x01, 0x80}));
  EXPECT_TRUE(read({0x02, 0x02, 0xFF, 0x7F}));
  EXPECT_FALSE(read({0x02, 0x02, 0xFF, 0x80}));
  EXPECT_FALSE(read({0x02, 0x02, 0x00, 0x01}));
  EXPECT_FALSE(read({0x02, 0x00}));
}

TEST(ReaderTest, NamedBitsDropTrailingZeros) {
  const auto read = [](Bytes der, uint32_t* bits) {
    Reader reader(der);
    return reader.ExpectNamedBits(bits) && reader.Finish();
  };
  uint32_t bits = 0;
  EXPECT_TRUE(read({0x03, 0x02, 0x07, 0x80}, &bits));
  EXPECT_EQ(bits, 1u);
  EXPECT_TRUE(read({0x03, 0x03, 0x07, 0x06, 0x80}, &bits));
  EXPECT_EQ(bits, 1u << 5 | 1u << 6 | 1u << 8);
  EXPECT_TRUE(read({0x03, 0x01, 0x00}, &bits));
  EXPECT_EQ(bits, 0u);
  EXPECT_TRUE(read({0x03, 0x05, 0x00, 0x00, 0x00, 0x00, 0x01}, &bits));
  EXPECT_EQ(bits, 1u << 31);
  EXPECT_FALSE(read({0x03, 0x02, 0x06, 0x80}, &bits));  // a zero bit left
  EXPECT_FALSE(read({0x03, 0x02, 0x00, 0x00}, &bits));  // an octet of them
  EXPECT_FALSE(read({0x03, 0x02, 0x07, 0xC0}, &bits));  // unused bit set
  EXPECT_FALSE(read({0x03, 0x01, 0x01}, &bits));        // unused of none
  EXPECT_FALSE(read({0x03, 0x02, 0x08, 0x80}, &bits));  // 8 unused bits
  EXPECT_FALSE(read({0x03, 0x00}, &bits));              // no count
  EXPECT_FALSE(read({0x03, 0x06, 0x00, 0, 0, 0, 0, 1}, &bits));  // 40 bits
}

TEST(ReaderTest, BitStringsHaveNoUnusedBits) {
  const Bytes good = {0x03, 0x02, 0x00, 0xAB};
  Reader reader(good);
  ByteView content;
  ASSERT_TRUE(reader.ExpectBitString(&content));
  EXPECT_EQ(ToBytes(content), Bytes({0xAB}));
  const Bytes unused = {0x03, 0x02, 0x04, 0xA0};
  Reader other(unused);
  EXPECT_FALSE(other.ExpectBitString(&content));
}

TEST(ReaderTest, NullIsEmpty) {
  const Bytes good = {0x05, 0x00}, bad = {0x05, 0x01, 0x00};
  EXPECT_TRUE(Reader(good).ExpectNull());
  EXPECT_FALSE(Reader(bad).ExpectNull());
}

TEST(ReaderTest, MatchLeavesTheCursorOnAMismatch) {
  const Bytes der = {0x02, 0x01, 0x05};
  Reader reader(der), content;
  bool present = true;
  ASSERT_TRUE(reader.Match(CBS_ASN1_OCTETSTRING, &content, &present));
  EXPECT_FALSE(present);
  EXPECT_EQ(reader.rest().size(), 3u);
  ASSERT_TRUE(reader.Match(CBS_ASN1_INTEGER, &content, &present));
  EXPECT_TRUE(present);
  EXPECT_TRUE(reader.Finish());
  // At the end nothing is there, which is no error.
  ASSERT_TRUE(reader.Match(CBS_ASN1_INTEGER, &content, &present));
  EXPECT_FALSE(present);
}

TEST(ReaderTest, MatchFailsWhenTheElementIsCutOff) {
  const Bytes der = {0x02, 0x05, 0x05};
  Reader reader(der), content;
  bool present = false;
  EXPECT_FALSE(reader.Match(CBS_ASN1_INTEGER, &content, &present));
  EXPECT_TRUE(present);
}

TEST(ReaderTest, CopiesAreIndependent) {
  const Bytes der = {0x05, 0x00, 0x05, 0x00};
  Reader first(der);
  Reader second = first;
  ASSERT_TRUE(first.ExpectNull());
  EXPECT_EQ(first.rest().size(), 2u);
  EXPECT_EQ(second.rest().size(), 4u);
}

TEST(ReaderTest, ElementsAreWhole) {
  const Bytes der = {0x30, 0x02, 0x05, 0x00};
  Reader reader(der);
  ByteView element;
  Tag tag = 0;
  ASSERT_TRUE(reader.ExpectAny(&element, &tag));
  EXPECT_EQ(tag, Tag{CBS_ASN1_SEQUENCE});
  EXPECT_EQ(ToBytes(element), der);
  EXPECT_FALSE(reader.PeekTag(&tag));
  EXPECT_FALSE(reader.NextIs(CBS_ASN1_SEQUENCE));
  EXPECT_FALSE(reader.Skip(CBS_ASN1_SEQUENCE));
}

TEST(ReaderTest, EnumeratedIsOneOctet) {
  const auto read = [](const Bytes& der) -> int {
    Reader reader(der);
    uint8_t value = 0;
    return reader.ExpectEnumerated(&value) && reader.Finish() ? value : -1;
  };
  EXPECT_EQ(read({0x0A, 0x01, 0x00}), 0);
  EXPECT_EQ(read({0x0A, 0x01, 0x7F}), 127);
  for (const Bytes& der :
       {Bytes{}, Bytes{0x0A, 0x00}, Bytes{0x0A, 0x01, 0x80},
        Bytes{0x0A, 0x02, 0x00, 0x01}, Bytes{0x02, 0x01, 0x01}}) {
    EXPECT_EQ(read(der), -1);
  }
}

TEST(ReaderTest, GeneralizedTimeAlone) {
  const auto reads = [](Tag tag, std::string_view text) {
    Bytes der = {static_cast<uint8_t>(tag), static_cast<uint8_t>(text.size())};
    der.insert(der.end(), text.begin(), text.end());
    Reader reader(der);
    absl::Time time;
    return reader.ExpectGeneralizedTime(&time) && reader.Finish();
  };
  EXPECT_TRUE(reads(0x18, "20240101000000Z"));
  EXPECT_FALSE(reads(0x17, "240101000000Z"));
  EXPECT_FALSE(reads(0x18, "20240101000000.5Z"));
  EXPECT_FALSE(reads(0x18, "202401010000Z"));
}

TEST(ReaderTest, TimesFollowTheProfileOfRfc5280) {
  const auto read = [](Tag tag, std::string_view text, absl::Time* time) {
    Writer writer;
    writer.AddPrimitive(tag, AsBytes(text));
    const Bytes der = *writer.Finish();
    Reader reader(der);
    return reader.ExpectTime(time) && reader.Finish();
  };
  absl::Time time;
  ASSERT_TRUE(read(CBS_ASN1_UTCTIME, "500101000000Z", &time));
  EXPECT_EQ(absl::FormatTime(time, absl::UTCTimeZone()),
            "1950-01-01T00:00:00+00:00");
  ASSERT_TRUE(read(CBS_ASN1_UTCTIME, "491231235959Z", &time));
  EXPECT_EQ(absl::FormatTime(time, absl::UTCTimeZone()),
            "2049-12-31T23:59:59+00:00");
  ASSERT_TRUE(read(CBS_ASN1_GENERALIZEDTIME, "99991231235959Z", &time));
  EXPECT_EQ(absl::FormatTime(time, absl::UTCTimeZone()),
            "9999-12-31T23:59:59+00:00");
  EXPECT_FALSE(read(CBS_ASN1_UTCTIME, "2401010000Z", &time));
  EXPECT_FALSE(read(CBS_ASN1_UTCTIME, "240101000000+0000", &time));
  EXPECT_FALSE(read(CBS_ASN1_GENERALIZEDTIME, "20240101000000.5Z", &time));
  EXPECT_FALSE(read(CBS_ASN1_GENERALIZEDTIME, "240101000000Z", &time));
  EXPECT_FALSE(read(CBS_ASN1_OCTETSTRING, "240101000000Z", &time));
}

}  // namespace
}  // namespace bestow::der
