#include "agent/enroll/csr_plan.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/der/writer.h"
#include "common/est/csr_template.h"
#include "common/pki/oids.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Bytes OidDer(const der::Oid& oid) {
  der::Writer writer;
  writer.AddOid(oid);
  return *writer.Finish();
}

Bytes NumberDer(uint64_t number) {
  der::Writer writer;
  writer.AddUint(number);
  return *writer.Finish();
}

CsrAttribute Curves(const std::vector<der::Oid>& curves) {
  CsrAttribute attribute{oids::EcPublicKey(), {}};
  for (const der::Oid& curve : curves) {
    attribute.values.push_back(OidDer(curve));
  }
  return attribute;
}

CsrAttribute RsaSize(uint64_t bits) {
  return {oids::RsaEncryption(), {NumberDer(bits)}};
}

// CN=gw-17, O=Acme; a DNS name and two addresses.
CsrWishes Wishes(KeyType preferred = KeyType::kEcP256) {
  return {
      .key_type = preferred,
      .subject = *Name::FromText("O=Acme,CN=gw-17"),
      .sans = {*GeneralName::Dns("gw-17.example"),
               *GeneralName::Ip("192.0.2.1"), *GeneralName::Ip("192.0.2.2")}};
}

CsrPlan Plan(std::vector<est::AttrOrOid> items,
             KeyType preferred = KeyType::kEcP256) {
  return PlanCsr({.items = std::move(items)}, Wishes(preferred));
}

TEST(CsrPlanTest, NothingAskedNothingPlanned) {
  const CsrPlan plan = Plan({});
  EXPECT_EQ(plan.link_with, LinkWith::kNothing);
  EXPECT_EQ(plan.key_type, std::nullopt);
  EXPECT_THAT(plan.extensions, IsEmpty());
  EXPECT_THAT(plan.unmet, IsEmpty());
}

// Each list, the type that the config prefers, and the key that comes of it.
TEST(CsrPlanTest, MakesTheKeyThatIsAskedFor) {
  const der::Oid p521 = der::OidLiteral("1.3.132.0.35");
  constexpr KeyType kP256 = KeyType::kEcP256, kP384 = KeyType::kEcP384,
                    k2048 = KeyType::kRsa2048, k3072 = KeyType::kRsa3072;
  struct {
    const char* what;
    std::vector<est::AttrOrOid> items;
    KeyType preferred;
    std::optional<KeyType> key;
  } cases[] = {
      {"any EC key", {oids::EcPublicKey()}, kP384, kP384},
      {"any EC key, RSA preferred", {oids::EcPublicKey()}, k3072, kP256},
      {"any RSA key", {oids::RsaEncryption()}, kP256, k2048},
      {"any RSA key, preferred", {oids::RsaEncryption()}, k3072, k3072},
      {"a curve", {Curves({oids::Secp384r1()})}, kP256, kP384},
      {"a curve as an OID", {oids::Secp384r1()}, kP256, kP384},
      {"either curve",
       {Curves({oids::Secp384r1(), oids::Prime256v1()})},
       kP256,
       kP256},
      {"a curve beside the algorithm",
       {oids::EcPublicKey(), Curves({oids::Secp384r1()})},
       kP256,
       kP384},
      {"a size", {RsaSize(3072)}, kP256, k3072},
      {"a size beside a curve",
       {RsaSize(2048), Curves({oids::Secp384r1()})},
       kP256,
       kP384},
      {"a curve that we lack beside any RSA key",
       {Curves({p521}), oids::RsaEncryption()},
       kP256,
       k2048},
      {"a signature", {oids::EcdsaWithSha384()}, kP256, kP384},
      {"a signature, RSA", {oids::Sha256WithRsa()}, kP256, k2048},
      {"RFC 7030 4.5.2: a curve and its signature",
       {Curves({oids::Secp384r1()}), oids::EcdsaWithSha384()},
       kP256,
       kP384},
      {"signatures of both",
       {oids::EcdsaWithSha256(), oids::Sha256WithRsa()},
       k3072,
       k3072},
  };
  for (const auto& one : cases) {
    const CsrPlan plan = Plan(one.items, one.preferred);
    EXPECT_EQ(plan.key_type, one.key) << one.what;
    EXPECT_THAT(plan.unmet, IsEmpty()) << one.what;
  }
}

