#include "common/der/writer.h"

#include "gtest/gtest.h"

namespace bestow::der {
namespace {

Bytes Written(const std::function<void(Writer&)>& fill) {
  Writer writer;
  fill(writer);
  absl::StatusOr<Bytes> out = writer.Finish();
  EXPECT_TRUE(out.ok()) << out.status();
  return out.ok() ? *out : Bytes();
}

bool Fails(const std::function<void(Writer&)>& fill) {
  Writer writer;
  fill(writer);
  return writer.Finish().status().code() == absl::StatusCode::kInternal;
}

TEST(WriterTest, Nests) {
  EXPECT_EQ(Written([](Writer& w) {
              w.AddSequence([](Writer& outer) {
                outer.AddUint(5);
                outer.AddSet([](Writer& inner) { inner.AddNull(); });
                outer.AddBoolean(true);
              });
            }),
            Bytes({0x30, 0x0A, 0x02, 0x01, 0x05, 0x31, 0x02, 0x05, 0x00, 0x01,
                   0x01, 0xFF}));
}

TEST(WriterTest, NestsDeeplyAndOverLongLengths) {
  std::function<void(Writer&, int)> nest = [&](Writer& w, int depth) {
    if (depth == 0) {
      w.AddOctetString(Bytes(70000, 0x5A));
      return;
    }
    w.AddSequence([&](Writer& inner) { nest(inner, depth - 1); });
  };
  const Bytes out = Written([&](Writer& w) { nest(w, 200); });
  Reader reader(out), content;
  int depth = 0;
  while (reader.NextIs(CBS_ASN1_SEQUENCE)) {
    ASSERT_TRUE(reader.ExpectSequence(&content));
    ASSERT_TRUE(reader.Finish());
    reader = content;
    ++depth;
  }
  EXPECT_EQ(depth, 200);
  ByteView octets;
  ASSERT_TRUE(reader.ExpectOctetString(&octets));
  EXPECT_EQ(octets.size(), 70000u);
}

// `fill` may use the outer writer instead of its argument: they are the same.
TEST(WriterTest, TheArgumentOfFillIsTheWriterItself) {
  Writer writer;
  writer.AddSequence([&](Writer& inner) {
    EXPECT_EQ(&inner, &writer);
    writer.AddNull();
  });
  EXPECT_EQ(*writer.Finish(), Bytes({0x30, 0x02, 0x05, 0x00}));
}

TEST(WriterTest, ErrorsStickAtAnyDepth) {
  Writer writer;
  writer.AddSequence([](Writer& outer) {
    outer.AddSet([](Writer& inner) {
      inner.AddPrintableString("@");
      inner.AddNull();
      inner.AddSequence([](Writer&) { FAIL() << "not to be called"; });
    });
    outer.AddUint(1);
  });
  writer.AddNull();
  EXPECT_EQ(writer.Finish().status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(writer.Finish().status().code(), absl::StatusCode::kInternal);
}

TEST(WriterTest, FinishWithinAddFails) {
  Writer writer;
  writer.AddSequence([](Writer& inner) {
    inner.AddNull();
    EXPECT_FALSE(inner.Finish().ok());
  });
  EXPECT_FALSE(writer.Finish().ok());
}

TEST(WriterTest, FinishesOnce) {
  Writer writer;
  writer.AddNull();
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_FALSE(writer.Finish().ok());
}

TEST(WriterTest, SetOfIsSorted) {
  EXPECT_EQ(Written([](Writer& w) {
              w.AddSetOf(
                  {{0x02, 0x01, 0x09}, {0x02, 0x01, 0x05}, {0x01, 0x01, 0xFF}});
            }),
            Bytes({0x31, 0x09, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x05, 0x02, 0x01,
                   0x09}));
  EXPECT_EQ(Written([](Writer& w) {
              w.AddSet([](Writer& s) {
                s.AddUint(9);
                s.AddUint(5);
              });
            }),
            Bytes({0x31, 0x06, 0x02, 0x01, 0x09, 0x02, 0x01, 0x05}));
}

TEST(WriterTest, NamedBits) {
  const auto bits = [](uint32_t value) {
    return Written([value](Writer& w) { w.AddNamedBits(value); });
  };
  EXPECT_EQ(bits(0), Bytes({0x03, 0x01, 0x00}));
  EXPECT_EQ(bits(1), Bytes({0x03, 0x02, 0x07, 0x80}));
  EXPECT_EQ(bits(1u << 7), Bytes({0x03, 0x02, 0x00, 0x01}));
  EXPECT_EQ(bits(1u << 8), Bytes({0x03, 0x03, 0x07, 0x00, 0x80}));
  for (uint32_t value : {0u, 1u, 0x60u, 0x1FFu, 0x80000000u, 0xFFFFFFFFu}) {
    const Bytes der = bits(value);
    Reader reader(der);
    uint32_t back = 0;
    ASSERT_TRUE(reader.ExpectNamedBits(&back) && reader.Finish()) << value;
    EXPECT_EQ(back, value);
  }
}

TEST(WriterTest, UintsAreMinimal) {
  for (uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128},
                         uint64_t{255}, uint64_t{256}, uint64_t{INT64_MAX}}) {
    const Bytes der = Written([value](Writer& w) { w.AddUint(value); });
    Reader reader(der);
    uint64_t back = 1;
    ASSERT_TRUE(reader.ExpectUint(&back) && reader.Finish());
    EXPECT_EQ(back, value);
  }
}

TEST(WriterTest, RejectsWhatIsNotOfItsType) {
  EXPECT_TRUE(Fails([](Writer& w) { w.AddInteger({}); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddInteger(Bytes{0x00, 0x01}); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddOid(Oid{}); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddOid(Oid{{0x80, 0x01}}); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddUtf8String("\xC0\x80"); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddPrintableString("ü"); }));
}

TEST(WriterTest, GeneralizedTimesAndEnumerated) {
  EXPECT_EQ(Written([](Writer& w) {
              w.AddGeneralizedTime(absl::FromUnixSeconds(0));
              w.AddEnumerated(10);
            }),
            Bytes({0x18, 0x0F, '1', '9', '7', '0', '0', '1',  '0',  '1',
                   '0',  '0',  '0', '0', '0', '0', 'Z', 0x0A, 0x01, 0x0A}));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddEnumerated(128); }));
  EXPECT_TRUE(
      Fails([](Writer& w) { w.AddGeneralizedTime(absl::InfiniteFuture()); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.Fail(); }));
}

