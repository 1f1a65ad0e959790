#include "server/ca/ca_certificate.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/crypto/signer.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/openssl.h"

namespace bestow::server {
namespace {

// openssl judges these by the clock of today.
const absl::Time kNow = absl::Now();

CaContents Contents(const std::string& name, std::optional<uint64_t> length) {
  CaContents contents;
  contents.subject = *Name::FromText(name);
  contents.validity = absl::Hours(24 * 365);
  contents.path_length = length;
  return contents;
}

struct Ca {
  std::shared_ptr<SoftwareSigner> key;
  std::vector<Certificate> chain;
  std::shared_ptr<const CertificateAuthority> authority;
};

Ca Root(const CaContents& contents) {
  std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  const Certificate root = *CreateRootCa(contents, *key, kNow);
  return {key, {root}, *CertificateAuthority::Create(root, key)};
}

Ca Below(const Ca& issuer, const CaContents& contents) {
  std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
  auto made =
      CreateCaBelow(contents, key->public_key_spki(), *issuer.authority, kNow);
  EXPECT_TRUE(made.ok()) << made.status();
  Ca ca{key, {*made}, *CertificateAuthority::Create(*made, key)};
  ca.chain.insert(ca.chain.end(), issuer.chain.begin(), issuer.chain.end());
  return ca;
}

std::string Write(std::string_view name, const Certificate& certificate) {
  return testdata::WriteScratch(
      name, AsBytes(SerializeCertificatePem(certificate.der)));
}

TEST(CaCertificateTest, OpensslVerifiesAnIssuingCaBelowARoot) {
  const Ca root = Root(Contents("O=Example,CN=Example Root", 1));
  CaContents contents = Contents("O=Example,CN=Site CA", 0);
  contents.constraints.permitted = {
      *NameSubtree::FromText("dns:devices.example"),
      *NameSubtree::FromText("ip:10.0.0.0/8")};
  contents.constraints.excluded = {*NameSubtree::FromText("email:.example")};
  contents.policies = {*PolicyOf("1.3.6.1.4.1.99999.1", "http://a.example/")};
  contents.urls.crl = "http://pki.example/root.crl";
  contents.urls.ca_issuers = "http://pki.example/root.cer";
  const Ca site = Below(root, contents);
  const std::string path = Write("site.pem", site.chain[0]);
  const auto verified = testdata::RunOpenssl(
      absl::StrCat("verify -x509_strict -CAfile ",
                   Write("root.pem", root.chain[0]), " ", path));
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  const auto text =
      testdata::RunOpenssl("x509 -noout -text -in " + path).output;
  for (const char* part :
       {"CA:TRUE, pathlen:0", "X509v3 Name Constraints: critical",
        "DNS:devices.example", "IP:10.0.0.0/255.0.0.0", "email:.example",
        "Policy: 1.3.6.1.4.1.99999.1", "http://a.example/",
        "URI:http://pki.example/root.crl", "http://pki.example/root.cer",
        "Certificate Sign, CRL Sign"}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << "\n" << text;
  }
  EXPECT_TRUE(CheckIssues(site.chain, *site.key, kNow).ok());
}

TEST(CaCertificateTest, EndsWithItsIssuer) {
  CaContents contents = Contents("CN=Root", 1);
  contents.validity = absl::Hours(24);
  const Ca root = Root(contents);
  const Ca site = Below(root, Contents("CN=Site", 0));
  EXPECT_EQ(site.chain[0].not_after, root.chain[0].not_after);
  EXPECT_GE(site.chain[0].not_before, root.chain[0].not_before);
}

// RFC 5280 4.2.1.9.
TEST(CaCertificateTest, PathLengthsOnlyGetShorter) {
  struct Case {
    std::optional<uint64_t> issuer, below;
    bool taken;
  };
  for (const Case& c :
       {Case{0, 0, false}, Case{1, 0, true}, Case{1, 1, false},
        Case{1, std::nullopt, false}, Case{2, 1, true}, Case{2, 0, true},
        Case{std::nullopt, 0, true}, Case{std::nullopt, std::nullopt, true}}) {
    const Ca root = Root(Contents("CN=Root", c.issuer));
    const auto key = *SoftwareSigner::Generate();
    const auto made =
        CreateCaBelow(Contents("CN=Site", c.below), key->public_key_spki(),
                      *root.authority, kNow);
    EXPECT_EQ(made.ok(), c.taken) << made.status();
    if (!c.taken) {
      EXPECT_EQ(made.status().code(), absl::StatusCode::kFailedPrecondition);
    }
  }
}

TEST(CaCertificateTest, RefusesWhatIsNoCaBelow) {
  const Ca root = Root(Contents("CN=Root", 1));
  const auto key = *SoftwareSigner::Generate();
  const Bytes& spki = key->public_key_spki();
  EXPECT_TRUE(
      CreateCaBelow(Contents("CN=Site", 0), spki, *root.authority, kNow).ok());
  const auto refused = [&](const CaContents& contents, ByteView of,
                           absl::Time now) {
    return CreateCaBelow(contents, of, *root.authority, now).status().code();
  };
  CaContents nameless = Contents("CN=Site", 0);
  nameless.subject = Name();
  EXPECT_EQ(refused(nameless, spki, kNow), absl::StatusCode::kInvalidArgument);
  CaContents never = Contents("CN=Site", 0);
  never.validity = absl::ZeroDuration();
  EXPECT_EQ(refused(never, spki, kNow), absl::StatusCode::kInvalidArgument);
  // The root's own name, the root's own key, no key.
  EXPECT_EQ(refused(Contents("CN=Root", 0), spki, kNow),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused(Contents("CN=Site", 0), root.chain[0].spki, kNow),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused(Contents("CN=Site", 0), Bytes(10), kNow),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused(Contents("CN=Site", 0), spki,
                    root.chain[0].not_after + absl::Seconds(1)),
            absl::StatusCode::kFailedPrecondition);
}

TEST(CaCertificateTest, TheIssuersNameConstraintsHoldForCasToo) {
  CaContents contents = Contents("O=Example,CN=Root", 1);
  contents.constraints.permitted = {
      *NameSubtree::FromText("dirname:O=Example")};
  const Ca root = Root(contents);
  const auto key = *SoftwareSigner::Generate();
  EXPECT_TRUE(CreateCaBelow(Contents("O=Example,CN=Site", 0),
                            key->public_key_spki(), *root.authority, kNow)
                  .ok());
  EXPECT_EQ(CreateCaBelow(Contents("O=Other,CN=Site", 0),
                          key->public_key_spki(), *root.authority, kNow)
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(CaCertificateTest, ARequestComesBack) {
  const auto key = *SoftwareSigner::Generate();
  CaContents contents = Contents("O=Example,CN=Site CA", 0);
  contents.constraints.permitted = {
      *NameSubtree::FromText("dns:devices.example")};
  const auto der = CreateCaRequest(contents, *key);
  ASSERT_TRUE(der.ok()) << der.status();
  const auto seen =
      testdata::RunOpenssl("req -verify -noout -text -inform DER -in " +
                           testdata::WriteScratch("request.der", *der));
  EXPECT_TRUE(absl::StrContains(seen.output, "CA:TRUE, pathlen:0"))
      << seen.output;
  auto request = ParsePkcs10Der(*der);
  ASSERT_TRUE(request.ok()) << request.status();
  const auto asked = CaContentsOfRequest(*request);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->subject, contents.subject);
  EXPECT_EQ(asked->path_length, contents.path_length);
  EXPECT_EQ(asked->constraints, contents.constraints);
  // Its own key's signature, over other contents.
  request->signature.back() ^= 1;
  EXPECT_FALSE(CaContentsOfRequest(*request).ok());
}

TEST(CaCertificateTest, ARequestThatAsksForNoCaIsRefused) {
  const auto key = *SoftwareSigner::Generate();
  Pkcs10Template wanted;
  wanted.subject = *Name::FromText("CN=gw-17");
  wanted.spki = key->public_key_spki();
  const Bytes info = *SerializePkcs10InfoDer(wanted);
  const Bytes der =
      *AssemblePkcs10Der(info, key->algorithm(), *SignAndWait(*key, info));
  EXPECT_TRUE(absl::StrContains(
      CaContentsOfRequest(*ParsePkcs10Der(der)).status().message(),
      "asks for no CA"));
}

TEST(CaCertificateTest, OrdersAChain) {
  const Ca root = Root(Contents("CN=Root", 2));
  const Ca middle = Below(root, Contents("CN=Middle", 1));
  const Ca site = Below(middle, Contents("CN=Site", 0));
  const Certificate &a = site.chain[0], &b = site.chain[1], &c = site.chain[2];
  for (const std::vector<Certificate>& given :
       {std::vector<Certificate>{a, b, c}, {c, b, a}, {b, c, a}}) {
    const auto chain = OrderChain(given, a.spki);
    ASSERT_TRUE(chain.ok()) << chain.status();
    EXPECT_EQ(*chain, site.chain);
  }
  const Certificate stranger = Root(Contents("CN=Root", 2)).chain[0];
  for (const auto& [given, what] :
       {std::pair(std::vector<Certificate>{b, c}, "none"),
        std::pair(std::vector<Certificate>{a, c}, "CN=Middle"),
        std::pair(std::vector<Certificate>{a, b}, "CN=Root"),
        std::pair(std::vector<Certificate>{}, "none"),
        // Of the root's name, not its key.
        std::pair(std::vector<Certificate>{a, b, stranger}, "CN=Root"),
        std::pair(std::vector<Certificate>{a, b, c, stranger}, "no part")}) {
    const absl::Status status = OrderChain(given, a.spki).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(status.message(), what)) << status;
  }
}

// What openssl makes without a look at the root's path length.
TEST(CaCertificateTest, SeesThatNobodyWouldTakeWhatItIssues) {
  const Ca root = Root(Contents("CN=Root", 1));
  const Ca middle = Below(root, Contents("CN=Middle", 0));
  EXPECT_TRUE(CheckIssues(middle.chain, *middle.key, kNow).ok());
  Ca site = Root(Contents("CN=Site", 0));
  const std::string files =
      absl::StrCat(" -CA ", Write("middle.pem", middle.chain[0]), " -CAkey ",
                   testdata::WriteScratch("middle.key",
                                          (*middle.key->ToPkcs8Pem()).bytes()));
  const std::string out = testdata::WriteScratch("site.pem", {});
  const std::string extensions = testdata::WriteScratch(
      "ca.ext", AsBytes("basicConstraints=critical,CA:TRUE\n"
                        "keyUsage=critical,keyCertSign,cRLSign\n"));
  const auto made = testdata::RunOpenssl(absl::StrCat(
      "x509 -req -days 30 -in ",
      testdata::WriteScratch(
          "site.csr", *CreateCaRequest(Contents("CN=Site", 0), *site.key)),
      " -inform DER -extfile ", extensions, files, " -out ", out));
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const auto issued = testdata::RunOpenssl("x509 -in " + out).output;
  site.chain = {ParseCertificatesPem(issued, 1)->front(), middle.chain[0],
                root.chain[0]};
  const absl::Status status = CheckIssues(site.chain, *site.key, kNow);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(status.message(), "path length")) << status;
  // And what is over.
  EXPECT_FALSE(CheckIssues(middle.chain, *middle.key,
                           middle.chain[0].not_after + absl::Seconds(10))
                   .ok());
}

}  // namespace
}  // namespace bestow::server
