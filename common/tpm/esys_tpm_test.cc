#include "common/tpm/esys_tpm.h"

#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/rsa_pss.h"
#include "common/tpm/testing/swtpm.h"
#include "common/tpm/testing/tpm_handles.h"
#include "common/tpm/tpm_public.h"
#include "common/tpm/tss2_key_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;

constexpr SignatureAlgorithm kEcdsa = SignatureAlgorithm::kEcdsaP256Sha256;

absl::Status Verify(SignatureAlgorithm algorithm, ByteView spki,
                    std::string_view message, ByteView signature) {
  der::Writer writer;
  AddSignatureAlgorithm(writer, algorithm);
  return VerifySignature(*writer.Finish(), spki, AsBytes(message), signature);
}

class EsysTpmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto swtpm = Swtpm::Start();
    ASSERT_TRUE(swtpm.ok()) << swtpm.status();
    swtpm_ = *std::move(swtpm);
    tpm_ = std::make_unique<EsysTpm>(swtpm_->tcti());
  }

  // Of others, until the TPM has no slot left.
  void FillSlots() {
    absl::Status left;
    int slots = 0;
    while ((left = LeaveForeignObject(swtpm_->tcti())).ok()) ++slots;
    EXPECT_EQ(TpmActionOf(left), TpmAction::kFreeMemory) << left;
    EXPECT_EQ(slots, 3);
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<EsysTpm> tpm_;
};

TEST_F(EsysTpmTest, NoFreeMemoryIsSaidWithWhatToDo) {
  auto key = tpm_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(key.ok()) << key.status();
  FillSlots();
  for (const absl::Status& status :
       {tpm_->Check(), tpm_->CreateKey(KeyType::kEcP256).status(),
        tpm_->Sign(*key, kEcdsa, AsBytes("x")).status()}) {
    EXPECT_EQ(TpmActionOf(status), TpmAction::kFreeMemory) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no free memory"));
  }
  // The slots come free: it goes on.
  ASSERT_TRUE(swtpm_->Resume().ok());
  EXPECT_TRUE(tpm_->Sign(*key, kEcdsa, AsBytes("x")).ok());
}

TEST_F(EsysTpmTest, TwoSlotsAreEnough) {
  ASSERT_TRUE(LeaveForeignObject(swtpm_->tcti()).ok());
  auto key = tpm_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(key.ok()) << key.status();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(tpm_->Sign(*key, kEcdsa, AsBytes("x")).ok());
  }
}

TEST_F(EsysTpmTest, AKeyOutlivesTheTpmsRestart) {
  auto key = tpm_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(key.ok()) << key.status();
  swtpm_->Stop();
  auto signature = tpm_->Sign(*key, kEcdsa, AsBytes("x"));
  EXPECT_EQ(TpmActionOf(signature.status()), TpmAction::kUnreachable)
      << signature.status();
  ASSERT_TRUE(swtpm_->Resume().ok());
  EXPECT_TRUE(tpm_->Sign(*key, kEcdsa, AsBytes("x")).ok());
}

TEST_F(EsysTpmTest, ADamagedKeyIsLostAndAMalformedOneGivenUp) {
  auto key = tpm_->CreateKey(KeyType::kEcP256);
  ASSERT_TRUE(key.ok()) << key.status();
  TpmKey damaged = *key;
  damaged.private_blob.back() ^= 1;
  EXPECT_EQ(TpmActionOf(tpm_->Sign(damaged, kEcdsa, AsBytes("x")).status()),
            TpmAction::kKeyLost);
  TpmKey longer = *key;
  longer.private_blob.push_back(0);
  EXPECT_EQ(TpmActionOf(tpm_->Sign(longer, kEcdsa, AsBytes("x")).status()),
            TpmAction::kGiveUp);
  TpmKey elsewhere = *key;
  elsewhere.parent = 0x4000000C;  // the platform hierarchy
  EXPECT_EQ(TpmActionOf(tpm_->Sign(elsewhere, kEcdsa, AsBytes("x")).status()),
            TpmAction::kGiveUp);
}

