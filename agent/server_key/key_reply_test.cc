#include "agent/server_key/key_reply.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "agent/server_key/testing/key_server.h"
#include "agent/server_key/tpm_decryptor.h"
#include "common/cms/envelop.h"
#include "common/cms/smime_capabilities.h"
#include "common/est_client/trust.h"
#include "common/pki/oids.h"
#include "common/tpm/errors.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::HasSubstr;

class KeyReplyTest : public ::testing::Test {
 protected:
  KeyReplyTest()
      : trust_(*MakeTrust({ca_.certificate()}, {}, std::nullopt)),
        pkcs8_(NewPkcs8(KeyType::kEcP256)),
        certificate_(ca_.Issue("web", SpkiOf(pkcs8_))) {
    psk_.kind = KeyProtection::Kind::kPreSharedKey;
    psk_.identifier = {1, 2, 3};
    psk_.pre_shared_key = Secret(Bytes(32, 0x5a));
  }

  KeyReplyParts Plain() {
    return {.encrypted = false,
            .key = pkcs8_.Copy(),
            .certs_only = CertsOnly({certificate_})};
  }
  // Encrypted for the pre-shared key `with`.
  KeyReplyParts ForPsk(const Secret& signed_data, const KeyProtection& with) {
    auto der = cms::EnvelopForKek(
        signed_data.bytes(), oids::CmsSignedData(),
        {.key_identifier = with.identifier, .key = with.pre_shared_key.Copy()},
        cms::ContentCipher::kAes256Cbc);
    EXPECT_TRUE(der.ok()) << der.status();
    return {.encrypted = true,
            .key = Secret(*std::move(der)),
            .certs_only = CertsOnly({certificate_})};
  }
  absl::StatusOr<ReceivedKey> Open(const KeyReplyParts& reply,
                                   const KeyProtection& protection,
                                   KeyType type = KeyType::kEcP256,
                                   absl::Time now = absl::Now()) {
    return OpenKeyReply(
        reply,
        {.protection = protection, .type = type, .trust = trust_, .now = now});
  }

  KeyCa ca_{"Test CA"};
  Trust trust_;
  Secret pkcs8_;
  Certificate certificate_;
  KeyProtection tls_;
  KeyProtection psk_;
};

// What a refusal is compared with: it says this.
void ExpectRefused(const absl::StatusOr<ReceivedKey>& key,
                   const std::string& why) {
  ASSERT_FALSE(key.ok());
  EXPECT_THAT(std::string(key.status().message()), HasSubstr(why));
}

TEST_F(KeyReplyTest, TakesAPlainKeyWithinTls) {
  auto key = Open(Plain(), tls_);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->pkcs8.bytes(), pkcs8_.bytes());
  EXPECT_EQ(key->certificate, certificate_);
}

TEST_F(KeyReplyTest, OpensWhatAPreSharedKeyEncrypts) {
  auto key = Open(ForPsk(ca_.SignKey(pkcs8_.bytes()), psk_), psk_);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->pkcs8.bytes(), pkcs8_.bytes());
  EXPECT_EQ(key->certificate, certificate_);
}

TEST_F(KeyReplyTest, TheTpmOpensWhatIsEncryptedToItsRsaKey) {
  FakeTpm tpm;
  for (KeyType type : {KeyType::kRsa2048, KeyType::kRsa3072}) {
    const TpmKey device_key = *tpm.CreateKey(type);
    const Certificate device =
        ca_.Issue("gw-17", *TpmPublicToSpki(device_key.public_blob));
    auto protection = ChooseProtection(
        "tpm", {}, Credential{.key = device_key, .certificate = device});
    ASSERT_TRUE(protection.ok()) << protection.status();
    Pkcs10Template request;
    ASSERT_TRUE(AskForProtection(*protection, &request).ok());
    // As a server does that binds itself to what the request lists.
    auto list = cms::ParseSmimeCapabilitiesDer(*request.smime_capabilities);
    ASSERT_TRUE(list.ok()) << list.status();
    auto algorithms = cms::ChooseForPublicKey(&*list, device.spki);
    ASSERT_TRUE(algorithms.ok()) << algorithms.status();
    auto recipient = cms::RecipientOf(device);
    ASSERT_TRUE(recipient.ok()) << recipient.status();
    auto der = cms::EnvelopForPublicKey(ca_.SignKey(pkcs8_.bytes()).bytes(),
                                        oids::CmsSignedData(), *recipient,
                                        *algorithms);
    ASSERT_TRUE(der.ok()) << der.status();
    const KeyReplyParts reply = {.encrypted = true,
                                 .key = Secret(*std::move(der)),
                                 .certs_only = CertsOnly({certificate_})};
    TpmDecryptor decryptor(tpm, device_key);
    const KeyReplyContext context = {.protection = *protection,
                                     .type = KeyType::kEcP256,
                                     .trust = trust_,
                                     .now = absl::Now(),
                                     .own_names = cms::NamesOf(device),
                                     .own_key = &decryptor};
    auto key = OpenKeyReply(reply, context);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->pkcs8.bytes(), pkcs8_.bytes());

    // A TPM that was cleared says so through all of it.
    tpm.Clear();
    EXPECT_EQ(TpmActionOf(OpenKeyReply(reply, context).status()),
              TpmAction::kKeyLost);
  }
}

