#include "common/pki/path.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/pki/certs_only.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1750000000);

struct Authority {
  std::unique_ptr<SoftwareSigner> signer;
  Name name;
};

Authority MakeAuthority(std::string_view name,
                        KeyType type = KeyType::kEcP256) {
  return {*SoftwareSigner::Generate(type), *Name::FromCommonName(name)};
}

CertificateTemplate Contents(const Authority& issuer, const Name& subject,
                             const Bytes& spki) {
  CertificateTemplate contents;
  contents.serial = {0x05};
  contents.issuer = issuer.name;
  contents.subject = subject;
  contents.not_before = kNow - absl::Hours(1);
  contents.not_after = kNow + absl::Hours(1);
  contents.spki = spki;
  return contents;
}

Certificate Issue(const Authority& issuer,
                  const CertificateTemplate& contents) {
  const Bytes tbs =
      *SerializeTbsCertificateDer(contents, issuer.signer->algorithm());
  const Bytes signature = *SignAndWait(*issuer.signer, tbs);
  return *ParseCertificateDer(
      *AssembleCertificateDer(tbs, issuer.signer->algorithm(), signature));
}

std::vector<Extension> CaExtensions(std::optional<uint64_t> path_length = {}) {
  return {
      {oids::BasicConstraints(), true,
       *SerializeBasicConstraints({true, path_length})},
      {oids::KeyUsage(), true, *SerializeKeyUsage(kKeyCertSign | kCrlSign)}};
}

Certificate IssueCa(const Authority& issuer, const Authority& subject,
                    std::optional<uint64_t> path_length = {}) {
  CertificateTemplate contents =
      Contents(issuer, subject.name, subject.signer->public_key_spki());
  contents.extensions = CaExtensions(path_length);
  return Issue(issuer, contents);
}

class PathTest : public ::testing::Test {
 protected:
  CertificateTemplate Leaf(const der::Oid& purpose) {
    CertificateTemplate contents = Contents(
        middle_, *Name::FromCommonName("gw-17"), device_->public_key_spki());
    contents.extensions = {
        {oids::ExtendedKeyUsage(), false,
         *SerializeExtendedKeyUsage({purpose})},
        {oids::SubjectAltName(), false,
         *SerializeGeneralNamesDer({*GeneralName::Dns("gw-17.example"),
                                    *GeneralName::Ip("192.0.2.1"),
                                    *GeneralName::Ip("2001:db8::1")})}};
    return contents;
  }
  absl::Status Verify(const Certificate& leaf,
                      const std::vector<Certificate>& intermediates,
                      PathPurpose purpose = PathPurpose::kTlsClient,
                      absl::Time now = kNow) {
    return (*TrustAnchors::Create({root_certificate_}))
        ->Verify(leaf, intermediates, purpose, now);
  }

  const Authority root_ = MakeAuthority("Root");
  const Authority middle_ = MakeAuthority("Middle");
  const std::unique_ptr<SoftwareSigner> device_ = *SoftwareSigner::Generate();
  const Certificate root_certificate_ = IssueCa(root_, root_);
  const Certificate middle_certificate_ = IssueCa(root_, middle_);
  const Certificate leaf_ = Issue(middle_, Leaf(oids::KpClientAuth()));
};

TEST_F(PathTest, GoesOverIntermediatesToAnAnchor) {
  EXPECT_TRUE(Verify(leaf_, {middle_certificate_}).ok());
  // The peer's own root in its chain does no harm.
  EXPECT_TRUE(Verify(leaf_, {root_certificate_, middle_certificate_}).ok());
}

TEST_F(PathTest, AMissingIntermediateIsNoPath) {
  const absl::Status status = Verify(leaf_, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(status.message(), "issuer certificate"))
      << status;
}