// CreateKey() asks before it makes a key. A TPM's own words for "I have no such
// keys" are told from its words for anything else.
TEST_F(EsysTpmTest, TheTpmSaysWhichKeysItLacks) {
  auto esys = EsysSession::Open(swtpm_->tcti());
  ASSERT_TRUE(esys.ok()) << esys.status();
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048,
                       KeyType::kRsa3072}) {
    EXPECT_TRUE((*esys)->CheckSupported(type).ok()) << KeyTypeName(type);
  }
  EXPECT_EQ(TpmActionOf((*esys)->CheckSupported(KeyType::kEd25519)),
            TpmAction::kUnsupported);
  TPMT_PUBLIC_PARMS parameters = {};
  parameters.type = TPM2_ALG_RSA;
  parameters.parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
  parameters.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
  parameters.parameters.rsaDetail.keyBits = 8192;
  EXPECT_TRUE(TpmLacksParameters(Esys_TestParms(
      (*esys)->esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parameters)));
  parameters = {};
  parameters.type = TPM2_ALG_ECC;
  parameters.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
  parameters.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  parameters.parameters.eccDetail.curveID = 0x00ff;
  parameters.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  EXPECT_TRUE(TpmLacksParameters(Esys_TestParms(
      (*esys)->esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parameters)));
}

TEST(EsysTpmTctiTest, SaysWhichTctiHasNoTpm) {
  for (std::string tcti :
       {"device:/dev/no-such-tpm", "swtpm:path=/tmp/no-such-socket",
        "no-such-tcti:x", "nonsense"}) {
    const absl::Status status = EsysTpm(tcti).Check();
    EXPECT_EQ(TpmActionOf(status), TpmAction::kUnreachable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(tcti));
    EXPECT_THAT(std::string(status.message()), HasSubstr("tpm.tcti"));
  }
}

// The way for chips whose PSS salts TLS 1.3 does not take.
TEST_F(EsysTpmTest, ABareRsaOperationGivesPss) {
  auto key = tpm_->CreateKey(KeyType::kRsa2048);
  ASSERT_TRUE(key.ok()) << key.status();
  auto esys = EsysSession::Open(swtpm_->tcti());
  ASSERT_TRUE(esys.ok()) << esys.status();
  auto primary = (*esys)->CreatePrimary();
  ASSERT_TRUE(primary.ok()) << primary.status();
  auto session = (*esys)->StartSession(*primary);
  ASSERT_TRUE(session.ok()) << session.status();
  auto loaded = (*esys)->Load(*primary, *session, *key);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  RsaPssSigner signer;
  RsaPssSigner::Operations tpm = {
      // What a TPM gives that salts otherwise: not what was asked for.
      .sign_pss = [](ByteView) -> absl::StatusOr<Bytes> {
        return Bytes(256, 0x01);
      },
      .raw_private = [&](ByteView block) -> absl::StatusOr<Bytes> {
        auto out = (*esys)->RsaDecrypt(*loaded, *session, TPM2_ALG_NULL, block);
        if (!out.ok()) return out.status();
        return ToBytes(out->bytes());
      }};
  const Bytes spki = *TpmPublicToSpki(key->public_blob);
  for (int i = 0; i < 8; ++i) {
    const std::string message(i, 'm');
    auto signature = signer.Sign(spki, AsBytes(message), tpm);
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(
        Verify(SignatureAlgorithm::kRsaPssSha256, spki, message, *signature)
            .ok());
  }
  EXPECT_TRUE(signer.pads_here());
}