TEST_F(KeyReplyTest, NobodyTalksUsOutOfTheEncryptionThatWasAskedFor) {
  ExpectRefused(Open(Plain(), psk_), "without the encryption");
  ExpectRefused(Open(ForPsk(ca_.SignKey(pkcs8_.bytes()), psk_), tls_),
                "not asked for");
}

TEST_F(KeyReplyTest, RefusesAnotherPreSharedKey) {
  const Secret signed_data = ca_.SignKey(pkcs8_.bytes());
  KeyProtection other{.kind = KeyProtection::Kind::kPreSharedKey,
                      .identifier = psk_.identifier,
                      .pre_shared_key = Secret(Bytes(32, 0x5b))};
  ExpectRefused(Open(ForPsk(signed_data, other), psk_), "decrypting the key");
  other.pre_shared_key = psk_.pre_shared_key.Copy();
  other.identifier = {1, 2, 4};
  ExpectRefused(Open(ForPsk(signed_data, other), psk_), "decrypting the key");
}

// Who may sign a key package: each refusal stands beside what is taken.
TEST_F(KeyReplyTest, TheSignerHasToBeOneWhoMayMakeKeys) {
  auto signer = SoftwareSigner::Generate();
  ASSERT_TRUE(signer.ok());
  const Bytes& spki = (*signer)->public_key_spki();
  KeyCa stranger("Test CA");
  const Extension ra = {oids::ExtendedKeyUsage(), false,
                        *SerializeExtendedKeyUsage({oids::KpCmcRa()})};
  const Extension server = {oids::ExtendedKeyUsage(), false,
                            *SerializeExtendedKeyUsage({oids::KpServerAuth()})};
  const Extension sub_ca = {oids::BasicConstraints(), true,
                            *SerializeBasicConstraints({.is_ca = true})};
  struct {
    Certificate with;
    std::string refusal;  // empty: taken
  } const kCases[] = {
      {ca_.Issue("registration authority", spki, {ra}), ""},
      {ca_.Issue("sub CA", spki, {sub_ca}), ""},
      {ca_.Issue("another device", spki), "neither a CA nor"},
      {ca_.Issue("some server", spki, {server}), "neither a CA nor"},
      {stranger.Issue("registration authority", spki, {ra}), "not trusted"},
      {stranger.Issue("sub CA", spki, {sub_ca}), "not trusted"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.with.subject.ToText());
    auto key = Open(
        ForPsk(KeyCa::SignKeyBy(**signer, c.with, pkcs8_.bytes()), psk_), psk_);
    if (c.refusal.empty()) {
      EXPECT_TRUE(key.ok()) << key.status();
    } else {
      ExpectRefused(key, c.refusal);
    }
  }
  ExpectRefused(Open(ForPsk(stranger.SignKey(pkcs8_.bytes()), psk_), psk_),
                "not trusted");
}

TEST_F(KeyReplyTest, RefusesWhatIsNotSigned) {
  // A key package, or a bare key, where SignedData has to be.
  ExpectRefused(Open(ForPsk(pkcs8_, psk_), psk_), "the signed key");
  Secret damaged = ca_.SignKey(pkcs8_.bytes());
  Bytes octets = ToBytes(damaged.bytes());
  octets.back() ^= 1;
  ExpectRefused(Open(ForPsk(Secret(octets), psk_), psk_), "the signed key");
  KeyReplyParts reply = ForPsk(damaged, psk_);
  reply.key = Secret("not CMS");
  ExpectRefused(Open(reply, psk_), "the encrypted key");
}

TEST_F(KeyReplyTest, RefusesAKeyOfAnotherTypeOrNone) {
  ExpectRefused(Open(Plain(), tls_, KeyType::kEcP384), "ec-p256");
  KeyReplyParts reply = Plain();
  reply.key = Secret("not a key");
  ExpectRefused(Open(reply, tls_), "the server's key");
  reply.key = Secret();
  ExpectRefused(Open(reply, tls_), "the server's key");
}

TEST_F(KeyReplyTest, TheCertificateHasToBeForTheKeyAndFromTheCa) {
  KeyReplyParts reply = Plain();
  const Bytes another = SpkiOf(NewPkcs8(KeyType::kEcP256));
  reply.certs_only = CertsOnly({ca_.Issue("web", another)});
  ExpectRefused(Open(reply, tls_), "no certificate for the key");
  reply.certs_only = CertsOnly({KeyCa("Test CA").Issue("web", SpkiOf(pkcs8_))});
  ExpectRefused(Open(reply, tls_), "can't be used");
  reply.certs_only = {0x30, 0x00};
  ExpectRefused(Open(reply, tls_), "");
  ExpectRefused(
      Open(Plain(), tls_, KeyType::kEcP256, absl::Now() + absl::Hours(48)),
      "expired");
  EXPECT_TRUE(Open(Plain(), tls_).ok());
}

TEST_F(KeyReplyTest, WithoutAnchorsNothingIsTaken) {
  trust_ = Trust();
  ExpectRefused(Open(Plain(), tls_), "no CA is trusted");
  ExpectRefused(Open(ForPsk(ca_.SignKey(pkcs8_.bytes()), psk_), psk_),
                "no CA is trusted");
}

}  // namespace
}  // namespace bestow::agent