TEST(WriterTest, TimesChangeTheirTypeIn2050) {
  const auto time = [](const char* text) {
    absl::Time out;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &out, &error));
    return out;
  };
  const auto content = [](Bytes der) {
    return ToText(ByteView(der).subspan(2));
  };
  Bytes der =
      Written([&](Writer& w) { w.AddTime(time("2049-12-31T23:59:59Z")); });
  EXPECT_EQ(der[0], CBS_ASN1_UTCTIME);
  EXPECT_EQ(content(der), "491231235959Z");
  der = Written([&](Writer& w) { w.AddTime(time("2050-01-01T00:00:00Z")); });
  EXPECT_EQ(der[0], CBS_ASN1_GENERALIZEDTIME);
  EXPECT_EQ(content(der), "20500101000000Z");
  der = Written([&](Writer& w) { w.AddTime(time("1950-01-01T00:00:00Z")); });
  EXPECT_EQ(content(der), "500101000000Z");
  // Fractions are cut, never rounded up into the future.
  der =
      Written([&](Writer& w) { w.AddTime(time("2024-06-30T23:59:59.999Z")); });
  EXPECT_EQ(content(der), "240630235959Z");
  EXPECT_TRUE(
      Fails([&](Writer& w) { w.AddTime(time("1949-12-31T23:59:59Z")); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddTime(absl::InfiniteFuture()); }));
  EXPECT_TRUE(Fails([](Writer& w) { w.AddTime(absl::InfinitePast()); }));
}

}  // namespace
}  // namespace bestow::der
