#include "common/est/csr_template.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow::est {
namespace {

// "CN=? OU=myDept | 1.2.840.10045.2.1 1.2.840.10045.3.1.7 | 2.5.29.17
// !2.5.29.15 2.5.29.37=?": subject, key, extensions.
std::string Describe(const CsrTemplate& wanted) {
  std::vector<std::string> words;
  if (wanted.subject.has_value()) {
    for (const auto& attribute : wanted.subject->attributes) {
      words.push_back(
          absl::StrCat(attribute.joins_previous ? "+" : "",
                       der::OidToDotted(attribute.type.content), "=",
                       attribute.value.has_value() ? attribute.text : "?"));
    }
  }
  words.push_back("|");
  if (wanted.key.has_value()) {
    words.push_back(der::OidToDotted(wanted.key->algorithm.content));
    if (const auto curve = wanted.key->curve()) {
      words.push_back(der::OidToDotted(curve->content));
    }
    if (const auto bits = wanted.key->rsa_bits()) {
      words.push_back(absl::StrCat(*bits));
    }
  }
  words.push_back("|");
  for (const ExtensionTemplate& extension : wanted.extensions) {
    words.push_back(absl::StrCat(extension.critical ? "!" : "",
                                 der::OidToDotted(extension.id.content),
                                 extension.value.has_value() ? "" : "=?"));
  }
  return absl::StrJoin(words, " ");
}

TEST(CsrTemplateTest, EveryCaseComesBackFromItsParts) {
  testdata::ExpectRoundTrips(
      "csr_template", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<CsrTemplate> wanted = ParseCsrTemplateDer(der);
        if (!wanted.ok()) return wanted.status();
        wanted->extensions.clear();
        return SerializeCsrTemplateDer(*wanted);
      });
}

TEST(CsrTemplateTest, EveryCaseSaysItsDemands) {
  for (const testdata::Case& test : testdata::LoadCases("csr_template")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<CsrTemplate> wanted = ParseCsrTemplateDer(test.data);
    ASSERT_TRUE(wanted.ok()) << wanted.status();
    EXPECT_EQ(Describe(*wanted), test.notes.at("demands"));
  }
}

// The example of RFC 9908 3.4, built from its parts in the same octets.
TEST(CsrTemplateTest, Rfc9908ExampleIsBuiltFromItsDemands) {
  const Bytes example =
      testdata::LoadCase("csr_template", "rfc9908_example").data;
  CsrTemplate wanted;
  wanted.subject = *SubjectTemplateFromText("CN=,OU=myDept,OU=myGroup");
  wanted.key = KeyTemplateFor(KeyType::kEcP256);
  const absl::StatusOr<CsrTemplate> read = ParseCsrTemplateDer(example);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read->subject, *wanted.subject);
  EXPECT_EQ(*read->key, *wanted.key);
  ASSERT_EQ(read->extensions.size(), 3u);
  ASSERT_TRUE(SetExtensions(read->extensions, &wanted).ok());
  EXPECT_EQ(*SerializeCsrTemplateDer(wanted), example);

  const auto names = ParseGeneralNameTemplatesDer(*read->extensions[0].value);
  ASSERT_TRUE(names.ok()) << names.status();
  const std::vector<GeneralNameTemplate> expected = {
      {GeneralName::Kind::kDns, *GeneralName::Dns("www.myServer.com")},
      {GeneralName::Kind::kIpAddress, std::nullopt}};
  EXPECT_EQ(*names, expected);
  EXPECT_EQ(*ParseKeyUsage(*read->extensions[1].value),
            kDigitalSignature | kKeyAgreement);
  EXPECT_TRUE(read->extensions[1].critical);
  EXPECT_FALSE(read->extensions[2].value.has_value());
}

TEST(CsrTemplateTest, KeyTemplatesSayTheirTypeAndSize) {
  EXPECT_EQ(KeyTemplateFor(KeyType::kEcP256).curve(), oids::Prime256v1());
  EXPECT_EQ(KeyTemplateFor(KeyType::kEcP384).curve(), oids::Secp384r1());
  EXPECT_EQ(KeyTemplateFor(KeyType::kEcP256).rsa_bits(), std::nullopt);
  EXPECT_EQ(KeyTemplateFor(KeyType::kRsa2048).rsa_bits(), 2048u);
  EXPECT_EQ(KeyTemplateFor(KeyType::kRsa3072).rsa_bits(), 3072u);
  EXPECT_EQ(KeyTemplateFor(KeyType::kRsa2048).curve(), std::nullopt);
  EXPECT_EQ(KeyTemplateFor(KeyType::kEd25519).curve(), std::nullopt);
  // RFC 9908 3.4: for other keys than RSA's, "the subjectPublicKey MUST be
  // absent".
  EXPECT_FALSE(KeyTemplateFor(KeyType::kEcP256).public_key.has_value());
  for (const KeyType type : kKeyTypes) {
    CsrTemplate wanted;
    wanted.key = KeyTemplateFor(type);
    const auto read = ParseCsrTemplateDer(*SerializeCsrTemplateDer(wanted));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->key, wanted.key);
  }
}

