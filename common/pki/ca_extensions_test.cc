// The extensions by which a CA says where it answers, under which policies it
// issues, and within which names.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/pki/authority_info_access.h"
#include "common/pki/certificate.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/distribution_points.h"
#include "common/pki/extension.h"
#include "common/pki/name_constraints.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

// Parses and writes again.
template <typename Parse, typename Serialize>
void EveryCase(const std::string& format, Parse parse, Serialize serialize) {
  testdata::ExpectRoundTrips(format,
                             [&](ByteView der) -> absl::StatusOr<Bytes> {
                               const auto value = parse(der);
                               if (!value.ok()) return value.status();
                               return serialize(*value);
                             });
}

TEST(AuthorityInfoAccessTest, EveryCase) {
  EveryCase("authority_info_access", ParseAuthorityInfoAccess,
            SerializeAuthorityInfoAccess);
}

TEST(DistributionPointsTest, EveryCase) {
  EveryCase("distribution_points", ParseDistributionPoints,
            SerializeDistributionPoints);
}

TEST(CertificatePoliciesTest, EveryCase) {
  EveryCase("certificate_policies", ParseCertificatePolicies,
            SerializeCertificatePolicies);
}

TEST(NameConstraintsTest, EveryCase) {
  EveryCase("name_constraints", ParseNameConstraints, SerializeNameConstraints);
}

TEST(CertificatePoliciesTest, TakesOidsAndUris) {
  const auto policy =
      PolicyOf("1.3.6.1.4.1.99999.1", "http://pki.example.net/cps");
  ASSERT_TRUE(policy.ok()) << policy.status();
  ASSERT_EQ(policy->qualifiers.size(), 1u);
  EXPECT_EQ(*CpsUri(policy->qualifiers[0]), "http://pki.example.net/cps");
  EXPECT_TRUE(PolicyOf("1.3.6.1.4.1.99999.1", "")->qualifiers.empty());
  EXPECT_FALSE(PolicyOf("policy", "").ok());
  EXPECT_FALSE(PolicyOf("1.2.3", "cps.html").ok());
  EXPECT_FALSE(PolicyOf("1.2.3", "http://x/ y").ok());
  EXPECT_FALSE(CpsUri({oids::QualifierCps(), Bytes{0x0C, 0x01, 'x'}}).ok());
  EXPECT_FALSE(SerializeCertificatePolicies({*policy, *policy}).ok());
}

TEST(PlacesTest, AreAbsoluteUris) {
  EXPECT_TRUE(AccessAt(oids::AdOcsp(), "http://pki.example.net/ocsp").ok());
  EXPECT_FALSE(AccessAt(oids::AdOcsp(), "/ocsp").ok());
  EXPECT_TRUE(DistributionPointAt({"http://pki.example.net/ca.crl"}).ok());
  EXPECT_FALSE(DistributionPointAt({"ca.crl"}).ok());
  EXPECT_FALSE(DistributionPointAt({}).ok());
  EXPECT_FALSE(SerializeDistributionPoints({DistributionPoint()}).ok());
}

TEST(NameSubtreeTest, TakesAndWritesText) {
  for (const std::string text :
       {"dns:devices.example", "dns:.devices.example", "ip:10.0.0.0/8",
        "ip:0.0.0.0/0", "ip:192.0.2.1/32", "ip:2001:db8::/32",
        "email:example.com", "email:.example.com", "email:root@example.com",
        "uri:.example.com", "dirname:O=Acme,OU=Devices"}) {
    const auto subtree = NameSubtree::FromText(text);
    ASSERT_TRUE(subtree.ok()) << text << subtree.status();
    EXPECT_EQ(subtree->ToText(), text);
  }
  for (const std::string text :
       {"", "dns", "dns:", "dns:*.example", "dns:a b", "dns:..example",
        "ip:10.0.0.0", "ip:10.0.0.1/8", "ip:10.0.0.0/33", "ip:10.0.0.0/-1",
        "ip:10.0.0.0/", "ip:devices.example/8", "email:root@", "email:@a",
        "uri:http://example.com", "dirname:Acme", "other:x"}) {
    const auto subtree = NameSubtree::FromText(text);
    EXPECT_FALSE(subtree.ok()) << text;
    EXPECT_FALSE(subtree.status().message().empty());
  }
}

