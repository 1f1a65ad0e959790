#include "common/crypto/signer.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "common/crypto/public_key.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/openssl.h"

namespace bestow {
namespace {

Bytes AlgorithmDer(SignatureAlgorithm algorithm) {
  der::Writer writer;
  AddSignatureAlgorithm(writer, algorithm);
  return *writer.Finish();
}
Bytes EcdsaSha256() {
  return AlgorithmDer(SignatureAlgorithm::kEcdsaP256Sha256);
}

absl::StatusOr<Bytes> SignNow(Signer& signer, SignatureAlgorithm algorithm,
                              ByteView message) {
  absl::StatusOr<Bytes> result;
  signer.Sign(algorithm, message,
              [&](absl::StatusOr<Bytes> value) { result = std::move(value); });
  return result;
}

constexpr SignatureAlgorithm kAlgorithms[] = {
    SignatureAlgorithm::kRsaPkcs1Sha256, SignatureAlgorithm::kEcdsaP256Sha256,
    SignatureAlgorithm::kEcdsaP384Sha384, SignatureAlgorithm::kRsaPssSha256,
    SignatureAlgorithm::kEd25519};

class KeyTypesTest : public ::testing::TestWithParam<KeyType> {
 protected:
  const std::unique_ptr<SoftwareSigner> signer_ =
      *SoftwareSigner::Generate(GetParam());
};

TEST_P(KeyTypesTest, SignsWhatItsKeyVerifies) {
  const Bytes& spki = signer_->public_key_spki();
  EXPECT_EQ(signer_->type(), GetParam());
  EXPECT_EQ(*KeyTypeOfSpki(spki), GetParam());
  // Ed25519 is for CAs alone.
  EXPECT_EQ(CheckPublicKeyStrength(spki).ok(), GetParam() != KeyType::kEd25519);
  const absl::StatusOr<Bytes> signature =
      SignAndWait(*signer_, AsBytes("message"));
  ASSERT_TRUE(signature.ok()) << signature.status();
  const Bytes algorithm = AlgorithmDer(signer_->algorithm());
  EXPECT_TRUE(
      VerifySignature(algorithm, spki, AsBytes("message"), *signature).ok());
  EXPECT_EQ(
      VerifySignature(algorithm, spki, AsBytes("massage"), *signature).code(),
      absl::StatusCode::kPermissionDenied);
}

TEST_P(KeyTypesTest, SignsByWhatItOffersAndNothingElse) {
  const std::vector<SignatureAlgorithm> offered = signer_->tls_algorithms();
  ASSERT_FALSE(offered.empty());
  for (SignatureAlgorithm algorithm : kAlgorithms) {
    SCOPED_TRACE(static_cast<int>(algorithm));
    const bool is_offered =
        std::find(offered.begin(), offered.end(), algorithm) != offered.end();
    const absl::StatusOr<Bytes> signature =
        SignNow(*signer_, algorithm, AsBytes("m"));
    if (!is_offered) {
      EXPECT_NE(algorithm, signer_->algorithm());
      EXPECT_EQ(signature.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ASSERT_TRUE(signature.ok()) << signature.status();
    // Verifies by this algorithm, and by no other one.
    for (SignatureAlgorithm other : kAlgorithms) {
      EXPECT_EQ(VerifySignature(AlgorithmDer(other), signer_->public_key_spki(),
                                AsBytes("m"), *signature)
                    .ok(),
                other == algorithm);
    }
  }
}

TEST_P(KeyTypesTest, KeysComeBackFromPemAndDer) {
  const absl::StatusOr<Secret> pem = signer_->ToPkcs8Pem();
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_TRUE(absl::StartsWith(pem->text(), "-----BEGIN PRIVATE KEY-----\n"));
  const absl::StatusOr<Secret> der = signer_->ToPkcs8Der();
  ASSERT_TRUE(der.ok()) << der.status();
  for (const auto& back : {SoftwareSigner::FromPkcs8Pem(*pem),
                           SoftwareSigner::FromPkcs8Der(der->bytes())}) {
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ((*back)->public_key_spki(), signer_->public_key_spki());
    EXPECT_EQ((*back)->type(), GetParam());
  }
  Bytes damaged = ToBytes(der->bytes());
  damaged.push_back(0);
  EXPECT_EQ(SoftwareSigner::FromPkcs8Der(damaged).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "trailing data";
  damaged.resize(damaged.size() - 2);
  EXPECT_EQ(SoftwareSigner::FromPkcs8Der(damaged).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "truncated";
}

TEST_P(KeyTypesTest, OpensslReadsTheKeyAndVerifies) {
  const absl::StatusOr<Secret> der = signer_->ToPkcs8Der();
  ASSERT_TRUE(der.ok());
  const std::string key = testdata::WriteScratch("key.der", der->bytes());
  const auto check =
      testdata::RunOpenssl("pkey -inform DER -check -noout -in " + key);
  if (GetParam() != KeyType::kEd25519) {
    EXPECT_EQ(check.exit_code, 0) << check.output;
  }
  const std::string message = testdata::WriteScratch("message", AsBytes("abc"));
  for (SignatureAlgorithm algorithm : signer_->tls_algorithms()) {
    const absl::StatusOr<Bytes> signature =
        SignNow(*signer_, algorithm, AsBytes("abc"));
    ASSERT_TRUE(signature.ok());
    std::string options = "-digest sha256";
    if (algorithm == SignatureAlgorithm::kEcdsaP384Sha384) {
      options = "-digest sha384";
    } else if (algorithm == SignatureAlgorithm::kEd25519) {
      options = "";
    } else if (algorithm == SignatureAlgorithm::kRsaPssSha256) {
      options +=
          " -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest";
    }
    const auto result = testdata::RunOpenssl(
        "pkeyutl -verify -rawin " + options + " -keyform DER -inkey " + key +
        " -in " + message + " -sigfile " +
        testdata::WriteScratch("signature", *signature));
    EXPECT_EQ(result.exit_code, 0) << options << result.output;
  }
}

INSTANTIATE_TEST_SUITE_P(KeyTypes, KeyTypesTest, ::testing::ValuesIn(kKeyTypes),
                         [](const auto& info) {
                           std::string name(KeyTypeName(info.param));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(SoftwareSignerTest, RejectsOtherPem) {
  const auto make = [](std::string arguments) {
    const std::string path = testdata::WriteScratch("other.pem", {});
    const auto result = testdata::RunOpenssl(arguments + " -out " + path);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return testdata::RunOpenssl("pkey -in " + path).output;
  };
  for (const std::string& arguments :
       {std::string("genpkey -algorithm X25519"),
        std::string("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
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
  void Sign(SignatureAlgorithm algorithm, ByteView message,
            Done done) override {
    thread_ = std::thread(
        [this, algorithm, copy = ToBytes(message), done = std::move(done)] {
          inner_.Sign(algorithm, copy, done);
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
