#include "common/cms/enveloped_data.h"

#include <string>

#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::cms {
namespace {

using Kind = RecipientInfo::Kind;

TEST(EnvelopedDataTest, EveryCaseComesBackFromItsParts) {
  testdata::ExpectRoundTrips(
      "enveloped_data", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<EnvelopedData> data = ParseEnvelopedDataDer(der);
        if (!data.ok()) return data.status();
        return SerializeEnvelopedDataDer(*data);
      });
}

TEST(EnvelopedDataTest, NoTruncationIsTaken) {
  const Bytes der = testdata::LoadCase("enveloped_data", "every_kind").data;
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(ParseEnvelopedDataDer(ByteView(der).first(size)).ok()) << size;
  }
}

TEST(EnvelopedDataTest, KnowsTheKindsOfRecipients) {
  const auto kinds = [](const char* name) {
    const absl::StatusOr<EnvelopedData> data =
        ParseEnvelopedDataDer(testdata::LoadCase("enveloped_data", name).data);
    EXPECT_TRUE(data.ok()) << name << data.status();
    std::vector<Kind> out;
    for (const RecipientInfo& info : data->recipients) {
      out.push_back(info.kind);
    }
    return out;
  };
  for (const char* name : {"kek", "kek_256", "kek_wrap_null", "openssl_kek"}) {
    EXPECT_EQ(kinds(name), std::vector<Kind>{Kind::kKek}) << name;
  }
  for (const char* name :
       {"ktri_issuer", "ktri_key_id", "ktri_oaep_sha1", "ktri_oaep_label",
        "openssl_oaep", "openssl_oaep_sha256"}) {
    EXPECT_EQ(kinds(name), std::vector<Kind>{Kind::kKeyTransport}) << name;
  }
  for (const char* name :
       {"kari_issuer", "kari_key_id", "kari_ukm", "kari_key_parameters",
        "openssl_ec", "openssl_ec_sha384"}) {
    EXPECT_EQ(kinds(name), std::vector<Kind>{Kind::kKeyAgreement}) << name;
  }
  EXPECT_EQ(kinds("every_kind"),
            (std::vector<Kind>{Kind::kKeyTransport, Kind::kKeyAgreement,
                               Kind::kKek}));
  // RSA PKCS #1 v1.5, a label, other versions and wraps among them.
  EXPECT_EQ(kinds("other_kinds"), std::vector<Kind>(10, Kind::kOther));
}

TEST(EnvelopedDataTest, MatchesByWhicheverNameIsGiven) {
  const RecipientId by_key_id = {.subject_key_id = Bytes{1, 2}};
  const RecipientId by_issuer = {.issuer = {0x30, 0}, .serial = {5}};
  const RecipientNames all = {{1, 2}, {0x30, 0}, {5}};
  EXPECT_TRUE(Matches(by_key_id, all));
  EXPECT_TRUE(Matches(by_issuer, all));
  EXPECT_FALSE(Matches(by_key_id, {{1, 3}, {0x30, 0}, {5}}));
  EXPECT_FALSE(Matches(by_issuer, {{1, 2}, {0x30, 0}, {6}}));
  EXPECT_FALSE(Matches(by_issuer, {{1, 2}, {0x31, 0}, {5}}));
  // A name that is missing is nobody's.
  EXPECT_FALSE(Matches({.subject_key_id = Bytes{}}, {{}, {0x30, 0}, {5}}));
  EXPECT_FALSE(Matches(RecipientId{}, RecipientNames{{1, 2}, {}, {}}));
}

}  // namespace
}  // namespace bestow::cms
