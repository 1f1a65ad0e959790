#include "agent/enroll/csr_plan.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/der/writer.h"
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

CsrPlan Plan(std::vector<est::AttrOrOid> items,
             KeyType preferred = KeyType::kEcP256) {
  return PlanCsr({.items = std::move(items)}, preferred);
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

TEST(CsrPlanTest, ATemplatesNamesAreNotTaken) {
  const Extension usage = {oids::KeyUsage(), true,
                           *SerializeKeyUsage(kDigitalSignature)};
  const Extension names = {
      oids::SubjectAltName(), false,
      *SerializeGeneralNamesDer({*GeneralName::Dns("evil.example")})};
  const CsrPlan plan =
      Plan({CsrAttribute{oids::ExtensionRequest(),
                         {*SerializeExtensionsDer({usage, names}),
                          *SerializeExtensionsDer({usage})}}});
  EXPECT_THAT(plan.extensions, ElementsAre(usage));
  const Pkcs10Template wanted = EnrollTemplate(
      *Name::FromCommonName("a"), {*GeneralName::Dns("b")}, plan, {});
  EXPECT_THAT(wanted.sans, ElementsAre(*GeneralName::Dns("b")));
}

}  // namespace
}  // namespace bestow::agent
