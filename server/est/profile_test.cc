// What a profile gives, as clients see it.
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "common/pki/certificate.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/extension.h"
#include "common/pki/name_constraints.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/sign_certificate.h"
#include "server/est/service_fixture.h"
#include "server/est/snapshot.h"

namespace bestow::server {
namespace {

class ProfileTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    basic_ = Basic("gw-17", kPassword);
    profile().sans = {"dns:{identity}.devices.example"};
    profile().may_add = {"dns:*.{identity}.devices.example"};
    Configure(config_);
  }
  ProfileConfig& profile() { return config_.service.profile; }

  std::string Csr(const std::string& subject,
                  const std::vector<std::string>& sans) {
    Pkcs10Template wanted = Wish(*device_, subject);
    for (const std::string& text : sans) {
      wanted.sans.push_back(*GeneralName::FromText(text));
    }
    return MakeCsr(*device_, wanted);
  }
  static std::vector<std::string> Texts(const Certificate& certificate) {
    std::vector<std::string> texts;
    for (const GeneralName& name : certificate.sans) {
      texts.push_back(name.ToText());
    }
    return texts;
  }
  void ExpectNotGranted(const HttpResponse& response, std::string_view reason) {
    EXPECT_EQ(response.status, 403) << response.body;
    EXPECT_TRUE(absl::StrContains(log_.back(), "problem=not-granted"));
    EXPECT_TRUE(absl::StrContains(response.body, reason)) << response.body;
  }

  Config config_;
  std::string basic_;
};

TEST_F(ProfileTest, ARequestAddsWhatItMayAndNoMore) {
  const Certificate issued =
      IssuedBy(Enroll(Csr("CN=root", {"dns:eth0.gw-17.devices.example",
                                      "dns:eth0.gw-18.devices.example"}),
                      basic_));
  EXPECT_EQ(issued.subject.ToText(), "CN=gw-17");
  EXPECT_EQ(Texts(issued),
            (std::vector<std::string>{"dns:gw-17.devices.example",
                                      "dns:eth0.gw-17.devices.example"}));
}

// RFC 7030 4.2.2: what was added once stays, as long as it may be added.
TEST_F(ProfileTest, ARenewalKeepsWhatWasAdded) {
  const std::vector<std::string> names = {"dns:gw-17.devices.example",
                                          "dns:eth0.gw-17.devices.example"};
  const Certificate first = IssuedBy(Enroll(Csr("", names), basic_));
  const Certificate second =
      IssuedBy(Reenroll(Csr("CN=gw-17", names), ClientWith(first)));
  EXPECT_EQ(Texts(second), names);
  EXPECT_EQ(Reenroll(Csr("CN=gw-17", {names[0]}), ClientWith(first)).status,
            400);
  profile().may_add = {};
  Configure(config_);
  ExpectNotGranted(Reenroll(Csr("CN=gw-17", names), ClientWith(second)),
                   "other names");
}

TEST_F(ProfileTest, ARequestForOtherNamesIsRefusedWhereTheProfileSaysSo) {
  profile().other_names = OtherNames::kRefused;
  Configure(config_);
  ExpectNotGranted(Enroll(Csr("CN=root", {}), basic_), "leave it empty");
  ExpectNotGranted(Enroll(Csr("", {"dns:www.example"}), basic_),
                   "asks for dns:www.example");
  EXPECT_EQ(RecordCount(), 0u);
  IssuedBy(Enroll(Csr("CN=gw-17", {"dns:a.gw-17.devices.example"}), basic_));
}

// RFC 5280 4.2.1.6
TEST_F(ProfileTest, WithoutASubjectTheSansAreCritical) {
  profile().subject = "";
  Configure(config_);
  const Certificate issued = IssuedBy(Enroll(Csr("", {}), basic_));
  EXPECT_TRUE(issued.subject.empty());
  bool is_critical = false;
  for (const Extension& extension : issued.extensions) {
    if (extension.id == oids::SubjectAltName()) {
      is_critical = extension.critical;
    }
  }
  EXPECT_TRUE(is_critical);
  IssuedBy(
      Reenroll(Csr("", {"dns:gw-17.devices.example"}), ClientWith(issued)));
}

TEST_F(ProfileTest, AnIdentityHasSoManyLiveCertificatesAndNoMore) {
  profile().max_live = 1;
  Configure(config_);
  const auto other = *SoftwareSigner::Generate();
  const Certificate first = IssuedBy(Enroll(Csr("", {}), basic_));
  const HttpResponse refused = Enroll(MakeCsr(*other, ""), basic_);
  EXPECT_EQ(refused.status, 403) << refused.body;
  EXPECT_TRUE(absl::StrContains(log_.back(), "problem=too-many-live"));
  // The reply was lost: the same key asks again, and is renewed.
  const Certificate again = IssuedBy(Enroll(Csr("", {}), basic_));
  Pkcs10Template wanted = Wish(*other, "CN=gw-17");
  wanted.sans = first.sans;
  IssuedBy(Reenroll(MakeCsr(*other, wanted), ClientWith(again)));
  clock_.Advance(profile().validity + absl::Seconds(1));
  const auto third = *SoftwareSigner::Generate();
  IssuedBy(Enroll(MakeCsr(*third, ""), basic_));
}

TEST_F(ProfileTest, NamesItsPolicies) {
  profile().policies = {"1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2"};
  Configure(config_);
  const Certificate issued = IssuedBy(Enroll(Csr("", {}), basic_));
  std::vector<CertificatePolicy> found;
  for (const Extension& extension : issued.extensions) {
    if (extension.id == oids::CertificatePolicies()) {
      found = *ParseCertificatePolicies(extension.value);
    }
  }
  EXPECT_EQ(found, (std::vector<CertificatePolicy>{
                       *PolicyOf("1.3.6.1.4.1.99999.1", ""),
                       *PolicyOf("1.3.6.1.4.1.99999.2", "")}));
}

// RFC 5280 4.2.1.10: told when the CA is loaded, by label and CA.
TEST_F(ProfileTest, ACaWhoseConstraintsForbidTheProfileIsNotServed) {
  std::shared_ptr<Signer> signer = *SoftwareSigner::Generate();
  NameConstraints constraints;
  constraints.permitted = {*NameSubtree::FromText("dns:plant.example")};
  CertificateTemplate root;
  root.serial = {0x01};
  root.issuer = root.subject = *Name::FromCommonName("Plant CA");
  root.not_before = clock_.Now();
  root.not_after = clock_.Now() + absl::Hours(24 * 365);
  root.spki = signer->public_key_spki();
  root.extensions = {
      {oids::BasicConstraints(), true, *SerializeBasicConstraints({true, {}})},
      {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign)},
      {oids::NameConstraints(), true, *SerializeNameConstraints(constraints)}};
  const absl::StatusOr<CaBundle> bundle =
      MakeCaBundle({*SignCertificate(root, *signer)}, {}, signer);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  Snapshot::Materials materials;
  materials.cas.emplace("ca", *bundle);
  materials.tls_certificate.subject = *Name::FromCommonName("est.example");
  const absl::Status refused = Snapshot::Create(config_, materials).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  for (const std::string_view part : {"the service without a label: ca: ",
                                      "gw-17.devices.example is outside"}) {
    EXPECT_TRUE(absl::StrContains(refused.message(), part)) << refused;
  }
  profile().sans = {"dns:{identity}.plant.example"};
  EXPECT_TRUE(Snapshot::Create(config_, materials).ok());
}

}  // namespace
}  // namespace bestow::server
