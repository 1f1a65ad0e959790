#include "common/crypto/public_key.h"

#include <fstream>
#include <iterator>
#include <string>

#include "common/der/oid.h"
#include "common/der/writer.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

TEST(PublicKeyTest, StrengthOfEveryCase) {
  testdata::ExpectRoundTrips(
      "public_key", [](ByteView spki) -> absl::StatusOr<Bytes> {
        absl::Status status = CheckPublicKeyStrength(spki);
        if (!status.ok()) return status;
        return ToBytes(spki);
      });
}

TEST(PublicKeyTest, Sha256OfNothingIsKnown) {
  EXPECT_EQ(HexEncode(Sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexEncode(Bytes{0x00, 0xAB}), "00ab");
}

// RFC 5280 4.2.1.2 method 1, as openssl's "hash" has it.
TEST(PublicKeyTest, KeyIdentifierIsOpenssls) {
  for (const char* name : {"p256", "rsa2048"}) {
    const Bytes spki = testdata::LoadCase("public_key", name).data;
    const std::string path = testdata::WriteScratch("spki", spki);
    const std::string parsed =
        testdata::RunOpenssl("asn1parse -inform DER -in " + path).output;
    // The BIT STRING is the last element; -strparse gives its content.
    const size_t line = parsed.rfind("\n", parsed.size() - 2) + 1;
    const std::string offset =
        parsed.substr(line, parsed.find(':', line) - line);
    const std::string out = testdata::WriteScratch("bits", {});
    ASSERT_EQ(testdata::RunOpenssl("asn1parse -inform DER -in " + path +
                                   " -offset " + offset + " -noout -out " + out)
                  .exit_code,
              0);
    // Tag, length and the count of unused bits go first.
    const size_t header = spki.size() < 128 ? 3 : 5;
    const auto digest = testdata::RunOpenssl(
        "dgst -sha1 -r " +
        testdata::WriteScratch(
            "content", ByteView(spki).subspan(std::stoi(offset) + header)));
    EXPECT_EQ(HexEncode(KeyIdentifier(spki)), digest.output.substr(0, 40))
        << name;
  }
}

TEST(PublicKeyTest, KeyIdentifierOfGarbageIsEmpty) {
  EXPECT_TRUE(KeyIdentifier({}).empty());
  EXPECT_TRUE(KeyIdentifier(AsBytes("garbage")).empty());
}

constexpr der::Tag kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
constexpr char kSha1[] = "1.3.14.3.2.26";
constexpr char kSha256[] = "2.16.840.1.101.3.4.2.1";
constexpr char kSha384[] = "2.16.840.1.101.3.4.2.2";
constexpr char kSha512[] = "2.16.840.1.101.3.4.2.3";
constexpr char kMgf1[] = "1.2.840.113549.1.1.8";

// RSASSA-PSS-params; a nullptr or negative one is left out.
struct Pss {
  const char* hash = kSha256;
  const char* mask_hash = kSha256;
  int salt = 32;
  int trailer = -1;
  const char* mask = kMgf1;
  bool null = true;  // beside the hashes
  bool more = false;

  Bytes Der() const {
    const auto add_hash = [this](der::Writer& w, const char* oid) {
      w.AddSequence([&](der::Writer& id) {
        id.AddOid(der::OidLiteral(oid));
        if (null) id.AddNull();
      });
    };
    der::Writer writer;
    writer.AddSequence([&](der::Writer& fields) {
      fields.AddOid(der::OidLiteral("1.2.840.113549.1.1.10"));
      fields.AddSequence([&](der::Writer& params) {
        if (hash != nullptr) {
          params.Add(kContext | 0, [&](der::Writer& w) { add_hash(w, hash); });
        }
        if (mask_hash != nullptr) {
          params.Add(kContext | 1, [&](der::Writer& w) {
            w.AddSequence([&](der::Writer& mgf) {
              mgf.AddOid(der::OidLiteral(mask));
              add_hash(mgf, mask_hash);
            });
          });
        }
        if (salt >= 0) {
          params.Add(kContext | 2, [&](der::Writer& w) { w.AddUint(salt); });
        }
        if (trailer >= 0) {
          params.Add(kContext | 3, [&](der::Writer& w) { w.AddUint(trailer); });
        }
        if (more) params.AddNull();
      });
    });
    return *writer.Finish();
  }
};

// RFC 4055 3.1, on what openssl signs.
TEST(PublicKeyTest, PssIsTakenInItsStrongForms) {
  const std::string key = testdata::WriteScratch("pss.key", {});
  const std::string spki_file = testdata::WriteScratch("pss.spki", {});
  ASSERT_EQ(testdata::RunOpenssl("genrsa -out " + key + " 2048").exit_code, 0);
  ASSERT_EQ(testdata::RunOpenssl("pkey -pubout -outform DER -in " + key +
                                 " -out " + spki_file)
                .exit_code,
            0);
  const auto read = [](const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return ToBytes(AsBytes(text));
  };
  const Bytes spki = read(spki_file);
  const std::string message = testdata::WriteScratch("message", AsBytes("abc"));
  const auto sign = [&](const std::string& digest, int salt) {
    const std::string out = testdata::WriteScratch("pss.signature", {});
    const auto result = testdata::RunOpenssl(
        "dgst -" + digest + " -sign " + key +
        " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:" +
        std::to_string(salt) + " -out " + out + " " + message);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return read(out);
  };
  const auto verify = [&](const Pss& pss, const Bytes& signature) {
    return VerifySignature(pss.Der(), spki, AsBytes("abc"), signature).code();
  };
  const Pss sha256, sha384 = {kSha384, kSha384, 48},
                    sha512 = {kSha512, kSha512, 64};
  const Bytes signature = sign("sha256", 32);
  EXPECT_EQ(verify(sha256, signature), absl::StatusCode::kOk);
  EXPECT_EQ(verify(sha384, sign("sha384", 48)), absl::StatusCode::kOk);
  EXPECT_EQ(verify(sha512, sign("sha512", 64)), absl::StatusCode::kOk);
  // "Implementations that perform signature validation MUST recognize both a
  // present trailerField field with value 1 and an absent trailerField field."
  EXPECT_EQ(verify({.trailer = 1}, signature), absl::StatusCode::kOk);
  EXPECT_EQ(verify({.null = false}, signature), absl::StatusCode::kOk);
  // The salt, the hash or the padding is another one.
  EXPECT_EQ(verify(sha256, sign("sha256", 20)),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(verify(sha384, signature), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(verify(sha256, Bytes(256)), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(verify(sha256, {}), absl::StatusCode::kPermissionDenied);
  for (const Pss& pss : {
           Pss{.salt = 20},
           Pss{.salt = -1},
           Pss{.hash = nullptr},
           Pss{.mask_hash = nullptr},
           Pss{.mask_hash = kSha1},
           Pss{.mask_hash = kSha384},
           Pss{.hash = kSha1, .mask_hash = kSha1},
           Pss{.hash = nullptr, .mask_hash = nullptr, .salt = -1},
           Pss{.trailer = 2},
           Pss{.mask = "1.2.3"},
           Pss{.more = true},
       }) {
    EXPECT_EQ(verify(pss, signature), absl::StatusCode::kInvalidArgument);
  }
}

TEST(PublicKeyTest, MalformedAlgorithmIsRefused) {
  const Bytes spki = testdata::LoadCase("public_key", "p256").data;
  EXPECT_EQ(VerifySignature({}, spki, {}, {}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(VerifySignature(AsBytes("x"), spki, {}, {}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bestow
