#include "agent/server_key/protection.h"

#include <stdlib.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/server_key/testing/key_server.h"
#include "common/base/file.h"
#include "common/cms/smime_capabilities.h"
#include "common/crypto/public_key.h"
#include "common/pki/oids.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::HasSubstr;
using Kind = KeyProtection::Kind;

class ProtectionTest : public ::testing::Test {
 protected:
  Credential Device(KeyType type, const std::vector<Extension>& extensions) {
    Credential out;
    out.key = *tpm_.CreateKey(type);
    out.certificate =
        ca_.Issue("gw-17", *TpmPublicToSpki(out.key.public_blob), extensions);
    return out;
  }
  PreSharedKeyOptions Psk(std::string_view text) {
    const std::string file = absl::StrCat(getenv("TEST_TMPDIR"), "/psk");
    EXPECT_TRUE(WriteFileAtomically(file, AsBytes(text), 0600).ok());
    return {.identifier = {0xab, 0xcd}, .file = file};
  }
  static Extension Usage(uint32_t bits) {
    return {oids::KeyUsage(), true, *SerializeKeyUsage(bits)};
  }

  FakeTpm tpm_;
  KeyCa ca_{"Test CA"};
};

TEST_F(ProtectionTest, AutoTakesTheStrongestThatThereIs) {
  const Credential ec = Device(KeyType::kEcP256, {});
  const Credential rsa = Device(KeyType::kRsa2048, {});
  const PreSharedKeyOptions psk = Psk(std::string(64, 'a') + "\n");
  EXPECT_EQ(ChooseProtection("auto", {}, std::nullopt)->kind, Kind::kTls);
  EXPECT_EQ(ChooseProtection("auto", {}, ec)->kind, Kind::kTls);
  EXPECT_EQ(ChooseProtection("auto", {}, rsa)->kind, Kind::kOwnKey);
  EXPECT_EQ(ChooseProtection("auto", psk, rsa)->kind, Kind::kPreSharedKey);
  EXPECT_EQ(ChooseProtection("auto", psk, std::nullopt)->kind,
            Kind::kPreSharedKey);
  // A key that was configured is not passed over.
  EXPECT_FALSE(ChooseProtection("auto", Psk("zz"), rsa).ok());
  EXPECT_FALSE(
      ChooseProtection("auto", {.identifier = {1}, .file = "/no/psk"}, rsa)
          .ok());
}

TEST_F(ProtectionTest, AChoiceIsThatOrAnError) {
  const Credential ec = Device(KeyType::kEcP256, {});
  const Credential rsa = Device(KeyType::kRsa2048, {});
  const PreSharedKeyOptions psk = Psk(std::string(32, 'A'));
  EXPECT_EQ(ChooseProtection("tls", psk, rsa)->kind, Kind::kTls);
  EXPECT_EQ(ChooseProtection("psk", psk, rsa)->kind, Kind::kPreSharedKey);
  EXPECT_EQ(ChooseProtection("tpm", psk, rsa)->kind, Kind::kOwnKey);
  struct {
    std::string choice;
    std::optional<Credential> current;
    std::string why;
  } const kCases[] = {
      {"psk", rsa, "server_keys.psk_id"},
      {"tpm", std::nullopt, "no certificate yet"},
      {"tpm", ec, "not RSA"},
      {"TLS", rsa, "none of auto"},
      {"", rsa, "none of auto"},
  };
  for (const auto& c : kCases) {
    auto protection = ChooseProtection(c.choice, {}, c.current);
    ASSERT_FALSE(protection.ok()) << c.choice;
    EXPECT_THAT(std::string(protection.status().message()), HasSubstr(c.why));
  }
}