// RFC 5280 4.2.1.10's examples among them. In each row: a subtree, what lies
// within, what does not.
TEST(NameSubtreeTest, Contains) {
  struct Row {
    std::string subtree;
    std::vector<std::string> in, out;
  };
  for (const Row& row : std::vector<Row>{
           {"dns:host.example.com",
            {"dns:host.example.com", "dns:www.host.example.com",
             "dns:HOST.example.COM"},
            {"dns:host1.example.com", "dns:xhost.example.com",
             "uri:http://host.example.com/", "dns:example.com"}},
           {"dns:.example.com",
            {"dns:host.example.com", "dns:a.b.example.com"},
            {"dns:example.com", "dns:hostexample.com"}},
           {"ip:192.0.2.0/24",
            {"ip:192.0.2.0", "ip:192.0.2.255"},
            {"ip:192.0.3.0", "ip:2001:db8::1"}},
           {"ip:2001:db8::/33",
            {"ip:2001:db8::1", "ip:2001:db8:7fff::1"},
            {"ip:2001:db8:8000::1", "ip:192.0.2.1"}},
           {"email:root@example.com",
            {"email:root@example.com", "email:root@EXAMPLE.com"},
            {"email:Root@example.com", "email:a@example.com"}},
           {"email:example.com",
            {"email:a@example.com"},
            {"email:a@host.example.com"}},
           {"email:.example.com",
            {"email:a@host.example.com"},
            {"email:a@example.com"}},
           {"uri:.example.com",
            {"uri:https://host.example.com:8443/x",
             "uri:https://me@my.host.example.com?q"},
            {"uri:https://example.com/", "uri:urn:x:example.com",
             "uri:https://192.0.2.1/", "uri:https://evil.com/.example.com"}},
           {"uri:host.example.com",
            {"uri:http://host.example.com/"},
            {"uri:http://a.host.example.com/"}},
       }) {
    const NameSubtree subtree = *NameSubtree::FromText(row.subtree);
    for (const std::string& name : row.in) {
      EXPECT_TRUE(subtree.Contains(*GeneralName::FromText(name)))
          << row.subtree << " " << name;
    }
    for (const std::string& name : row.out) {
      EXPECT_FALSE(subtree.Contains(*GeneralName::FromText(name)))
          << row.subtree << " " << name;
    }
  }
  const NameSubtree acme = *NameSubtree::FromText("dirname:O=Acme,OU=Devices");
  const auto has = [&](const std::string& name) {
    return acme.Contains(GeneralName::Directory(*Name::FromText(name)));
  };
  EXPECT_TRUE(has("O=Acme,OU=Devices"));
  EXPECT_TRUE(has("O=ACME,OU=Devices,CN=gw-17"));
  EXPECT_FALSE(has("O=Acme"));
  EXPECT_FALSE(has("CN=gw-17,O=Acme,OU=Devices"));
  EXPECT_FALSE(has("O=Acme,OU=Devices2"));
}

