#include "common/cms/smime_capabilities.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/crypto/signer.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::cms {
namespace {

TEST(SmimeCapabilitiesTest, EveryCaseComesBack) {
  testdata::ExpectRoundTrips(
      "smime_capabilities", [](ByteView der) -> absl::StatusOr<Bytes> {
        absl::StatusOr<SmimeCapabilities> list = ParseSmimeCapabilitiesDer(der);
        if (!list.ok()) return list.status();
        return SerializeSmimeCapabilitiesDer(*list);
      });
}

TEST(SmimeCapabilitiesTest, OursComeBackAndServeEveryKey) {
  const SmimeCapabilities ours = OurCapabilities();
  const absl::StatusOr<Bytes> der = SerializeSmimeCapabilitiesDer(ours);
  ASSERT_TRUE(der.ok());
  const absl::StatusOr<SmimeCapabilities> back =
      ParseSmimeCapabilitiesDer(*der);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, ours);
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048}) {
    EXPECT_TRUE(ChooseForPublicKey(
                    &ours, (*SoftwareSigner::Generate(type))->public_key_spki())
                    .ok());
  }
  for (size_t size : {16, 24, 32}) EXPECT_TRUE(ChooseForKek(&ours, size).ok());
}

// What a client may list, and what it is called below.
Bytes Element(void (*add)(der::Writer&)) {
  der::Writer writer;
  add(writer);
  return *writer.Finish();
}
// An AlgorithmIdentifier's octets are a capability's.
SmimeCapabilities List(const std::vector<Bytes>& elements) {
  Bytes all;
  for (const Bytes& element : elements) {
    all.insert(all.end(), element.begin(), element.end());
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& w) { w.AddElement(all); });
  absl::StatusOr<SmimeCapabilities> list =
      ParseSmimeCapabilitiesDer(*writer.Finish());
  EXPECT_TRUE(list.ok()) << list.status();
  return *list;
}
Bytes OidAlone(const der::Oid& oid) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& w) { w.AddOid(oid); });
  return *writer.Finish();
}
// RFC 3560 5's octets.
const Bytes kUntaggedOaepSha256 = [] {
  der::Writer writer;
  writer.AddSequence([](der::Writer& w) {
    w.AddOid(oids::RsaesOaep());
    w.AddSequence([](der::Writer& parameters) {
      const auto hash = [](der::Writer& h) {
        h.AddSequence([](der::Writer& id) {
          id.AddOid(oids::Sha256());
          id.AddNull();
        });
      };
      hash(parameters);
      parameters.AddSequence([&](der::Writer& mask) {
        mask.AddOid(oids::Mgf1());
        hash(mask);
      });
    });
  });
  return *writer.Finish();
}();

class ChooseTest : public ::testing::Test {
 protected:
  static Bytes SpkiOf(KeyType type) {
    return (*SoftwareSigner::Generate(type))->public_key_spki();
  }
  const Bytes aes128_ = OidAlone(oids::Aes128Cbc());
  const Bytes aes256_ = OidAlone(oids::Aes256Cbc());
  const Bytes wrap128_ = OidAlone(oids::Aes128Wrap());
  const Bytes wrap256_ = OidAlone(oids::Aes256Wrap());
  const Bytes triple_des_ = OidAlone(der::OidLiteral("1.2.840.113549.3.7"));
  const Bytes gcm_ = OidAlone(der::OidLiteral("2.16.840.1.101.3.4.1.6"));
  const Bytes pkcs1_ = OidAlone(oids::RsaEncryption());
  const Bytes oaep256_ =
      Element([](der::Writer& w) { AddOaep(w, Hash::kSha256); });
  const Bytes oaep1_ = Element([](der::Writer& w) { AddOaep(w, Hash::kSha1); });
  const Bytes ecdh256_ = Element([](der::Writer& w) {
    AddKeyAgreement(w, Hash::kSha256, KeyWrap::kAes128);
  });
  const Bytes ecdh384_ = Element([](der::Writer& w) {
    AddKeyAgreement(w, Hash::kSha384, KeyWrap::kAes256);
  });
  const Bytes ecdh1_ = Element([](der::Writer& w) {
    AddKeyAgreement(w, Hash::kSha1, KeyWrap::kAes128);
  });
};

