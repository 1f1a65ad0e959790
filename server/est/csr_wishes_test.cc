#include "server/est/csr_wishes.h"

#include <string>
#include <variant>
#include <vector>

#include "common/est/csr_template.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

TEST(CsrWishesTest, MatchesPatterns) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case kCases[] = {
      {"gw-17", "gw-17", true},
      {"gw-17", "gw-18", false},
      {"gw-17", "gw-170", false},
      {"gw-*", "gw-17", true},
      {"gw-*", "gw-", true},
      {"gw-*", "gw", false},
      {"gw-*", "xgw-1", false},
      {"*", "x", true},
      {"*", "", true},
      {"", "", true},
      {"", "x", false},
      {"?", "x", true},
      {"?", "", false},
      {"?", "xy", false},
      {"*-17", "a-b-17", true},
      {"*-17", "a-b-18", false},
      {"a*b*c", "axxbyyc", true},
      {"a*b*c", "axxcyyb", false},
      {"a**", "a", true},
      {"*a?", "bab", true},
      {"*.a", "*.a", true},
      {"g?-1*", "gw-17", true},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(MatchesPattern(c.pattern, c.text), c.matches)
        << c.pattern << " " << c.text;
  }
  // Not exponential.
  EXPECT_FALSE(MatchesPattern("*a*a*a*a*a*a*a*a*a*a*b", std::string(64, 'a')));
}

// The values of the attribute of that type.
std::vector<Bytes> ValuesOf(const est::CsrAttrs& attrs, const der::Oid& type) {
  for (const est::AttrOrOid& item : attrs.items) {
    const auto* attribute = std::get_if<CsrAttribute>(&item);
    if (attribute != nullptr && attribute->type == type) {
      return attribute->values;
    }
  }
  return {};
}

std::vector<Extension> ExtensionsOf(const est::CsrAttrs& attrs) {
  const std::vector<Bytes> values = ValuesOf(attrs, oids::ExtensionRequest());
  if (values.empty()) return {};
  EXPECT_EQ(values.size(), 1u);
  return *ParseExtensionsDer(values[0]);
}

TEST(CsrWishesTest, AsksForALinkAloneByDefault) {
  const std::vector<est::AttrOrOid> link = {oids::EstIdentityLinking()};
  EXPECT_EQ(CsrWishesFor({}, "")->items, link);
  EXPECT_EQ(CsrWishesFor({}, "gw-17")->items, link);
  // Once, also where the operator lists it too.
  ServiceConfig config;
  config.csr_attrs.all.oids = {oids::EstIdentityLinking()};
  EXPECT_EQ(CsrWishesFor(config, "")->items, link);
}

TEST(CsrWishesTest, AsksForNoLinkWhereLinkingIsOff) {
  ServiceConfig config;
  config.auth.linking = Linking::kOff;
  EXPECT_TRUE(CsrWishesFor(config, "")->items.empty());
  EXPECT_TRUE(CsrWishesFor(config, "gw-17")->items.empty());
  // The operator's own list stands.
  config.csr_attrs.all.oids = {oids::ChallengePassword()};
  EXPECT_EQ(CsrWishesFor(config, "")->items,
            std::vector<est::AttrOrOid>{oids::ChallengePassword()});
}

// RFC 7030 4.5.2, RFC 7894 4
TEST(CsrWishesTest, AsksForALinkWhereItIsRequired) {
  ServiceConfig config;
  config.auth.linking = Linking::kRequired;
  // Once, also where the operator lists it too.
  for (const std::vector<der::Oid>& listed :
       {std::vector<der::Oid>{}, {oids::ChallengePassword()}}) {
    config.csr_attrs.all.oids = listed;
    EXPECT_EQ(CsrWishesFor(config, "")->items,
              (std::vector<est::AttrOrOid>{oids::ChallengePassword(),
                                           oids::EstIdentityLinking()}));
  }
}