// A CA with constraints, and openssl's word beside ours on every name.
class ConstrainedCa {
 public:
  explicit ConstrainedCa(const NameConstraints& constraints)
      : constraints_(constraints), signer_(*SoftwareSigner::Generate()) {
    pem_ = testdata::WriteScratch(
        "ca.pem",
        AsBytes(SerializeCertificatePem(
            Issue(*Name::FromText("O=Acme,CN=Test CA"),
                  {{oids::BasicConstraints(), true,
                    *SerializeBasicConstraints({true, 0})},
                   {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign)},
                   {oids::NameConstraints(), true,
                    *SerializeNameConstraints(constraints)}}))));
  }

  void Expect(bool is_good, const std::string& subject,
              const std::vector<std::string>& names) {
    SCOPED_TRACE(subject + (names.empty() ? "" : " " + names[0]));
    const Name name = *Name::FromText(subject);
    std::vector<GeneralName> sans;
    for (const std::string& text : names) {
      sans.push_back(*GeneralName::FromText(text));
    }
    const absl::Status ours = CheckNameConstraints(constraints_, name, sans);
    EXPECT_EQ(ours.code(), is_good ? absl::StatusCode::kOk
                                   : absl::StatusCode::kPermissionDenied)
        << ours;
    std::vector<Extension> extensions;
    if (!sans.empty()) {
      extensions.push_back({oids::SubjectAltName(), name.empty(),
                            *SerializeGeneralNamesDer(sans)});
    }
    const std::string leaf = testdata::WriteScratch(
        "leaf.pem", AsBytes(SerializeCertificatePem(Issue(name, extensions))));
    const auto theirs = testdata::RunOpenssl(
        absl::StrCat("verify -attime 1704070800 -CAfile ", pem_, " ", leaf));
    EXPECT_EQ(theirs.exit_code == 0, is_good) << theirs.output;
  }

 private:
  Bytes Issue(const Name& subject, std::vector<Extension> extensions) {
    CertificateTemplate contents;
    contents.serial = {++serial_};
    contents.issuer = *Name::FromText("O=Acme,CN=Test CA");
    contents.subject = subject;
    contents.not_before = absl::FromUnixSeconds(1704067200);
    contents.not_after = contents.not_before + absl::Hours(24);
    contents.spki = signer_->public_key_spki();
    contents.extensions = std::move(extensions);
    const Bytes tbs =
        *SerializeTbsCertificateDer(contents, signer_->algorithm());
    return *AssembleCertificateDer(tbs, signer_->algorithm(),
                                   *SignAndWait(*signer_, tbs));
  }

  const NameConstraints constraints_;
  const std::unique_ptr<SoftwareSigner> signer_;
  uint8_t serial_ = 0;
  std::string pem_;
};

TEST(NameConstraintsTest, OpensslJudgesTheSame) {
  NameConstraints constraints;
  for (const std::string text :
       {"dns:devices.example", "ip:10.0.0.0/8", "dirname:O=Acme",
        "email:example.com", "uri:.example.com"}) {
    constraints.permitted.push_back(*NameSubtree::FromText(text));
  }
  constraints.excluded = {*NameSubtree::FromText("dns:no.devices.example"),
                          *NameSubtree::FromText("ip:10.66.0.0/16")};
  ConstrainedCa ca(constraints);
  ca.Expect(true, "O=Acme,CN=gw-17", {});
  ca.Expect(false, "O=Evil,CN=gw-17", {});
  ca.Expect(true, "", {"dns:gw-17.devices.example"});
  ca.Expect(false, "", {"dns:gw-17.no.devices.example"});
  ca.Expect(false, "", {"dns:gw-17.example"});
  ca.Expect(true, "", {"ip:10.1.2.3"});
  ca.Expect(false, "", {"ip:10.66.2.3"});
  ca.Expect(false, "", {"ip:192.0.2.1"});
  ca.Expect(true, "", {"email:a@example.com"});
  ca.Expect(false, "", {"email:a@example.org"});
  ca.Expect(true, "", {"uri:https://a.example.com/x"});
  ca.Expect(false, "", {"uri:https://example.org/x"});
  ca.Expect(false, "O=Acme,CN=gw-17",
            {"dns:gw-17.devices.example", "dns:other.example"});
}

TEST(NameConstraintsTest, WithoutAPermittedKindAllButTheExcluded) {
  ConstrainedCa ca({{}, {*NameSubtree::FromText("dns:no.example")}});
  ca.Expect(true, "CN=gw-17", {"dns:gw-17.example"});
  ca.Expect(false, "CN=gw-17", {"dns:gw-17.no.example"});
  ca.Expect(true, "CN=gw-17", {"ip:192.0.2.1"});
}

TEST(NameConstraintsTest, RefusesToWriteNonsense) {
  EXPECT_FALSE(SerializeNameConstraints({}).ok());
  const NameSubtree good = *NameSubtree::FromText("dns:devices.example");
  EXPECT_TRUE(SerializeNameConstraints({{good}, {}}).ok());
  EXPECT_FALSE(
      SerializeNameConstraints({std::vector<NameSubtree>(257, good), {}}).ok());
  EXPECT_FALSE(SerializeNameConstraints(
                   {{{GeneralName::Kind::kIpAddress, Bytes(4)}}, {}})
                   .ok());
}

}  // namespace
}  // namespace bestow
