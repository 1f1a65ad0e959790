#include "common/est/csr_attrs.h"

#include "common/der/reader.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::est {
namespace {

// RFC 7030 A.2 and the examples of RFC 9908's draft are among them.
TEST(CsrAttrsTest, EveryCaseComesBack) {
  testdata::ExpectRoundTrips(
      "csr_attrs",
      [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<CsrAttrs> attrs = ParseCsrAttrsDer(der);
        if (!attrs.ok()) return attrs.status();
        return SerializeCsrAttrsDer(*attrs);
      },
      /*may_accept_more=*/true);
}

// RFC 7030 A.2: three OIDs and two attributes that a client may not know.
TEST(CsrAttrsTest, Rfc7030A2HasChallengePasswordAndAttributes) {
  const absl::StatusOr<CsrAttrs> attrs = ParseCsrAttrsDer(
      testdata::LoadCase("csr_attrs", "rfc7030_a2_csrattrs").data);
  ASSERT_TRUE(attrs.ok());
  ASSERT_EQ(attrs->items.size(), 6u);
  EXPECT_TRUE(ContainsOid(*attrs, oids::ChallengePassword()));
  const auto* first = std::get_if<CsrAttribute>(&attrs->items[1]);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(der::OidToDotted(first->type.content), "2.999.1");
  ASSERT_EQ(first->values.size(), 1u);
  der::Reader value(first->values[0]), text;
  ASSERT_TRUE(value.Expect(CBS_ASN1_PRINTABLESTRING, &text));
  EXPECT_EQ(AsText(text.rest()), "Parse SET as 2.999.1 data");
  const auto* second = std::get_if<CsrAttribute>(&attrs->items[3]);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(der::OidToDotted(second->type.content), "2.999.2");
  EXPECT_EQ(second->values.size(), 3u);
}

TEST(CsrAttrsTest, ContainsBareOidsAlone) {
  CsrAttrs attrs;
  attrs.items = {CsrAttribute{oids::ChallengePassword(), {{0x05, 0x00}}}};
  EXPECT_FALSE(ContainsOid(attrs, oids::ChallengePassword()));
  attrs.items.push_back(oids::ChallengePassword());
  EXPECT_TRUE(ContainsOid(attrs, oids::ChallengePassword()));
  EXPECT_FALSE(ContainsOid(attrs, oids::ExtensionRequest()));
}

// RFC 9908 3.2, and the examples of its Appendix.
TEST(CsrAttrsTest, FindsTheOneExtensionRequest) {
  const auto find = [](const char* name) {
    return FindExtensions(
        *ParseCsrAttrsDer(testdata::LoadCase("csr_attrs", name).data));
  };
  const auto acp = find("draft_realistic_acp");
  ASSERT_TRUE(acp.ok()) << acp.status();
  ASSERT_EQ(acp->size(), 1u);
  EXPECT_EQ((*acp)[0].id, oids::SubjectAltName());
  EXPECT_TRUE(find("draft_potato_example")->empty());
  EXPECT_TRUE(find("draft_harkins01")->empty());
  EXPECT_TRUE(find("challenge_password")->empty());

  const Bytes value = *SerializeExtensionsDer({{oids::KeyUsage(), false, {}}});
  CsrAttrs attrs;
  attrs.items = {CsrAttribute{oids::ExtensionRequest(), {value}}};
  EXPECT_EQ(FindExtensions(attrs)->size(), 1u);
  attrs.items.push_back(attrs.items[0]);
  EXPECT_FALSE(FindExtensions(attrs).ok());
  attrs.items = {CsrAttribute{oids::ExtensionRequest(), {value, value}}};
  EXPECT_FALSE(FindExtensions(attrs).ok());
  attrs.items = {CsrAttribute{oids::ExtensionRequest(), {}}};
  EXPECT_FALSE(FindExtensions(attrs).ok());
  // RFC 7030 4.5.2's own example: an OID.
  attrs.items = {CsrAttribute{oids::ExtensionRequest(), {{0x06, 1, 0x2A}}}};
  EXPECT_FALSE(FindExtensions(attrs).ok());
}

TEST(CsrAttrsTest, WritesNothingThatHasNoOid) {
  CsrAttrs attrs;
  attrs.items = {der::Oid{}};
  EXPECT_FALSE(SerializeCsrAttrsDer(attrs).ok());
}

}  // namespace
}  // namespace bestow::est
