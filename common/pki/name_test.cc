#include "common/pki/name.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

TEST(NameTest, EveryCaseComesBack) {
  testdata::ExpectRoundTrips("name", [](ByteView der) -> absl::StatusOr<Bytes> {
    absl::StatusOr<Name> name = Name::ParseDer(der);
    if (!name.ok()) return name.status();
    return name->der();
  });
}

TEST(NameTest, TextOfEveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("name")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<Name> name = Name::ParseDer(test.data);
    ASSERT_TRUE(name.ok()) << name.status();
    EXPECT_EQ(name->ToText(), test.notes.at("text"));
    // But for joined RDNs, the text reads back to the same attributes.
    if (absl::StrContains(name->ToText(), "+")) continue;
    const absl::StatusOr<Name> back = Name::FromText(name->ToText());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->ToText(), name->ToText());
    ASSERT_EQ(back->attributes().size(), name->attributes().size());
    for (size_t i = 0; i < name->attributes().size(); ++i) {
      EXPECT_EQ(back->attributes()[i].value, name->attributes()[i].value);
      EXPECT_EQ(back->attributes()[i].type, name->attributes()[i].type);
    }
  }
}

TEST(NameTest, CommonNameIsUtf8String) {
  const absl::StatusOr<Name> name = Name::FromCommonName("gw-17");
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_EQ(name->der(), testdata::LoadCase("name", "common_name").data);
  EXPECT_EQ(name->common_name(), "gw-17");
}

TEST(NameTest, CommonNameHas1To64Characters) {
  EXPECT_FALSE(Name::FromCommonName("").ok());
  EXPECT_TRUE(Name::FromCommonName(std::string(64, 'a')).ok());
  EXPECT_FALSE(Name::FromCommonName(std::string(65, 'a')).ok());
  std::string umlauts;
  for (int i = 0; i < 64; ++i) umlauts += "ü";
  EXPECT_TRUE(Name::FromCommonName(umlauts).ok());
  EXPECT_FALSE(Name::FromCommonName(umlauts + "a").ok());
  EXPECT_FALSE(Name::FromCommonName("\xFF").ok());
}

TEST(NameTest, TheLastCommonNameCounts) {
  EXPECT_EQ(Name::FromText("CN=a,O=x,CN=b")->common_name(), "b");
  EXPECT_EQ(Name::FromText("O=x")->common_name(), "");
}

TEST(NameTest, TextGivesTypesAndOrder) {
  const absl::StatusOr<Name> name = Name::FromText(
      " C=DE, st=Bavaria ,L=M\\C3\\BCnchen,O=Acme\\, Inc.,OU=a=b,"
      "serialNumber=12,DC=example,1.2.3=x,CN=\\ y\\20");
  ASSERT_TRUE(name.ok()) << name.status();
  std::vector<std::string> seen;
  for (const Name::Attribute& attribute : name->attributes()) {
    seen.push_back(absl::StrCat(der::OidToDotted(attribute.type.content), "/",
                                attribute.value_tag, "/", attribute.value));
  }
  EXPECT_EQ(absl::StrJoin(seen, "|"),
            "2.5.4.6/19/DE|2.5.4.8/12/Bavaria|2.5.4.7/12/München|"
            "2.5.4.10/12/Acme, Inc.|2.5.4.11/12/a=b|2.5.4.5/19/12|"
            "0.9.2342.19200300.100.1.25/22/example|1.2.3/12/x|2.5.4.3/12/ y ");
}

