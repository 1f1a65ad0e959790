#include "common/cms/signed_data.h"

#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/cms/testing/openssl_key.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/openssl.h"

namespace bestow::cms {
namespace {

using cms_testing::MakeKey;
using cms_testing::OpensslKey;

constexpr char kContent[] = "content";

// openssl alone, without a judgment of the certificate.
bool OpensslVerifies(ByteView der) {
  const std::string in = testdata::WriteScratch("signed", der);
  const std::string out = testdata::WriteScratch("content", {});
  const auto result = testdata::RunOpenssl(absl::StrCat(
      "cms -verify -binary -inform DER -in ", in, " -noverify -out ", out));
  return result.exit_code == 0 &&
         ToText(cms_testing::ReadScratch(out)) == kContent;
}

TEST(SignedDataTest, EveryCase) {
  int accepted = 0, rejected = 0;
  for (const testdata::Case& test : testdata::LoadCases("signed_data")) {
    SCOPED_TRACE(test.name + ": " + test.description);
    const absl::StatusOr<SignedContent> out =
        ParseAndVerifySignedDataDer(test.data);
    EXPECT_EQ(out.ok(), test.accept) << out.status();
    if (test.accept) {
      ++accepted;
      if (out.ok()) {
        EXPECT_EQ(out->content.text(), kContent);
      }
      continue;
    }
    ++rejected;
    EXPECT_EQ(out.status().code(), test.notes.contains("code")
                                       ? absl::StatusCode::kPermissionDenied
                                       : absl::StatusCode::kInvalidArgument)
        << out.status();
    EXPECT_TRUE(absl::StrContains(out.status().message(), test.reason))
        << out.status();
  }
  EXPECT_GT(accepted, 10);
  EXPECT_GT(rejected, accepted);
}

TEST(SignedDataTest, OpensslJudgesAlike) {
  for (const testdata::Case& test : testdata::LoadCases("signed_data")) {
    // openssl wants a ContentInfo and CRLs that are some, and does not compare
    // the signed contentType.
    if (test.name == "bare" || test.name == "crls" ||
        test.name == "type_of_other" || test.name == "type_changed") {
      continue;
    }
    SCOPED_TRACE(test.name);
    const bool is_denied = test.notes.contains("code");
    if (test.accept || is_denied) {
      EXPECT_EQ(OpensslVerifies(test.data), test.accept);
    }
  }
}

TEST(SignedDataTest, AnyChangedByteCounts) {
  const Bytes der = testdata::LoadCase("signed_data", "p256").data;
  const SignedContent good = *ParseAndVerifySignedDataDer(der);
  int changed_count = 0;
  for (size_t i = 0; i < der.size(); ++i) {
    Bytes changed = der;
    changed[i] ^= 0x01;
    const absl::StatusOr<SignedContent> out =
        ParseAndVerifySignedDataDer(changed);
    // Not signed are the versions, the digestAlgorithms, and the parts of the
    // certificate that neither name the signer nor are its key: whoever trusts
    // the certificate verifies those.
    if (!out.ok()) continue;
    ++changed_count;
    EXPECT_EQ(out->content.text(), kContent) << i;
    EXPECT_EQ(out->content_type, good.content_type);
    EXPECT_EQ(out->signer.spki, good.signer.spki);
  }
  EXPECT_LT(changed_count, static_cast<int>(der.size()));
}

TEST(SignedDataTest, NoTruncationIsTaken) {
  const Bytes der = testdata::LoadCase("signed_data", "p256").data;
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(ParseAndVerifySignedDataDer(ByteView(der).first(size)).ok());
  }
}

TEST(SignDataTest, EveryKeyTypeComesBackAndOpensslAgrees) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const OpensslKey other = MakeKey("other", "rsa:2048");
  for (const char* algorithm :
       {"rsa:2048", "rsa:3072", "ec -pkeyopt ec_paramgen_curve:P-256",
        "ec -pkeyopt ec_paramgen_curve:P-384", "ed25519"}) {
    SCOPED_TRACE(algorithm);
    const OpensslKey key = MakeKey("signer", algorithm);
    auto signer = SoftwareSigner::FromPkcs8Der(key.pkcs8.bytes());
    ASSERT_TRUE(signer.ok()) << signer.status();
    const absl::StatusOr<Secret> der = SignDataAndWait(
        oids::CmsData(), AsBytes(kContent),
        {key.certificate.der, other.certificate.der}, **signer, now);
    ASSERT_TRUE(der.ok()) << der.status();
    const absl::StatusOr<SignedContent> out =
        ParseAndVerifySignedDataDer(der->bytes());
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ(out->content.text(), kContent);
    EXPECT_EQ(out->content_type, oids::CmsData());
    EXPECT_EQ(out->signer, key.certificate);
    EXPECT_EQ(out->certificates.size(), 2u);
    EXPECT_EQ(out->signing_time, now);
    const absl::StatusOr<Secret> wrapped = WrapSignedData(der->bytes());
    ASSERT_TRUE(wrapped.ok());
    EXPECT_TRUE(ParseAndVerifySignedDataDer(wrapped->bytes()).ok());
    // openssl 3.0 knows no Ed25519 in CMS.
    if (std::string_view(algorithm) != "ed25519") {
      EXPECT_TRUE(OpensslVerifies(wrapped->bytes()));
    }
  }
}