// The bare result of a small number has leading zeros, which TPMs drop.
TEST_F(EsysTpmTest, ABareRsaOperationKeepsLeadingZeros) {
  auto key = tpm_->CreateKey(KeyType::kRsa2048);
  ASSERT_TRUE(key.ok()) << key.status();
  auto esys = EsysSession::Open(swtpm_->tcti());
  auto primary = (*esys)->CreatePrimary();
  auto session = (*esys)->StartSession(*primary);
  auto loaded = (*esys)->Load(*primary, *session, *key);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  Bytes one(256, 0);
  one.back() = 1;  // 1 to any power
  auto out = (*esys)->RsaDecrypt(*loaded, *session, TPM2_ALG_NULL, one);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->bytes(), ByteView(one));
}

// What is secret crosses the bus encrypted, both ways.
TEST_F(EsysTpmTest, ASealedSecretDoesNotCrossTheBusInClear) {
  auto log = absl::StrCat(getenv("TEST_TMPDIR"), "/bus.pcap");
  ASSERT_EQ(setenv("TCTI_PCAP_FILE", log.c_str(), 1), 0);
  EsysTpm watched("pcap:" + swtpm_->tcti());
  const std::string secret = "a secret that nobody sees";
  auto blob = watched.Seal(Secret(secret));
  ASSERT_TRUE(blob.ok()) << blob.status();
  const std::string sealing = *ReadFile(log, 1 << 20);
  auto back = watched.Unseal(*blob);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->text(), secret);
  const std::string unsealing = *ReadFile(log, 1 << 20);
  for (const std::string& seen : {sealing, unsealing}) {
    // The watch works: the public part, which is no secret, is on it.
    EXPECT_TRUE(absl::StrContains(seen, AsText(blob->public_blob)));
    EXPECT_FALSE(absl::StrContains(seen, secret));
  }
  EXPECT_NE(sealing, unsealing);
}

// Debian's tpm2-openssl loads the files and signs with the keys in the TPM.
TEST_F(EsysTpmTest, OpensslsTpm2ProviderSignsWithTheKeyFiles) {
  const std::string folder = getenv("TEST_TMPDIR");
  const std::string message = "signed by the TPM through openssl";
  ASSERT_TRUE(
      WriteFileAtomically(folder + "/message", AsBytes(message), 0600).ok());
  ASSERT_EQ(setenv("TPM2OPENSSL_TCTI", swtpm_->tcti().c_str(), 1), 0);
  const std::string provider =
      " -provider tpm2 -provider default -propquery '?provider=tpm2' ";
  struct {
    KeyType type;
    std::string digest;
  } const kCases[] = {{KeyType::kEcP256, "sha256"},
                      {KeyType::kEcP384, "sha384"},
                      {KeyType::kRsa2048, "sha256"},
                      {KeyType::kRsa3072, "sha256"}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(KeyTypeName(c.type));
    auto key = tpm_->CreateKey(c.type);
    ASSERT_TRUE(key.ok()) << key.status();
    ASSERT_TRUE(WriteFileAtomically(folder + "/key.pem",
                                    AsBytes(*SerializeTss2KeyPem(*key)), 0600)
                    .ok());
    const std::vector<std::string> commands = {
        absl::StrCat("openssl dgst -", c.digest, " -sign ", folder, "/key.pem",
                     provider, "-out ", folder, "/signature ", folder,
                     "/message"),
        absl::StrCat("openssl pkeyutl -sign -rawin -digest ", c.digest,
                     " -inkey ", folder, "/key.pem", provider, "-in ", folder,
                     "/message -out ", folder, "/signature"),
    };
    auto spki = TpmPublicToSpki(key->public_blob);
    ASSERT_TRUE(spki.ok());
    for (const std::string& command : commands) {
      unlink((folder + "/signature").c_str());
      ASSERT_EQ(system(command.c_str()), 0) << command;
      auto signature = ReadFile(folder + "/signature", 1024);
      ASSERT_TRUE(signature.ok()) << signature.status();
      EXPECT_TRUE(Verify(SignatureAlgorithmOf(c.type), *spki, message,
                         AsBytes(*signature))
                      .ok())
          << command;
    }
  }
}

}  // namespace
}  // namespace bestow