// RFC 7030 4.4.2: "keyEncryptionAlgorithm is set to one of the key wrap
// algorithms that the client included in the SMIMECapabilities".
TEST_F(ChooseTest, ForAKek) {
  const struct {
    size_t size;
    std::vector<Bytes> list;
    std::optional<ContentCipher> content;
  } kCases[] = {
      {16, {wrap128_, aes128_}, ContentCipher::kAes128Cbc},
      {16, {aes256_, aes128_, wrap128_}, ContentCipher::kAes256Cbc},
      {16, {gcm_, aes128_, aes256_, wrap128_}, ContentCipher::kAes128Cbc},
      {32, {wrap128_, wrap256_, aes128_}, ContentCipher::kAes128Cbc},
      // No content encryption is listed at all: as strong as the key.
      {16, {wrap128_}, ContentCipher::kAes128Cbc},
      {32, {wrap256_}, ContentCipher::kAes256Cbc},
      // The key's own wrap is not listed.
      {32, {wrap128_, aes128_}, std::nullopt},
      {16, {wrap256_, aes128_}, std::nullopt},
      {16, {aes128_}, std::nullopt},
      {16, {}, std::nullopt},
      // Other content encryption alone.
      {16, {wrap128_, triple_des_}, std::nullopt},
      {16, {wrap128_, gcm_}, std::nullopt},
      // No key of AES.
      {20, {wrap128_, aes128_}, std::nullopt},
  };
  for (const auto& test : kCases) {
    const SmimeCapabilities list = List(test.list);
    const absl::StatusOr<EnvelopeAlgorithms> chosen =
        ChooseForKek(&list, test.size);
    EXPECT_EQ(chosen.ok(), test.content.has_value()) << chosen.status();
    if (chosen.ok()) {
      EXPECT_EQ(chosen->content, *test.content);
      EXPECT_EQ(KeyBytes(chosen->key_wrap), test.size);
    } else {
      EXPECT_EQ(chosen.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
  const SmimeCapabilities list = List({wrap128_, triple_des_});
  EXPECT_TRUE(absl::StrContains(ChooseForKek(&list, 16).status().message(),
                                "aes128-CBC, aes256-CBC"));
}

TEST_F(ChooseTest, ForAnRsaKey) {
  const struct {
    std::vector<Bytes> list;
    std::optional<Hash> hash;
  } kCases[] = {
      {{oaep256_, aes128_}, Hash::kSha256},
      {{kUntaggedOaepSha256, aes128_}, Hash::kSha256},
      {{OidAlone(oids::RsaesOaep()), aes128_}, Hash::kSha256},
      {{pkcs1_, oaep1_, oaep256_, aes128_}, Hash::kSha256},
      // SHA-1 only where there is nothing else.
      {{oaep1_, aes128_}, Hash::kSha1},
      {{pkcs1_, aes128_}, std::nullopt},
      {{wrap128_, ecdh256_, aes128_}, std::nullopt},
      {{aes128_}, std::nullopt},
      {{}, std::nullopt},
      {{oaep256_, triple_des_}, std::nullopt},
  };
  const Bytes spki = SpkiOf(KeyType::kRsa2048);
  for (const auto& test : kCases) {
    const SmimeCapabilities list = List(test.list);
    const absl::StatusOr<EnvelopeAlgorithms> chosen =
        ChooseForPublicKey(&list, spki);
    EXPECT_EQ(chosen.ok(), test.hash.has_value()) << chosen.status();
    if (chosen.ok()) {
      EXPECT_EQ(chosen->oaep_hash, *test.hash);
    } else {
      EXPECT_EQ(chosen.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST_F(ChooseTest, ForAnEcKey) {
  struct Chosen {
    Hash kdf;
    KeyWrap wrap;
  };
  const struct {
    KeyType type;
    std::vector<Bytes> list;
    std::optional<Chosen> chosen;
  } kCases[] = {
      {KeyType::kEcP256, {ecdh256_}, Chosen{Hash::kSha256, KeyWrap::kAes128}},
      {KeyType::kEcP256,
       {ecdh384_, ecdh256_},
       Chosen{Hash::kSha384, KeyWrap::kAes256}},
      {KeyType::kEcP384, {ecdh256_}, Chosen{Hash::kSha256, KeyWrap::kAes128}},
      // A key wrap alone, as RFC 7030 4.4.2 speaks of it.
      {KeyType::kEcP256, {wrap256_}, Chosen{Hash::kSha256, KeyWrap::kAes256}},
      {KeyType::kEcP384, {wrap128_}, Chosen{Hash::kSha384, KeyWrap::kAes128}},
      {KeyType::kEcP256,
       {wrap256_, ecdh256_},
       Chosen{Hash::kSha256, KeyWrap::kAes128}},
      {KeyType::kEcP256, {ecdh1_}, std::nullopt},
      {KeyType::kEcP256, {oaep256_}, std::nullopt},
      {KeyType::kEcP256, {}, std::nullopt},
      {KeyType::kEcP256, {ecdh256_, gcm_}, std::nullopt},
  };
  for (const auto& test : kCases) {
    const SmimeCapabilities list = List(test.list);
    const absl::StatusOr<EnvelopeAlgorithms> chosen =
        ChooseForPublicKey(&list, SpkiOf(test.type));
    EXPECT_EQ(chosen.ok(), test.chosen.has_value()) << chosen.status();
    if (chosen.ok()) {
      EXPECT_EQ(chosen->kdf, test.chosen->kdf);
      EXPECT_EQ(chosen->key_wrap, test.chosen->wrap);
    } else {
      EXPECT_EQ(chosen.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
}

// RFC 7030 4.4.2: "The cryptographic strength of the symmetric encryption key
// SHOULD be equivalent to the client-specified asymmetric key."
TEST_F(ChooseTest, WithoutAListAsStrongAsTheKey) {
  EXPECT_EQ(ChooseForKek(nullptr, 16)->content, ContentCipher::kAes128Cbc);
  EXPECT_EQ(ChooseForKek(nullptr, 32)->content, ContentCipher::kAes256Cbc);
  const absl::StatusOr<EnvelopeAlgorithms> p256 =
      ChooseForPublicKey(nullptr, SpkiOf(KeyType::kEcP256));
  const absl::StatusOr<EnvelopeAlgorithms> p384 =
      ChooseForPublicKey(nullptr, SpkiOf(KeyType::kEcP384));
  ASSERT_TRUE(p256.ok() && p384.ok());
  EXPECT_EQ(p256->content, ContentCipher::kAes128Cbc);
  EXPECT_EQ(p256->kdf, Hash::kSha256);
  EXPECT_EQ(p256->key_wrap, KeyWrap::kAes128);
  EXPECT_EQ(p384->content, ContentCipher::kAes256Cbc);
  EXPECT_EQ(p384->kdf, Hash::kSha384);
  EXPECT_EQ(p384->key_wrap, KeyWrap::kAes256);
  EXPECT_EQ(ChooseForPublicKey(nullptr, SpkiOf(KeyType::kRsa2048))->oaep_hash,
            Hash::kSha256);
  EXPECT_EQ(
      ChooseForPublicKey(nullptr, SpkiOf(KeyType::kEd25519)).status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(ChooseForPublicKey(nullptr, AsBytes("x")).ok());
}

}  // namespace
}  // namespace bestow::cms