TEST(CsrPlanTest, NamesTheKeysThatItCantMake) {
  const der::Oid p521 = der::OidLiteral("1.3.132.0.35");
  struct {
    std::vector<est::AttrOrOid> items;
    const char* unmet;
  } cases[] = {
      {{Curves({p521})}, "the curve 1.3.132.0.35"},
      {{oids::EcPublicKey(), Curves({p521})}, "the curve 1.3.132.0.35"},
      {{RsaSize(4096)}, "RSA-4096"},
      {{CsrAttribute{oids::RsaEncryption(), {OidDer(p521)}}}, "can't be read"},
      {{CsrAttribute{oids::EcPublicKey(), {NumberDer(1)}}}, "can't be read"},
      {{oids::EcdsaWithSha512()}, "1.2.840.10045.4.3.4"},
      {{Curves({oids::Prime256v1()}), oids::EcdsaWithSha384()}, "P-256"},
      {{oids::RsaEncryption(), oids::EcdsaWithSha256()},
       "1.2.840.113549.1.1.1"},
  };
  for (const auto& one : cases) {
    const CsrPlan plan = Plan(one.items);
    EXPECT_EQ(plan.key_type, std::nullopt) << one.unmet;
    EXPECT_THAT(plan.unmet, ElementsAre(HasSubstr(one.unmet)));
  }
}

// RFC 7030 3.5; RFC 7894 gives linking an attribute of its own.
TEST(CsrPlanTest, LinksAsTheServerLikesBest) {
  EXPECT_EQ(Plan({oids::ChallengePassword()}).link_with,
            LinkWith::kChallengePassword);
  EXPECT_EQ(Plan({oids::EstIdentityLinking()}).link_with,
            LinkWith::kEstIdentityLinking);
  for (const auto& items :
       {std::vector<est::AttrOrOid>{oids::ChallengePassword(),
                                    oids::EstIdentityLinking()},
        std::vector<est::AttrOrOid>{
            CsrAttribute{oids::EstIdentityLinking(), {}},
            oids::ChallengePassword()}}) {
    const CsrPlan plan = Plan(items);
    EXPECT_EQ(plan.link_with, LinkWith::kEstIdentityLinking);
    EXPECT_THAT(plan.unmet, IsEmpty());
  }
}

// RFC 7030 4.5.2's list: challengePassword, a P-384 key, an extension with a
// MAC address, ecdsa-with-SHA384.
TEST(CsrPlanTest, NamesWhatItCantMeet) {
  const CsrPlan plan =
      Plan({oids::ChallengePassword(), Curves({oids::Secp384r1()}),
            CsrAttribute{oids::ExtensionRequest(),
                         {OidDer(der::OidLiteral("1.3.6.1.1.1.1.22"))}},
            oids::EcdsaWithSha384(), oids::CommonName(), oids::OtpChallenge()});
  EXPECT_EQ(plan.link_with, LinkWith::kChallengePassword);
  EXPECT_EQ(plan.key_type, KeyType::kEcP384);
  EXPECT_THAT(plan.unmet, ElementsAre("extensions that can't be read",
                                      "1.2.840.113549.1.9.16.2.56"));
}

// Names that come with values are the server's to give: ours and they are
// asked for.
TEST(CsrPlanTest, AsksForTheExtensionsAndNamesThatComeWithValues) {
  const Extension usage = {oids::KeyUsage(), true,
                           *SerializeKeyUsage(kDigitalSignature)};
  const Extension names = {
      oids::SubjectAltName(), false,
      *SerializeGeneralNamesDer({*GeneralName::Dns("site.example"),
                                 *GeneralName::Dns("gw-17.example")})};
  const CsrPlan plan =
      Plan({CsrAttribute{oids::ExtensionRequest(),
                         {*SerializeExtensionsDer({usage, names}),
                          *SerializeExtensionsDer({usage})}}});
  EXPECT_THAT(plan.extensions, ElementsAre(usage));
  const CsrWishes wishes = Wishes();
  const Pkcs10Template wanted =
      EnrollTemplate(wishes.subject, wishes.sans, plan, {});
  EXPECT_THAT(wanted.sans,
              ElementsAre(wishes.sans[0], wishes.sans[1], wishes.sans[2],
                          *GeneralName::Dns("site.example")));
  EXPECT_EQ(wanted.subject, wishes.subject);
  const Extension broken = {oids::SubjectAltName(), false, {0x05, 0x00}};
  EXPECT_THAT(Plan({CsrAttribute{oids::ExtensionRequest(),
                                 {*SerializeExtensionsDer({broken})}}})
                  .unmet,
              ElementsAre(HasSubstr("subjectAltName")));
}