// RFC 9908 3.2: a key's type and size. The octets are the RFC's own for
// secp384r1, and of an INTEGER.
TEST(CsrWishesTest, AsksForAKindOfKey) {
  ServiceConfig config;
  config.csr_attrs.all.key_type = KeyType::kEcP384;
  EXPECT_EQ(
      ValuesOf(*CsrWishesFor(config, ""), oids::EcPublicKey()),
      std::vector<Bytes>{(Bytes{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22})});
  config.csr_attrs.all.key_type = KeyType::kRsa3072;
  EXPECT_EQ(ValuesOf(*CsrWishesFor(config, ""), oids::RsaEncryption()),
            std::vector<Bytes>{(Bytes{0x02, 0x02, 0x0c, 0x00})});
}

// RFC 7030 4.5.2
TEST(CsrWishesTest, AsksForAKeyThatTheProfileTakes) {
  ServiceConfig config;
  config.profile.key_types = {KeyType::kRsa2048, KeyType::kEcP256};
  EXPECT_EQ(ValuesOf(*CsrWishesFor(config, ""), oids::RsaEncryption()),
            std::vector<Bytes>{(Bytes{0x02, 0x02, 0x08, 0x00})});
  config.csr_attrs.all.key_type = KeyType::kEcP256;
  EXPECT_TRUE(
      ValuesOf(*CsrWishesFor(config, ""), oids::RsaEncryption()).empty());
}

TEST(CsrWishesTest, AsksForExtensionsWithTheirValues) {
  ServiceConfig config;
  config.csr_attrs.all.sans = {"dns:{identity}.example"};
  config.csr_attrs.all.key_usage = kDigitalSignature;
  config.csr_attrs.all.extended_key_usage = {oids::KpClientAuth()};
  const Extension usage{oids::KeyUsage(), true,
                        *SerializeKeyUsage(kDigitalSignature)};
  const Extension purpose{oids::ExtendedKeyUsage(), false,
                          *SerializeExtendedKeyUsage({oids::KpClientAuth()})};
  const Extension san{
      oids::SubjectAltName(), false,
      *SerializeGeneralNamesDer({*GeneralName::Dns("gw-17.example")})};
  EXPECT_EQ(ExtensionsOf(*CsrWishesFor(config, "gw-17")),
            (std::vector<Extension>{san, usage, purpose}));
  // A name that depends on who asks is not for everybody.
  EXPECT_EQ(ExtensionsOf(*CsrWishesFor(config, "")),
            (std::vector<Extension>{usage, purpose}));
  // A name that can't be is the operator's mistake.
  EXPECT_FALSE(CsrWishesFor(config, "a@b").ok());
}

// RFC 9908 3.4
TEST(CsrWishesTest, AsksByATemplateBesideTheList) {
  ServiceConfig config;
  config.auth.linking = Linking::kRequired;
  config.csr_attrs.all.as_template = true;
  config.csr_attrs.all.subject = "O=Acme,CN={identity}";
  config.csr_attrs.all.key_type = KeyType::kRsa3072;
  config.csr_attrs.all.sans = {"dns:{identity}.example"};
  config.csr_attrs.all.key_usage = kDigitalSignature;
  const auto wanted_of = [&](const char* identity) {
    const est::CsrAttrs attrs = *CsrWishesFor(config, identity);
    // RFC 7030 4.5.2: also for those who know no templates.
    EXPECT_TRUE(est::ContainsOid(attrs, oids::ChallengePassword()));
    EXPECT_FALSE(ValuesOf(attrs, oids::RsaEncryption()).empty());
    const auto found = est::FindTemplate(attrs);
    EXPECT_TRUE(found.ok()) << found.status();
    return **found;
  };
  est::CsrTemplate wanted = wanted_of("gw-17");
  ASSERT_EQ(wanted.subject->attributes.size(), 2u);
  EXPECT_EQ(wanted.subject->attributes[0].text, "Acme");
  EXPECT_EQ(wanted.subject->attributes[1].text, "gw-17");
  EXPECT_EQ(wanted.key->rsa_bits(), 3072u);
  EXPECT_TRUE(est::ContainsAttribute(wanted, oids::ChallengePassword()));
  EXPECT_TRUE(est::ContainsAttribute(wanted, oids::EstIdentityLinking()));
  EXPECT_TRUE(est::ContainsAttribute(wanted, oids::ExtensionRequest()));
  ASSERT_EQ(wanted.extensions.size(), 2u);
  EXPECT_EQ(wanted.extensions[0].id, oids::SubjectAltName());
  EXPECT_TRUE(wanted.extensions[0].value.has_value());
  EXPECT_EQ(wanted.extensions[1].id, oids::KeyUsage());
  EXPECT_TRUE(wanted.extensions[1].critical);

  // What depends on who asks is the client's to fill in.
  wanted = wanted_of("");
  EXPECT_EQ(wanted.subject->attributes[0].text, "Acme");
  EXPECT_EQ(wanted.subject->attributes[1].type, oids::CommonName());
  EXPECT_FALSE(wanted.subject->attributes[1].value.has_value());
  EXPECT_FALSE(est::ContainsAttribute(wanted, oids::ExtensionRequest()));
  EXPECT_EQ(wanted.extensions[0].id, oids::SubjectAltName());
  EXPECT_FALSE(wanted.extensions[0].value.has_value());
}

