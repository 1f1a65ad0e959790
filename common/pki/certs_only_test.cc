#include "common/pki/certs_only.h"

#include <set>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

// RFC 7030 A.1, A.3 and A.4 are among them, octet by octet.
TEST(CertsOnlyTest, EveryCaseComesBackFromItsParts) {
  testdata::ExpectRoundTrips(
      "certs_only", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<CertsOnly> message = ParseCertsOnlyDer(der);
        if (!message.ok()) return message.status();
        EXPECT_EQ(message->der, ToBytes(der));
        message->der.clear();
        for (Certificate& certificate : message->certificates) {
          certificate.der.clear();
        }
        return ReserializeCertsOnlyDer(*message);
      });
}

// RFC 7030 A.1: the four certificates of a rollover.
TEST(CertsOnlyTest, Rfc7030A1HasRootLinksAndNewRoot) {
  const absl::StatusOr<CertsOnly> message = ParseCertsOnlyDer(
      testdata::LoadCase("certs_only", "rfc7030_a1_cacerts").data);
  ASSERT_TRUE(message.ok()) << message.status();
  ASSERT_EQ(message->certificates.size(), 4u);
  EXPECT_TRUE(message->crls.has_value());
  EXPECT_TRUE(message->crls->empty());
  std::set<std::string> names;
  for (const Certificate& certificate : message->certificates) {
    names.insert(certificate.issuer.common_name() + " > " +
                 certificate.subject.common_name());
  }
  EXPECT_EQ(names,
            (std::set<std::string>{"estExampleCA OwO > estExampleCA OwO",
                                   "estExampleCA OwO > estExampleCA NwO",
                                   "estExampleCA NwN > estExampleCA OwN",
                                   "estExampleCA NwN > estExampleCA NwN"}));
}

TEST(CertsOnlyTest, NoTruncationIsTaken) {
  const Bytes der =
      testdata::LoadCase("certs_only", "rfc7030_a3_simpleenroll").data;
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(ParseCertsOnlyDer(ByteView(der).first(size)).ok()) << size;
  }
}

TEST(CertsOnlyTest, WritesTheGivenOrder) {
  const Bytes leaf = testdata::LoadCase("certificate", "leaf").data;
  const Bytes ca = testdata::LoadCase("certificate", "ca").data;
  for (const std::vector<Bytes>& order :
       {std::vector<Bytes>{leaf, ca}, std::vector<Bytes>{ca, leaf}}) {
    const absl::StatusOr<Bytes> der = SerializeCertsOnlyDer(order);
    ASSERT_TRUE(der.ok()) << der.status();
    const absl::StatusOr<CertsOnly> back = ParseCertsOnlyDer(*der);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(back->certificates.size(), 2u);
    EXPECT_EQ(back->certificates[0].der, order[0]);
    EXPECT_EQ(back->certificates[1].der, order[1]);
  }
}

TEST(CertsOnlyTest, OpensslPrintsWhatWeWrite) {
  const Bytes leaf = testdata::LoadCase("certificate", "leaf").data;
  const absl::StatusOr<Bytes> der = SerializeCertsOnlyDer({leaf});
  ASSERT_TRUE(der.ok());
  const std::string path = testdata::WriteScratch("p7", *der);
  const auto seen =
      testdata::RunOpenssl("pkcs7 -inform DER -print_certs -in " + path);
  EXPECT_EQ(seen.exit_code, 0) << seen.output;
  EXPECT_TRUE(absl::StrContains(seen.output, SerializeCertificatePem(leaf)))
      << seen.output;
}

TEST(CertsOnlyTest, OpensslPrintsWhatWeRead) {
  for (const testdata::Case& test : testdata::LoadCases("certs_only")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<CertsOnly> message = ParseCertsOnlyDer(test.data);
    ASSERT_TRUE(message.ok());
    const std::string path = testdata::WriteScratch("p7", test.data);
    const auto seen =
        testdata::RunOpenssl("pkcs7 -inform DER -print_certs -in " + path);
    EXPECT_EQ(seen.exit_code, 0) << seen.output;
    std::string_view rest = seen.output;
    for (const Certificate& certificate : message->certificates) {
      const std::string pem = SerializeCertificatePem(certificate.der);
      const size_t at = rest.find(pem);
      ASSERT_NE(at, std::string_view::npos);
      rest.remove_prefix(at + pem.size());
    }
    EXPECT_FALSE(absl::StrContains(rest, "BEGIN"));
  }
}

TEST(CertsOnlyTest, RefusesToWriteNonsense) {
  const Bytes leaf = testdata::LoadCase("certificate", "leaf").data;
  EXPECT_FALSE(SerializeCertsOnlyDer(std::vector<Bytes>()).ok());
  EXPECT_FALSE(SerializeCertsOnlyDer(std::vector<Bytes>(65, leaf)).ok());
  EXPECT_FALSE(SerializeCertsOnlyDer({Bytes{0x05, 0x00}}).ok());
}

}  // namespace
}  // namespace bestow
