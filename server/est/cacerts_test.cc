#include "server/est/cacerts.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/crypto/signer.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certificate.h"
#include "common/pki/certs_only.h"
#include "common/pki/path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/certificate_authority.h"
#include "server/ca/sign_certificate.h"
#include "server/est/service_fixture.h"

namespace bestow::server {
namespace {

using ::testing::ElementsAre;

constexpr absl::Duration kYear = absl::Hours(24 * 365);

class CaCertsTest : public ServiceFixture {
 protected:
  // Serves the label "plant" with this CA.
  void ServePlant(CaBundle bundle) {
    other_cas_.insert_or_assign("cas/plant", std::move(bundle));
    Config config;
    ServiceConfig plant = config.service;
    plant.label = "plant";
    plant.ca = "cas/plant";
    config.labels = {plant};
    Configure(config);
  }
  std::vector<Certificate> Shown() {
    const HttpResponse response = Get("/.well-known/est/plant/cacerts");
    EXPECT_EQ(response.status, 200);
    auto body = est::DecodeBody(response.body);
    if (!body.ok()) return {};
    auto certs = ParseCertsOnlyDer(*body);
    EXPECT_TRUE(certs.ok()) << certs.status();
    return certs.ok() ? certs->certificates : std::vector<Certificate>();
  }
  Certificate Root(const std::string& name, Signer& key) {
    return *CreateRootCertificate(name, key, clock_.Now(), kYear);
  }
  // Of a CA below `issuer`.
  Certificate Below(const Certificate& issuer, Signer& issuer_key,
                    const std::string& name, Signer& key) {
    const Certificate like = Root(name, key);
    CertificateTemplate wanted;
    wanted.serial = RandomSerial();
    wanted.issuer = issuer.subject;
    wanted.subject = like.subject;
    wanted.not_before = like.not_before;
    wanted.not_after = like.not_after;
    wanted.spki = key.public_key_spki();
    wanted.extensions = like.extensions;
    return *SignCertificate(wanted, issuer_key);
  }
};

// RFC 7030 4.1.3: "MUST include the current root CA certificate", and "any
// additional certificates the client would need to build a chain".
TEST_F(CaCertsTest, ShowsTheChainUpToTheRoot) {
  std::unique_ptr<SoftwareSigner> root_key = *SoftwareSigner::Generate();
  std::shared_ptr<Signer> key = *SoftwareSigner::Generate();
  const Certificate root = Root("Root", *root_key);
  const Certificate issuing = Below(root, *root_key, "Issuing", *key);
  auto bundle = MakeCaBundle({issuing, root}, {}, key);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  ServePlant(*bundle);
  EXPECT_THAT(Shown(), ElementsAre(issuing, root));
}

// RFC 7030 4.1.3: "SHOULD include the three "Root CA Key Update" certificates
// OldWithOld, OldWithNew, and NewWithOld".
TEST_F(CaCertsTest, ShowsTheFourCertificatesOfARollover) {
  std::unique_ptr<SoftwareSigner> old_key = *SoftwareSigner::Generate();
  std::shared_ptr<Signer> new_key = *SoftwareSigner::Generate(KeyType::kEcP384);
  const Certificate old_with_old = Root("Plant CA", *old_key);
  const Certificate new_with_new = Root("Plant CA", *new_key);
  const Certificate old_with_new =
      *CreateLinkCertificate(old_with_old, new_with_new, *new_key);
  const Certificate new_with_old =
      *CreateLinkCertificate(new_with_new, old_with_old, *old_key);
  auto bundle = MakeCaBundle(
      {new_with_new}, {new_with_old, old_with_new, old_with_old}, new_key);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  ServePlant(*bundle);
  EXPECT_THAT(Shown(), ElementsAre(new_with_new, old_with_old, old_with_new,
                                   new_with_old));
  // Each link is what a device needs that knows one of the roots alone.
  auto by_old = TrustAnchors::Create({old_with_old});
  auto by_new = TrustAnchors::Create({new_with_new});
  ASSERT_TRUE(by_old.ok() && by_new.ok());
  EXPECT_TRUE((*by_old)
                  ->Verify(new_with_old, {}, PathPurpose::kAny, clock_.Now())
                  .ok());
  EXPECT_TRUE((*by_new)
                  ->Verify(old_with_new, {}, PathPurpose::kAny, clock_.Now())
                  .ok());
  EXPECT_FALSE((*by_old)
                   ->Verify(new_with_new, {}, PathPurpose::kAny, clock_.Now())
                   .ok());
}

}  // namespace
}  // namespace bestow::server