TEST_F(PathTest, IntermediatesAreNotTrusted) {
  const Authority stranger = MakeAuthority("Root");
  const Certificate stranger_root = IssueCa(stranger, stranger);
  const Certificate stranger_middle = IssueCa(stranger, middle_);
  EXPECT_EQ(Verify(leaf_, {stranger_middle, stranger_root}).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PathTest, AnAnchorNeedNotBeARoot) {
  const auto anchors = *TrustAnchors::Create({middle_certificate_});
  EXPECT_TRUE(anchors->Verify(leaf_, {}, PathPurpose::kTlsClient, kNow).ok());
  const auto itself = *TrustAnchors::Create({leaf_});
  EXPECT_TRUE(itself->Verify(leaf_, {}, PathPurpose::kTlsClient, kNow).ok());
}

TEST_F(PathTest, TimeIsTheCallers) {
  const absl::Status late =
      Verify(leaf_, {middle_certificate_}, PathPurpose::kTlsClient,
             kNow + absl::Hours(2));
  EXPECT_EQ(late.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(late.message(), "expired")) << late;
  const absl::Status early =
      Verify(leaf_, {middle_certificate_}, PathPurpose::kTlsClient,
             kNow - absl::Hours(2));
  EXPECT_TRUE(absl::StrContains(early.message(), "not yet valid")) << early;
}

TEST_F(PathTest, PurposeIsTheLeafsExtendedKeyUsage) {
  const Certificate server = Issue(middle_, Leaf(oids::KpServerAuth()));
  const std::vector<Certificate> chain = {middle_certificate_};
  EXPECT_TRUE(Verify(leaf_, chain, PathPurpose::kTlsClient).ok());
  EXPECT_FALSE(Verify(leaf_, chain, PathPurpose::kTlsServer).ok());
  EXPECT_TRUE(Verify(server, chain, PathPurpose::kTlsServer).ok());
  EXPECT_FALSE(Verify(server, chain, PathPurpose::kTlsClient).ok());
  EXPECT_TRUE(Verify(server, chain, PathPurpose::kAny).ok());
}

TEST_F(PathTest, ADeviceCannotIssue) {
  const Authority device = {*SoftwareSigner::Generate(),
                            *Name::FromCommonName("gw-17")};
  CertificateTemplate contents = Leaf(oids::KpClientAuth());
  contents.spki = device.signer->public_key_spki();
  const Certificate device_certificate = Issue(middle_, contents);
  CertificateTemplate forged = Leaf(oids::KpClientAuth());
  forged.issuer = device.name;
  forged.subject = *Name::FromCommonName("gw-18");
  const Certificate below = Issue(device, forged);
  const absl::Status status =
      Verify(below, {device_certificate, middle_certificate_});
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(status.message(), "CA")) << status;
}

TEST_F(PathTest, PathLengthIsHeld) {
  const Authority low = MakeAuthority("Low");
  const Certificate short_middle = IssueCa(root_, middle_, 0);
  const Certificate low_certificate = IssueCa(middle_, low);
  CertificateTemplate contents = Leaf(oids::KpClientAuth());
  contents.issuer = low.name;
  const Certificate leaf = Issue(low, contents);
  EXPECT_FALSE(Verify(leaf, {low_certificate, short_middle}).ok());
  EXPECT_TRUE(Verify(leaf, {low_certificate, middle_certificate_}).ok());
}