TEST(NameTest, RejectsBadText) {
  for (const char* text :
       {"CN", "=a", "CN=", "CN=a,", ",CN=a", "CN=a,,CN=b", "XX=a", "CN=a+O=b",
        "CN=a\\", "CN=a\\x", "CN=\"a\"", "CN=a;b", "CN=<", "CN=\\FF", "C=DEU",
        "C=D\\C3\\9C", "serialNumber=_", "DC=\\C3\\BC"}) {
    EXPECT_EQ(Name::FromText(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(NameTest, EmptyTextIsTheEmptyName) {
  ASSERT_TRUE(Name::FromText("").ok());
  EXPECT_TRUE(Name::FromText("  ")->empty());
  EXPECT_EQ(Name().der(), Bytes({0x30, 0x00}));
  EXPECT_EQ(*Name::FromText(""), Name());
  EXPECT_EQ(Name().ToText(), "");
}

TEST(NameTest, EqualityIsOfEncodings) {
  EXPECT_EQ(*Name::FromText("CN=a"), *Name::FromCommonName("a"));
  EXPECT_FALSE(*Name::FromText("CN=a") == *Name::FromText("CN=A"));
}

TEST(NameTest, TypeThatIsNoOidIsRefused) {
  EXPECT_FALSE(Name::FromAttributes({{der::Oid{}, "x"}}).ok());
  EXPECT_TRUE(Name::FromAttributes({})->empty());
}

TEST(NameTest, OpensslSeesTheSameText) {
  const absl::StatusOr<Name> name =
      Name::FromText("C=DE,O=Acme\\, Inc.,CN=Z\\C3\\BCrich");
  ASSERT_TRUE(name.ok());
  const std::string path = testdata::WriteScratch("name", name->der());
  const std::string seen =
      testdata::RunOpenssl("asn1parse -inform DER -in " + path).output;
  EXPECT_TRUE(absl::StrContains(seen, "PRINTABLESTRING   :DE")) << seen;
  EXPECT_TRUE(absl::StrContains(seen, "UTF8STRING        :Acme, Inc.")) << seen;
  EXPECT_TRUE(absl::StrContains(seen, "UTF8STRING        :Zürich")) << seen;
}

TEST(GeneralNameTest, EveryCaseComesBack) {
  testdata::ExpectRoundTrips("general_names",
                             [](ByteView der) -> absl::StatusOr<Bytes> {
                               absl::StatusOr<std::vector<GeneralName>> names =
                                   ParseGeneralNamesDer(der);
                               if (!names.ok()) return names.status();
                               return SerializeGeneralNamesDer(*names);
                             });
}

TEST(GeneralNameTest, TextOfEveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("general_names")) {
    if (!test.accept) continue;
    const auto names = ParseGeneralNamesDer(test.data);
    ASSERT_TRUE(names.ok()) << test.name;
    std::vector<std::string> texts;
    for (const GeneralName& name : *names) texts.push_back(name.ToText());
    EXPECT_EQ(absl::StrJoin(texts, " "), test.notes.at("text"));
  }
}

TEST(GeneralNameTest, TextGoesBothWays) {
  for (const char* text :
       {"dns:gw-17.example", "dns:a_b.example", "ip:192.0.2.1",
        "ip:2001:db8::1", "uri:urn:dev:mac:0024befffe804ff1", "email:a@b"}) {
    const absl::StatusOr<GeneralName> name = GeneralName::FromText(text);
    ASSERT_TRUE(name.ok()) << name.status();
    EXPECT_EQ(name->ToText(), text);
  }
  EXPECT_EQ(GeneralName::FromText("DNS:a")->ToText(), "dns:a");
}

TEST(GeneralNameTest, RejectsBadText) {
  const std::string long_label(64, 'a');
  for (const std::string& text : {std::string(""),
                                  std::string("gw-17"),
                                  std::string("dns:"),
                                  std::string("dns:."),
                                  std::string("dns:a..b"),
                                  std::string("dns:a."),
                                  std::string("dns:-a"),
                                  std::string("dns:a-"),
                                  std::string("dns:*.a"),
                                  std::string("dns:a b"),
                                  std::string("dns:ü"),
                                  "dns:" + long_label,
                                  std::string("dns:a\0b", 7),
                                  std::string("ip:"),
                                  std::string("ip:1.2.3"),
                                  std::string("ip:1.2.3.4.5"),
                                  std::string("ip:192.0.2.1/24"),
                                  std::string("ip:1.2.3.4\0", 11),
                                  std::string("ip:::g"),
                                  std::string("uri:relative"),
                                  std::string("uri:1:2"),
                                  std::string("uri:a: b"),
                                  std::string("email:a"),
                                  std::string("email:@b"),
                                  std::string("email:a@"),
                                  std::string("dirname:CN=a")}) {
    EXPECT_EQ(GeneralName::FromText(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(GeneralNameTest, HostNamesHaveUpTo253Octets) {
  const std::string label(61, 'a');
  const std::string host =
      absl::StrJoin({label, label, label, label}, ".");  // 247
  EXPECT_TRUE(GeneralName::Dns(host + ".abcde").ok());
  EXPECT_FALSE(GeneralName::Dns(host + ".abcdef").ok());
}

TEST(GeneralNameTest, WritingChecksToo) {
  EXPECT_FALSE(SerializeGeneralNamesDer({}).ok());
  EXPECT_FALSE(
      SerializeGeneralNamesDer({{GeneralName::Kind::kIpAddress, Bytes(5)}})
          .ok());
  EXPECT_FALSE(
      SerializeGeneralNamesDer({{GeneralName::Kind::kDns, Bytes()}}).ok());
  EXPECT_FALSE(SerializeGeneralNamesDer(
                   std::vector<GeneralName>(65, *GeneralName::Dns("a")))
                   .ok());
}

TEST(GeneralNameTest, DirectoryNamesHoldTheNamesDer) {
  const Name name = *Name::FromText("CN=a");
  EXPECT_EQ(GeneralName::Directory(name).value, name.der());
  EXPECT_EQ(GeneralName::Directory(name).ToText(), "dirname:CN=a");
}

}  // namespace
}  // namespace bestow
