#include "common/pki/extension.h"

#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow {
namespace {

TEST(ExtensionTest, EveryCaseComesBack) {
  testdata::ExpectRoundTrips(
      "extensions", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<std::vector<Extension>> extensions =
            ParseExtensionsDer(der);
        if (!extensions.ok()) return extensions.status();
        return SerializeExtensionsDer(*extensions);
      });
}

// RFC 5280 4.2: "A certificate MUST NOT include more than one instance of a
// particular extension."
TEST(ExtensionTest, DuplicatesAreNamed) {
  const absl::Status status =
      ParseExtensionsDer(testdata::LoadCase("extensions", "duplicate").data)
          .status();
  EXPECT_EQ(status.message(), "extension 1.2.3 stands there twice");
}

TEST(ExtensionTest, KeyUsageGoesBothWays) {
  EXPECT_EQ(*SerializeKeyUsage(kDigitalSignature),
            Bytes({0x03, 0x02, 0x07, 0x80}));
  EXPECT_EQ(*SerializeKeyUsage(kKeyCertSign | kCrlSign),
            Bytes({0x03, 0x02, 0x01, 0x06}));
  for (uint32_t bits = 1; bits < 0x200; ++bits) {
    const absl::StatusOr<Bytes> value = SerializeKeyUsage(bits);
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(*ParseKeyUsage(*value), bits);
  }
  EXPECT_FALSE(SerializeKeyUsage(0).ok());
}

TEST(ExtensionTest, BasicConstraintsGoBothWays) {
  for (const BasicConstraints& value :
       {BasicConstraints{}, BasicConstraints{true, std::nullopt},
        BasicConstraints{true, 0}, BasicConstraints{true, 300}}) {
    const absl::StatusOr<Bytes> der = SerializeBasicConstraints(value);
    ASSERT_TRUE(der.ok());
    EXPECT_EQ(*ParseBasicConstraints(*der), value);
  }
  EXPECT_EQ(*SerializeBasicConstraints({}), Bytes({0x30, 0x00}));
  EXPECT_EQ(*SerializeBasicConstraints({true, 0}),
            Bytes({0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x00}));
  EXPECT_FALSE(SerializeBasicConstraints({false, 1}).ok());
}

TEST(ExtensionTest, ExtendedKeyUsageGoesBothWays) {
  const std::vector<der::Oid> purposes = {oids::KpClientAuth(),
                                          oids::KpServerAuth()};
  EXPECT_EQ(*ParseExtendedKeyUsage(*SerializeExtendedKeyUsage(purposes)),
            purposes);
  EXPECT_FALSE(SerializeExtendedKeyUsage({}).ok());
  EXPECT_FALSE(SerializeExtendedKeyUsage({der::Oid{}}).ok());
}

TEST(ExtensionTest, KeyIdentifiersGoBothWays) {
  const Bytes id(20, 0xAB);
  EXPECT_EQ(*ParseSubjectKeyIdentifier(*SerializeSubjectKeyIdentifier(id)), id);
  EXPECT_EQ(*ParseAuthorityKeyIdentifier(*SerializeAuthorityKeyIdentifier(id)),
            id);
  const Bytes empty_sequence = {0x30, 0x00};
  EXPECT_TRUE(ParseAuthorityKeyIdentifier(empty_sequence)->empty());
}

TEST(ExtensionTest, ValuesMustEndWhereTheyEnd) {
  const auto with_tail = [](absl::StatusOr<Bytes> der) {
    der->push_back(0);
    return *der;
  };
  EXPECT_FALSE(ParseKeyUsage(with_tail(SerializeKeyUsage(1))).ok());
  EXPECT_FALSE(
      ParseBasicConstraints(with_tail(SerializeBasicConstraints({}))).ok());
  EXPECT_FALSE(ParseExtendedKeyUsage(
                   with_tail(SerializeExtendedKeyUsage({oids::KpCmcRa()})))
                   .ok());
  EXPECT_FALSE(ParseSubjectKeyIdentifier(
                   with_tail(SerializeSubjectKeyIdentifier(Bytes(3))))
                   .ok());
  EXPECT_FALSE(ParseAuthorityKeyIdentifier(
                   with_tail(SerializeAuthorityKeyIdentifier(Bytes(3))))
                   .ok());
}

}  // namespace
}  // namespace bestow