TEST_F(PathTest, AWrongSignatureIsNoPath) {
  Bytes der = leaf_.der;
  // The last octet belongs to the signature's s.
  der.back() ^= 0x01;
  const absl::StatusOr<Certificate> forged = ParseCertificateDer(der);
  ASSERT_TRUE(forged.ok());
  EXPECT_EQ(Verify(*forged, {middle_certificate_}).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PathTest, UnknownCriticalExtensionsAreRefused) {
  CertificateTemplate contents = Leaf(oids::KpClientAuth());
  contents.extensions.push_back({der::OidLiteral("1.2.3"), true, {}});
  EXPECT_FALSE(Verify(Issue(middle_, contents), {middle_certificate_}).ok());
}

TEST_F(PathTest, NeedsAnAnchor) {
  EXPECT_EQ(TrustAnchors::Create({}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(PathTest, VerdictsAreOpenssls) {
  const std::string root = testdata::WriteScratch(
      "root.pem", AsBytes(SerializeCertificatePem(root_certificate_.der)));
  const std::string middle = testdata::WriteScratch(
      "middle.pem", AsBytes(SerializeCertificatePem(middle_certificate_.der)));
  const std::string leaf = testdata::WriteScratch(
      "leaf.pem", AsBytes(SerializeCertificatePem(leaf_.der)));
  for (const auto& [purpose, expected] :
       {std::pair("sslclient", true), std::pair("sslserver", false)}) {
    const auto verdict = testdata::RunOpenssl(
        absl::StrCat("verify -attime 1750000000 -purpose ", purpose,
                     " -CAfile ", root, " -untrusted ", middle, " ", leaf));
    EXPECT_EQ(verdict.exit_code == 0, expected) << verdict.output;
  }
}

// RFC 7030 A.1's certificates parse; trusting them must not work, in 2013
// neither, for they are signed with SHA-1.
TEST(PathSha1Test, Rfc7030CertificatesAreNotTrusted) {
  const absl::Time then = absl::FromUnixSeconds(1370000000);
  const CertsOnly cacerts = *ParseCertsOnlyDer(
      testdata::LoadCase("certs_only", "rfc7030_a1_cacerts").data);
  const auto anchors = TrustAnchors::Create(cacerts.certificates);
  ASSERT_TRUE(anchors.ok()) << anchors.status();
  for (const char* name :
       {"rfc7030_a3_simpleenroll", "rfc7030_a4_serverkeygen"}) {
    const CertsOnly reply =
        *ParseCertsOnlyDer(testdata::LoadCase("certs_only", name).data);
    const absl::Status status = (*anchors)->Verify(
        reply.certificates[0], cacerts.certificates, PathPurpose::kAny, then);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_TRUE(absl::StrContains(status.message(), "too weak")) << status;
  }
}

// CAs may have keys of every type; openssl verifies what they sign as well.
TEST(PathKeyTypesTest, EveryTypeOfCaKeyIsTrusted) {
  for (KeyType type : kKeyTypes) {
    SCOPED_TRACE(KeyTypeName(type));
    const Authority root = MakeAuthority("Root", type);
    const Authority device = MakeAuthority("gw-17");
    const Certificate root_certificate = IssueCa(root, root);
    const Certificate leaf = Issue(
        root, Contents(root, device.name, device.signer->public_key_spki()));
    const absl::Status status = (*TrustAnchors::Create({root_certificate}))
                                    ->Verify(leaf, {}, PathPurpose::kAny, kNow);
    EXPECT_TRUE(status.ok()) << status;
    const std::string ca_pem = SerializeCertificatePem(root_certificate.der);
    const std::string leaf_pem = SerializeCertificatePem(leaf.der);
    const auto result = testdata::RunOpenssl(
        absl::StrCat("verify -no_check_time -CAfile ",
                     testdata::WriteScratch("ca.pem", AsBytes(ca_pem)), " ",
                     testdata::WriteScratch("leaf.pem", AsBytes(leaf_pem))));
    EXPECT_EQ(result.exit_code, 0) << result.output;
    // Another CA of the same name and type did not sign it.
    const Authority other = MakeAuthority("Root", type);
    EXPECT_EQ((*TrustAnchors::Create({IssueCa(other, other)}))
                  ->Verify(leaf, {}, PathPurpose::kAny, kNow)
                  .code(),
              absl::StatusCode::kPermissionDenied);
  }
}

// What openssl signs with SHA-1 or a short key, X509_verify_cert would take.
class WeakPathTest : public ::testing::Test {
 protected:
  // Makes root (P-256, SHA-256), middle and leaf by openssl; `middle` and
  // `leaf` say with which digest each is signed and how long the key is.
  struct Chain {
    Certificate root, middle, leaf;
  };
  static Chain Make(std::string_view middle_digest, std::string_view middle_key,
                    std::string_view leaf_digest, std::string_view leaf_key) {
    const std::string base = testdata::WriteScratch("weak", {});
    const auto run = [](const std::string& arguments) {
      const auto result = testdata::RunOpenssl(arguments);
      EXPECT_EQ(result.exit_code, 0) << arguments << "\n" << result.output;
    };
    const std::string ca_file = testdata::WriteScratch(
        "ca.ext", AsBytes("basicConstraints=critical,CA:TRUE\n"));
    run(
        absl::StrCat("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                     "-nodes -sha256 -subj /CN=Root -days 3650 -keyout ",
                     base, ".rk -out ", base, ".rc"));
    run(absl::StrCat("req -newkey ", middle_key, " -nodes -subj /CN=Middle ",
                     "-keyout ", base, ".mk -out ", base, ".mr"));
    run(absl::StrCat("x509 -req -", middle_digest, " -in ", base, ".mr -CA ",
                     base, ".rc -CAkey ", base, ".rk -CAcreateserial -days ",
                     "3650 -extfile ", ca_file, " -out ", base, ".mc"));
    run(absl::StrCat("req -newkey ", leaf_key, " -nodes -subj /CN=Leaf ",
                     "-keyout ", base, ".lk -out ", base, ".lr"));
    run(absl::StrCat("x509 -req -", leaf_digest, " -in ", base, ".lr -CA ",
                     base, ".mc -CAkey ", base, ".mk -CAcreateserial -days ",
                     "3650 -out ", base, ".lc"));
    const auto load = [&](std::string_view suffix) {
      const auto pem =
          testdata::RunOpenssl(absl::StrCat("x509 -in ", base, suffix));
      return ParseCertificatesPem(pem.output, 1)->front();
    };
    return {load(".rc"), load(".mc"), load(".lc")};
  }
  static absl::Status Verify(const Chain& chain) {
    return (*TrustAnchors::Create({chain.root}))
        ->Verify(chain.leaf, {chain.middle}, PathPurpose::kAny,
                 chain.leaf.not_before + absl::Hours(1));
  }
  static constexpr std::string_view kEc = "ec -pkeyopt ec_paramgen_curve:P-256";
};

TEST_F(WeakPathTest, StrongChainsPass) {
  EXPECT_TRUE(Verify(Make("sha256", kEc, "sha256", kEc)).ok());
  EXPECT_TRUE(Verify(Make("sha384", "rsa:2048", "sha512", "rsa:2048")).ok());
}

TEST_F(WeakPathTest, Sha1IsRefusedAnywhereBelowTheAnchor) {
  EXPECT_EQ(Verify(Make("sha1", kEc, "sha256", kEc)).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Verify(Make("sha256", kEc, "sha1", kEc)).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(WeakPathTest, ShortRsaKeysAreRefused) {
  EXPECT_EQ(Verify(Make("sha256", "rsa:1024", "sha256", kEc)).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Verify(Make("sha256", kEc, "sha256", "rsa:1024")).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(WeakPathTest, OddCurvesAreRefused) {
  EXPECT_EQ(Verify(Make("sha256", kEc, "sha256",
                        "ec -pkeyopt ec_paramgen_curve:P-224"))
                .code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PathTest, HostsAreMatchedBySanAlone) {
  EXPECT_TRUE(MatchesHost(leaf_, "gw-17.example"));
  EXPECT_TRUE(MatchesHost(leaf_, "GW-17.Example"));
  EXPECT_TRUE(MatchesHost(leaf_, "192.0.2.1"));
  EXPECT_TRUE(MatchesHost(leaf_, "2001:DB8:0::1"));
  for (const std::string& host :
       {std::string("gw-17"), std::string("gw-17.example.org"), std::string(),
        std::string("x.gw-17.example"), std::string("192.0.2.2"),
        std::string("gw-17.example\0.org", 18), std::string("2001:db8::2")}) {
    EXPECT_FALSE(MatchesHost(leaf_, host)) << host;
  }
  CertificateTemplate contents = Leaf(oids::KpServerAuth());
  contents.extensions.pop_back();
  EXPECT_FALSE(MatchesHost(Issue(middle_, contents), "gw-17"));
}

TEST_F(PathTest, WildcardsCoverOneLabel) {
  CertificateTemplate contents = Leaf(oids::KpServerAuth());
  const std::string_view wildcard = "*.example.org";
  contents.extensions.back().value = *SerializeGeneralNamesDer(
      {{GeneralName::Kind::kDns, ToBytes(AsBytes(wildcard))}});
  const Certificate certificate = Issue(middle_, contents);
  EXPECT_TRUE(MatchesHost(certificate, "a.example.org"));
  EXPECT_FALSE(MatchesHost(certificate, "example.org"));
  EXPECT_FALSE(MatchesHost(certificate, "a.b.example.org"));
}

}  // namespace
}  // namespace bestow