TEST(SignDataTest, RefusesWhatCanNotBeVerified) {
  const OpensslKey key =
      MakeKey("signer", "ec -pkeyopt ec_paramgen_curve:P-256");
  const OpensslKey other =
      MakeKey("other", "ec -pkeyopt ec_paramgen_curve:P-256");
  auto signer = SoftwareSigner::FromPkcs8Der(key.pkcs8.bytes());
  ASSERT_TRUE(signer.ok());
  const auto sign = [&](const std::vector<Bytes>& certificates) {
    return SignDataAndWait(oids::CmsData(), AsBytes("x"), certificates,
                           **signer, absl::Now())
        .status()
        .code();
  };
  const Bytes& mine = key.certificate.der;
  EXPECT_EQ(sign({mine}), absl::StatusCode::kOk);
  EXPECT_EQ(sign({mine, other.certificate.der}), absl::StatusCode::kOk);
  EXPECT_EQ(sign({other.certificate.der, mine}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sign({}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sign({mine, Bytes{0x30, 0}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sign({Bytes{1}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sign(std::vector<Bytes>(11, mine)),
            absl::StatusCode::kInvalidArgument);
}

// Like a TPM: on another thread, later, or not at all.
class ThreadSigner : public Signer {
 public:
  explicit ThreadSigner(Signer& inner, absl::Status failure = absl::OkStatus())
      : inner_(inner), failure_(std::move(failure)) {}
  ~ThreadSigner() override {
    if (thread_.joinable()) thread_.join();
  }
  const Bytes& public_key_spki() const override {
    return inner_.public_key_spki();
  }
  SignatureAlgorithm algorithm() const override { return inner_.algorithm(); }
  void Sign(SignatureAlgorithm algorithm, ByteView message,
            Done done) override {
    thread_ = std::thread(
        [this, algorithm, copy = ToBytes(message), done = std::move(done)] {
          if (!failure_.ok()) return done(failure_);
          inner_.Sign(algorithm, copy, done);
        });
  }

 private:
  Signer& inner_;
  absl::Status failure_;
  std::thread thread_;
};

TEST(SignDataTest, SlowSignersAndFailingOnes) {
  const OpensslKey key =
      MakeKey("signer", "ec -pkeyopt ec_paramgen_curve:P-256");
  auto inner = SoftwareSigner::FromPkcs8Der(key.pkcs8.bytes());
  ASSERT_TRUE(inner.ok());
  ThreadSigner slow(**inner);
  const absl::StatusOr<Secret> der =
      SignDataAndWait(oids::CmsData(), AsBytes(kContent), {key.certificate.der},
                      slow, absl::Now());
  ASSERT_TRUE(der.ok()) << der.status();
  EXPECT_TRUE(ParseAndVerifySignedDataDer(der->bytes()).ok());
  ThreadSigner failing(**inner, absl::UnavailableError("the TPM is gone"));
  EXPECT_EQ(SignDataAndWait(oids::CmsData(), AsBytes(kContent),
                            {key.certificate.der}, failing, absl::Now())
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace bestow::cms