// RFC 7030 4.4.1.2: keyTransport, or unrestricted.
TEST_F(ProtectionTest, KeyUsageHasTheLastWord) {
  const TpmKey key = *tpm_.CreateKey(KeyType::kRsa2048);
  const Bytes spki = *TpmPublicToSpki(key.public_blob);
  struct {
    std::vector<Extension> extensions;
    Kind kind;
  } const kCases[] = {
      {{}, Kind::kOwnKey},
      {{Usage(kDigitalSignature | kKeyEncipherment)}, Kind::kOwnKey},
      {{Usage(kDigitalSignature)}, Kind::kTls},
  };
  for (const auto& c : kCases) {
    const Credential current = {
        .key = key, .certificate = ca_.Issue("gw-17", spki, c.extensions)};
    auto chosen = ChooseProtection("auto", {}, current);
    ASSERT_TRUE(chosen.ok());
    EXPECT_EQ(chosen->kind, c.kind);
    EXPECT_EQ(ChooseProtection("tpm", {}, current).ok(),
              c.kind == Kind::kOwnKey);
  }
}

TEST_F(ProtectionTest, PreSharedKeysAreHexOfAnAesKey) {
  for (size_t digits : {32, 48, 64}) {
    auto psk = ChooseProtection("psk", Psk(std::string(digits, '5') + "\n"),
                                std::nullopt);
    ASSERT_TRUE(psk.ok()) << psk.status();
    EXPECT_EQ(psk->pre_shared_key.bytes(), ByteView(Bytes(digits / 2, 0x55)));
    EXPECT_EQ(psk->identifier, (Bytes{0xab, 0xcd}));
  }
  auto mixed =
      ChooseProtection("psk", Psk("0123456789abcdefABCDEF9876543210"), {});
  ASSERT_TRUE(mixed.ok());
  EXPECT_EQ(ToBytes(mixed->pre_shared_key.bytes()),
            (Bytes{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xab, 0xcd,
                   0xef, 0x98, 0x76, 0x54, 0x32, 0x10}));
  for (std::string text :
       {std::string(), std::string(31, '5'), std::string(33, '5'),
        std::string(34, '5'), std::string(66, '5'), std::string(31, '5') + "g",
        std::string(16, '5') + "\n" + std::string(15, '5')}) {
    EXPECT_FALSE(ChooseProtection("psk", Psk(text), std::nullopt).ok()) << text;
  }
}

TEST_F(ProtectionTest, TheRequestNamesTheKeyAndWhatCanBeDecrypted) {
  Pkcs10Template plain;
  ASSERT_TRUE(AskForProtection({}, &plain).ok());
  EXPECT_FALSE(plain.decrypt_key_identifier || plain.smime_capabilities ||
               plain.asymmetric_decrypt_key_identifier);

  auto psk = ChooseProtection("psk", Psk(std::string(48, '5')), std::nullopt);
  Pkcs10Template shared;
  ASSERT_TRUE(AskForProtection(*psk, &shared).ok());
  EXPECT_EQ(shared.decrypt_key_identifier, (Bytes{0xab, 0xcd}));
  EXPECT_FALSE(shared.asymmetric_decrypt_key_identifier);
  auto list = cms::ParseSmimeCapabilitiesDer(*shared.smime_capabilities);
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_TRUE(cms::ChooseForKek(&*list, 24).ok());
  // A key wrap that was not listed is not the server's to choose.
  EXPECT_FALSE(cms::ChooseForKek(&*list, 32).ok());

  const Credential rsa = Device(KeyType::kRsa2048, {});
  auto own = ChooseProtection("tpm", {}, rsa);
  Pkcs10Template tpm;
  ASSERT_TRUE(AskForProtection(*own, &tpm).ok());
  EXPECT_EQ(tpm.asymmetric_decrypt_key_identifier,
            rsa.certificate.subject_key_id);
  EXPECT_FALSE(tpm.decrypt_key_identifier);
  list = cms::ParseSmimeCapabilitiesDer(*tpm.smime_capabilities);
  ASSERT_TRUE(list.ok()) << list.status();
  auto algorithms = cms::ChooseForPublicKey(&*list, rsa.certificate.spki);
  ASSERT_TRUE(algorithms.ok()) << algorithms.status();
  EXPECT_EQ(algorithms->oaep_hash, cms::Hash::kSha256);
}

}  // namespace
}  // namespace bestow::agent
