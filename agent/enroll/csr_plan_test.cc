#include "agent/enroll/csr_plan.h"

#include "common/der/writer.h"
#include "common/pki/oids.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Bytes OidDer(const der::Oid& oid) {
  der::Writer writer;
  writer.AddOid(oid);
  return *writer.Finish();
}

TEST(CsrPlanTest, NothingAskedNothingPlanned) {
  const CsrPlan plan = PlanCsr({});
  EXPECT_FALSE(plan.wants_linking);
  EXPECT_THAT(plan.extensions, IsEmpty());
  EXPECT_THAT(plan.unmet, IsEmpty());
}

TEST(CsrPlanTest, OurKeyAndSignatureMeetTheirOids) {
  const CsrPlan plan =
      PlanCsr({.items = {oids::EcPublicKey(), oids::EcdsaWithSha256(),
                         oids::CommonName(), oids::SerialNumber(),
                         CsrAttribute{oids::EcPublicKey(),
                                      {OidDer(oids::Secp384r1()),
                                       OidDer(oids::Prime256v1())}}}});
  EXPECT_THAT(plan.unmet, IsEmpty());
}

// RFC 7030 4.5.2's list: challengePassword, a P-384 key, an extension with a
// MAC address, ecdsa-with-SHA384.
TEST(CsrPlanTest, NamesWhatItCantMeet) {
  const CsrPlan plan = PlanCsr(
      {.items = {oids::ChallengePassword(),
                 CsrAttribute{oids::EcPublicKey(), {OidDer(oids::Secp384r1())}},
                 CsrAttribute{oids::ExtensionRequest(),
                              {OidDer(der::OidLiteral("1.3.6.1.1.1.1.22"))}},
                 oids::EcdsaWithSha384()}});
  EXPECT_TRUE(plan.wants_linking);
  EXPECT_THAT(plan.unmet, ElementsAre("a key on another curve than P-256",
                                      "extensions that can't be read",
                                      "1.2.840.10045.4.3.3"));
}

TEST(CsrPlanTest, ATemplatesNamesAreNotTaken) {
  const Extension usage = {oids::KeyUsage(), true,
                           *SerializeKeyUsage(kDigitalSignature)};
  const Extension names = {
      oids::SubjectAltName(), false,
      *SerializeGeneralNamesDer({*GeneralName::Dns("evil.example")})};
  const CsrPlan plan =
      PlanCsr({.items = {CsrAttribute{oids::ExtensionRequest(),
                                      {*SerializeExtensionsDer({usage, names}),
                                       *SerializeExtensionsDer({usage})}}}});
  EXPECT_THAT(plan.extensions, ElementsAre(usage));
  const Pkcs10Template wanted = EnrollTemplate(
      *Name::FromCommonName("a"), {*GeneralName::Dns("b")}, plan, {});
  EXPECT_THAT(wanted.sans, ElementsAre(*GeneralName::Dns("b")));
}

}  // namespace
}  // namespace bestow::agent