// RFC 9908 3.4: "otherwise the id-ExtensionReq OID and the respective value of
// type ExtensionReq MUST be used".
TEST(CsrTemplateTest, ExtensionsWithEveryValueAreAnExtensionRequest) {
  const ExtensionTemplate usage{oids::KeyUsage(), true,
                                *SerializeKeyUsage(kDigitalSignature)};
  const ExtensionTemplate purposes{oids::ExtendedKeyUsage(), false,
                                   std::nullopt};
  CsrTemplate wanted;
  ASSERT_TRUE(SetExtensions({usage}, &wanted).ok());
  EXPECT_TRUE(ContainsAttribute(wanted, oids::ExtensionRequest()));
  EXPECT_FALSE(SetExtensions({purposes}, &wanted).ok());  // there already
  EXPECT_EQ(wanted.extensions.size(), 1u);
  wanted = CsrTemplate();
  ASSERT_TRUE(SetExtensions({usage, purposes}, &wanted).ok());
  EXPECT_TRUE(ContainsAttribute(wanted, oids::ExtensionRequestTemplate()));
  EXPECT_FALSE(ContainsAttribute(wanted, oids::ExtensionRequest()));
  wanted = CsrTemplate();
  EXPECT_FALSE(SetExtensions({}, &wanted).ok());
  EXPECT_FALSE(SetExtensions({usage, usage}, &wanted).ok());
}

TEST(CsrTemplateTest, SubjectFromText) {
  const auto subject = SubjectTemplateFromText("C=DE,CN=");
  ASSERT_TRUE(subject.ok()) << subject.status();
  ASSERT_EQ(subject->attributes.size(), 2u);
  EXPECT_EQ(subject->attributes[0].value, Bytes({0x13, 2, 'D', 'E'}));
  EXPECT_FALSE(subject->attributes[1].value.has_value());
  EXPECT_FALSE(SubjectTemplateFromText("X=1").ok());
  EXPECT_FALSE(SubjectTemplateFromText("C=DEU").ok());
}

TEST(CsrTemplateTest, OneTemplateAmongCsrAttributes) {
  CsrTemplate wanted;
  wanted.subject = *SubjectTemplateFromText("CN=");
  CsrAttrs attrs;
  attrs.items = {oids::ChallengePassword()};
  EXPECT_FALSE(FindTemplate(attrs)->has_value());
  attrs.items.push_back(*TemplateAttribute(wanted));
  // As on the wire.
  const auto read = ParseCsrAttrsDer(*SerializeCsrAttrsDer(attrs));
  ASSERT_TRUE(read.ok()) << read.status();
  const auto found = FindTemplate(*read);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->subject, wanted.subject);

  attrs.items.push_back(*TemplateAttribute(wanted));
  EXPECT_FALSE(FindTemplate(attrs).ok());  // two
  CsrAttribute two = *TemplateAttribute(wanted);
  two.values.push_back(two.values[0]);
  attrs.items = {two};
  EXPECT_FALSE(FindTemplate(attrs).ok());  // two values
  attrs.items = {CsrAttribute{oids::CsrInfoTemplate(), {{0x05, 0x00}}}};
  EXPECT_FALSE(FindTemplate(attrs).ok());  // no template
  attrs.items = {CsrAttribute{oids::CsrInfoTemplate(), {}}};
  EXPECT_FALSE(FindTemplate(attrs).ok());  // no value
  attrs.items = {oids::CsrInfoTemplate()};
  EXPECT_FALSE(FindTemplate(attrs)->has_value());  // a bare OID says nothing
}

TEST(CsrTemplateTest, GeneralNamesToBeFilledIn) {
  using Kind = GeneralName::Kind;
  const auto kinds = [](Bytes names) {
    names.insert(names.begin(), {0x30, static_cast<uint8_t>(names.size())});
    return ParseGeneralNameTemplatesDer(names);
  };
  const auto empty = kinds({0x82, 0, 0x87, 0, 0x81, 0, 0xA4, 2, 0x30, 0});
  ASSERT_TRUE(empty.ok()) << empty.status();
  const std::vector<GeneralNameTemplate> expected = {
      {Kind::kDns, {}},
      {Kind::kIpAddress, {}},
      {Kind::kEmail, {}},
      {Kind::kDirectoryName, {}}};
  EXPECT_EQ(*empty, expected);
  EXPECT_EQ((*kinds({0x82, 1, 'a'}))[0].name, *GeneralName::Dns("a"));
  EXPECT_FALSE(kinds({}).ok());
  EXPECT_FALSE(kinds({0x89, 0}).ok());          // no such kind
  EXPECT_FALSE(kinds({0x87, 1, 1}).ok());       // an address of one octet
  EXPECT_FALSE(kinds({0x82, 2, 'a', 0}).ok());  // a NUL
  EXPECT_FALSE(kinds({0x02, 0}).ok());          // a universal tag
  EXPECT_FALSE(kinds({0x82, 2, 'a'}).ok());     // cut off
  EXPECT_FALSE(ParseGeneralNameTemplatesDer(Bytes{0x30, 0, 0}).ok());
}

TEST(CsrTemplateTest, OpensslReadsWhatWeBuild) {
  CsrTemplate wanted;
  wanted.subject = *SubjectTemplateFromText("CN=,O=Acme");
  wanted.key = KeyTemplateFor(KeyType::kRsa3072);
  ASSERT_TRUE(
      SetExtensions({{oids::ExtendedKeyUsage(), false, std::nullopt}}, &wanted)
          .ok());
  const std::string path =
      testdata::WriteScratch("template", *SerializeCsrTemplateDer(wanted));
  const auto seen = testdata::RunOpenssl("asn1parse -inform DER -in " + path);
  EXPECT_EQ(seen.exit_code, 0) << seen.output;
  for (const char* text : {"commonName", "Acme", "rsaEncryption", "BIT STRING",
                           "X509v3 Extended Key Usage"}) {
    EXPECT_NE(seen.output.find(text), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace bestow::est