// RFC 9908 3.4: subject, subjectPKInfo and each RDN "MUST be absent" where
// nothing is demanded of them.
TEST(CsrWishesTest, WhatIsNotDemandedIsNotInTheTemplate) {
  ServiceConfig config;
  config.auth.linking = Linking::kOff;
  config.csr_attrs.all.as_template = true;
  const auto wanted_of = [&] {
    return **est::FindTemplate(*CsrWishesFor(config, "gw-17"));
  };
  est::CsrTemplate wanted = wanted_of();
  EXPECT_FALSE(wanted.subject.has_value());
  EXPECT_FALSE(wanted.key.has_value());
  EXPECT_TRUE(wanted.attributes.empty());
  EXPECT_TRUE(wanted.extensions.empty());
  // A type without a value is the client's to fill in.
  config.csr_attrs.all.subject = "CN={identity},OU=";
  config.csr_attrs.all.key_type = KeyType::kEcP384;
  wanted = wanted_of();
  ASSERT_EQ(wanted.subject->attributes.size(), 2u);
  EXPECT_EQ(wanted.subject->attributes[0].text, "gw-17");
  EXPECT_FALSE(wanted.subject->attributes[1].value.has_value());
  EXPECT_EQ(wanted.key->curve(), oids::Secp384r1());
  EXPECT_FALSE(wanted.key->public_key.has_value());
}

// Who goes by the template alone (RFC 9908 4) links as well.
TEST(CsrWishesTest, AsksForALinkInTheTemplateToo) {
  ServiceConfig config;
  config.csr_attrs.all.as_template = true;
  for (const char* identity : {"", "gw-17"}) {
    const est::CsrAttrs attrs = *CsrWishesFor(config, identity);
    EXPECT_TRUE(est::ContainsOid(attrs, oids::EstIdentityLinking()));
    EXPECT_FALSE(est::ContainsOid(attrs, oids::ChallengePassword()));
    const est::CsrTemplate wanted = **est::FindTemplate(attrs);
    ASSERT_EQ(wanted.attributes.size(), 1u);
    EXPECT_EQ(wanted.attributes[0].type, oids::EstIdentityLinking());
    EXPECT_TRUE(wanted.attributes[0].values.empty());
  }
}

TEST(CsrWishesTest, TheFirstPatternThatFitsCounts) {
  ServiceConfig config;
  config.auth.linking = Linking::kOff;
  config.csr_attrs.all.oids = {oids::SerialNumber()};
  CsrAttrsConfig::ForIdentities gateways;
  gateways.identities = {"gw-*", "router"};
  gateways.request.oids = {oids::CommonName()};
  CsrAttrsConfig::ForIdentities all;
  all.identities = {"*"};
  config.csr_attrs.for_identities = {gateways, all};
  const auto oids_for = [&](const char* identity) {
    return CsrWishesFor(config, identity)->items;
  };
  EXPECT_EQ(oids_for("gw-17"), std::vector<est::AttrOrOid>{oids::CommonName()});
  EXPECT_EQ(oids_for("router"),
            std::vector<est::AttrOrOid>{oids::CommonName()});
  EXPECT_TRUE(oids_for("x").empty());
  EXPECT_EQ(oids_for(""), std::vector<est::AttrOrOid>{oids::SerialNumber()});
}

}  // namespace
}  // namespace bestow::server
