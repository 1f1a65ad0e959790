#include "common/crypto/signer.h"

#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

Bytes EcdsaSha256() {
  der::Writer writer;
  writer.AddSequence([](der::Writer& w) { w.AddOid(oids::EcdsaWithSha256()); });
  return *writer.Finish();
}

TEST(SoftwareSignerTest, SignsWhatItsKeyVerifies) {
  auto signer = SoftwareSigner::Generate();
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_TRUE(CheckPublicKeyStrength((*signer)->public_key_spki()).ok());
  const Bytes message = ToBytes(AsBytes("message"));
  absl::StatusOr<Bytes> signature = SignAndWait(**signer, message);
  ASSERT_TRUE(signature.ok()) << signature.status();
  const Bytes& spki = (*signer)->public_key_spki();
  EXPECT_TRUE(VerifySignature(EcdsaSha256(), spki, message, *signature).ok());
  EXPECT_EQ(VerifySignature(EcdsaSha256(), spki, AsBytes("massage"), *signature)
                .code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(SoftwareSignerTest, KeysComeBackFromPem) {
  auto signer = SoftwareSigner::Generate();
  ASSERT_TRUE(signer.ok());
  absl::StatusOr<Secret> pem = (*signer)->ToPkcs8Pem();
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_TRUE(absl::StartsWith(pem->text(), "-----BEGIN PRIVATE KEY-----\n"));
  auto back = SoftwareSigner::FromPkcs8Pem(*pem);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ((*back)->public_key_spki(), (*signer)->public_key_spki());
}

TEST(SoftwareSignerTest, OpensslReadsThePemAndVerifies) {
  auto signer = SoftwareSigner::Generate();
  ASSERT_TRUE(signer.ok());
  absl::StatusOr<Secret> pem = (*signer)->ToPkcs8Pem();
  ASSERT_TRUE(pem.ok());
  const std::string key = testdata::WriteScratch("key.pem", pem->bytes());
  const std::string message = testdata::WriteScratch("message", AsBytes("abc"));
  absl::StatusOr<Bytes> signature = SignAndWait(**signer, AsBytes("abc"));
  ASSERT_TRUE(signature.ok());
  const std::string file = testdata::WriteScratch("signature", *signature);
  const auto result = testdata::RunOpenssl(
      "dgst -sha256 -prverify " + key + " -signature " + file + " " + message);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_TRUE(absl::StrContains(result.output, "Verified OK"));
}

TEST(SoftwareSignerTest, RejectsOtherPem) {
  const auto make = [](std::string arguments) {
    const std::string path = testdata::WriteScratch("other.pem", {});
    const auto result = testdata::RunOpenssl(arguments + " -out " + path);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return testdata::RunOpenssl("pkey -in " + path).output;
  };
  for (const std::string& arguments :
       {std::string("genpkey -algorithm ED25519"),
        std::string("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
        std::string("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024")}) {
    const std::string pem = make(arguments);
    ASSERT_TRUE(absl::StrContains(pem, "BEGIN PRIVATE KEY")) << pem;
    EXPECT_EQ(SoftwareSigner::FromPkcs8Pem(Secret(pem)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << arguments;
  }
  for (const char* pem :
       {"", "text",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\n"
        "AAAA\n-----END CERTIFICATE-----\n"}) {
    EXPECT_EQ(SoftwareSigner::FromPkcs8Pem(Secret(pem)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << pem;
  }
}

TEST(SoftwareSignerTest, RejectsEncryptedAndSec1Pem) {
  const std::string plain = testdata::WriteScratch("plain.pem", {});
  ASSERT_EQ(testdata::RunOpenssl(
                "ecparam -name prime256v1 -genkey -noout -out " + plain)
                .exit_code,
            0);
  const auto sec1 = testdata::RunOpenssl("ec -in " + plain);
  ASSERT_TRUE(absl::StrContains(sec1.output, "BEGIN EC PRIVATE KEY"));
  EXPECT_FALSE(SoftwareSigner::FromPkcs8Pem(
                   Secret(sec1.output.substr(sec1.output.find("-----"))))
                   .ok());
  const auto encrypted =
      testdata::RunOpenssl("pkcs8 -topk8 -passout pass:xxxx -in " + plain);
  ASSERT_TRUE(absl::StrContains(encrypted.output, "ENCRYPTED"));
  EXPECT_FALSE(SoftwareSigner::FromPkcs8Pem(Secret(encrypted.output)).ok());
}

TEST(SoftwareSignerTest, SignsFromManyThreads) {
  auto signer = SoftwareSigner::Generate();
  ASSERT_TRUE(signer.ok());
  std::vector<std::thread> threads;
  std::vector<absl::Status> results(4, absl::UnknownError("not run"));
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 25; ++round) {
        absl::StatusOr<Bytes> signature =
            SignAndWait(**signer, AsBytes("message"));
        results[i] =
            signature.ok()
                ? VerifySignature(EcdsaSha256(), (*signer)->public_key_spki(),
                                  AsBytes("message"), *signature)
                : signature.status();
        if (!results[i].ok()) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
}

// A signer that answers later, from another thread.
class SlowSigner : public Signer {
 public:
  explicit SlowSigner(Signer& inner) : inner_(inner) {}
  ~SlowSigner() override { thread_.join(); }
  const Bytes& public_key_spki() const override {
    return inner_.public_key_spki();
  }
  SignatureAlgorithm algorithm() const override { return inner_.algorithm(); }
  void Sign(ByteView message, Done done) override {
    thread_ =
        std::thread([this, copy = ToBytes(message), done = std::move(done)] {
          inner_.Sign(copy, done);
        });
  }

 private:
  Signer& inner_;
  std::thread thread_;
};

TEST(SignAndWaitTest, WaitsForAnotherThread) {
  auto signer = SoftwareSigner::Generate();
  ASSERT_TRUE(signer.ok());
  SlowSigner slow(**signer);
  absl::StatusOr<Bytes> signature = SignAndWait(slow, AsBytes("m"));
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(VerifySignature(EcdsaSha256(), slow.public_key_spki(),
                              AsBytes("m"), *signature)
                  .ok());
}

}  // namespace
}  // namespace bestow