// RFC 9908 3.4.
CsrPlan PlanOf(const est::CsrTemplate& wanted, CsrWishes wishes = Wishes(),
               std::vector<est::AttrOrOid> beside = {}) {
  est::CsrAttrs attrs{.items = std::move(beside)};
  attrs.items.emplace_back(*est::TemplateAttribute(wanted));
  return PlanCsr(attrs, wishes);
}

est::CsrTemplate WithExtensions(std::vector<est::ExtensionTemplate> wanted) {
  est::CsrTemplate out;
  EXPECT_TRUE(est::SetExtensions(std::move(wanted), &out).ok());
  return out;
}

// "Clients which understand both MUST use the template only, and ignore all
// other CSRattrs elements" (RFC 9908 4).
TEST(CsrPlanTest, BesideATemplateNothingElseCounts) {
  const CsrPlan plan = PlanOf({}, Wishes(),
                              {oids::ChallengePassword(), oids::OtpChallenge(),
                               Curves({oids::Secp384r1()})});
  EXPECT_EQ(plan.link_with, LinkWith::kNothing);
  EXPECT_EQ(plan.key_type, std::nullopt);
  EXPECT_THAT(plan.unmet, IsEmpty());
}

// Each subject that is asked for, and what comes of ours.
TEST(CsrPlanTest, FillsInTheSubject) {
  struct {
    const char* wanted;
    const char* subject;
    size_t unmet;
  } cases[] = {
      {"CN=", "CN=gw-17", 0},
      {"CN=,OU=myDept,OU=myGroup", "CN=gw-17,OU=myDept,OU=myGroup", 0},
      {"OU=myDept,CN=,O=", "OU=myDept,CN=gw-17,O=Acme", 0},
      {"CN=given,O=", "CN=given,O=Acme", 0},
      {"CN=,serialNumber=", "CN=gw-17", 1},
      {"CN=,CN=", "CN=gw-17", 1},  // we have one
  };
  for (const auto& one : cases) {
    est::CsrTemplate wanted;
    wanted.subject = *est::SubjectTemplateFromText(one.wanted);
    const CsrPlan plan = PlanOf(wanted);
    ASSERT_TRUE(plan.subject.has_value()) << one.wanted;
    EXPECT_EQ(plan.subject->ToText(), one.subject);
    EXPECT_EQ(plan.unmet.size(), one.unmet) << one.wanted;
  }
  EXPECT_EQ(PlanOf({}).subject, std::nullopt);
}

TEST(CsrPlanTest, RdnsOfSeveralAttributesStayTogether) {
  est::CsrTemplate wanted;
  wanted.subject = *est::SubjectTemplateFromText("CN=,O=,OU=x");
  wanted.subject->attributes[1].joins_previous = true;
  const CsrPlan plan = PlanOf(wanted);
  ASSERT_TRUE(plan.subject.has_value());
  ASSERT_EQ(plan.subject->attributes().size(), 3u);
  EXPECT_TRUE(plan.subject->attributes()[1].joins_previous);
  EXPECT_FALSE(plan.subject->attributes()[2].joins_previous);
}

TEST(CsrPlanTest, TheTemplatesKeyIsMade) {
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048,
                       KeyType::kRsa3072}) {
    est::CsrTemplate wanted;
    wanted.key = est::KeyTemplateFor(type);
    const CsrPlan plan = PlanOf(wanted);
    EXPECT_EQ(plan.key_type, type);
    EXPECT_THAT(plan.unmet, IsEmpty());
  }
  est::CsrTemplate wanted;
  wanted.key = est::KeyTemplateFor(KeyType::kRsa2048);
  wanted.key->public_key.reset();  // any size
  EXPECT_EQ(PlanOf(wanted, Wishes(KeyType::kRsa3072)).key_type,
            KeyType::kRsa3072);
  wanted.key = est::KeyTemplateFor(KeyType::kEd25519);
  EXPECT_THAT(PlanOf(wanted).unmet, ElementsAre(HasSubstr("1.3.101.112")));
  EXPECT_EQ(PlanOf(wanted).key_type, std::nullopt);
}

TEST(CsrPlanTest, FillsInTheExtensions) {
  const CsrPlan plan = PlanOf(WithExtensions(
      {{oids::KeyUsage(), true, *SerializeKeyUsage(kKeyAgreement)},
       {oids::ExtendedKeyUsage(), false, std::nullopt},
       {oids::CertificatePolicies(), false, std::nullopt},
       {oids::SubjectAltName(), false, std::nullopt}}));
  EXPECT_THAT(
      plan.extensions,
      ElementsAre(
          Extension{oids::KeyUsage(), true, *SerializeKeyUsage(kKeyAgreement)},
          Extension{oids::ExtendedKeyUsage(), false,
                    *SerializeExtendedKeyUsage({oids::KpClientAuth()})}));
  EXPECT_EQ(plan.sans, Wishes().sans);
  EXPECT_THAT(plan.unmet, ElementsAre(HasSubstr("2.5.29.32")));
  // No names asked for, none given.
  EXPECT_EQ(PlanOf({}).sans, std::vector<GeneralName>());
}

TEST(CsrPlanTest, FillsInEachName) {
  // dns "www", an address, a DNS name, an address, a third address.
  const Bytes names = {0x30, 0x0d, 0x82, 0x03, 'w',  'w',  'w', 0x87,
                       0x00, 0x82, 0x00, 0x87, 0x00, 0x87, 0x00};
  const CsrPlan plan =
      PlanOf(WithExtensions({{oids::SubjectAltName(), false, names}}));
  ASSERT_TRUE(plan.sans.has_value());
  const CsrWishes wishes = Wishes();
  EXPECT_THAT(*plan.sans, ElementsAre(*GeneralName::Dns("www"), wishes.sans[1],
                                      wishes.sans[0], wishes.sans[2]));
  EXPECT_THAT(plan.unmet, ElementsAre(HasSubstr("kind 7")));
}

TEST(CsrPlanTest, AnotherCertificatesNamesStayThoughATemplateGivesOthers) {
  est::CsrTemplate wanted;
  wanted.subject = *est::SubjectTemplateFromText("CN=other");
  Certificate current;
  current.subject = *Name::FromCommonName("gw-17");
  current.sans = {*GeneralName::Dns("gw-17.example")};
  const Pkcs10Template request = ReenrollTemplate(current, PlanOf(wanted), {});
  EXPECT_EQ(request.subject, current.subject);
  EXPECT_EQ(request.sans, current.sans);
}

TEST(CsrPlanTest, ATemplatesAttributes) {
  est::CsrTemplate wanted;
  const CsrAttribute given{der::OidLiteral("1.2.3.4"), {{0x05, 0x00}}};
  wanted.attributes = {{oids::EstIdentityLinking(), {}},
                       {oids::RevocationChallenge(), {}},
                       given};
  const CsrPlan plan = PlanOf(wanted);
  EXPECT_EQ(plan.link_with, LinkWith::kEstIdentityLinking);
  EXPECT_THAT(plan.unmet, ElementsAre("1.2.840.113549.1.9.16.2.57"));
  EXPECT_THAT(EnrollTemplate({}, {}, plan, {}).attributes, ElementsAre(given));
}

TEST(CsrPlanTest, ATemplateThatCantBeReadIsNamed) {
  const CsrPlan plan = PlanCsr(
      {.items = {CsrAttribute{oids::CsrInfoTemplate(), {{0x05, 0x00}}}}},
      Wishes());
  EXPECT_THAT(plan.unmet, ::testing::SizeIs(1));
}

}  // namespace
}  // namespace bestow::agent
