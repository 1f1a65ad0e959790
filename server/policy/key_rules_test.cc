#include "server/policy/key_rules.h"

#include "absl/status/status.h"
#include "common/der/oid.h"
#include "common/der/writer.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

// The part that the rules read.
Bytes Spki(const der::Oid& algorithm) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddSequence([&](der::Writer& id) { id.AddOid(algorithm); });
    fields.AddBitString(Bytes{4});
  });
  return *writer.Finish();
}

struct UsageCase {
  uint32_t profile;
  uint32_t ec;  // 0: refused
  uint32_t rsa;
};

TEST(KeyRulesTest, AKeyGetsWhatItCanDo) {
  const UsageCase kCases[] = {
      {kDigitalSignature, kDigitalSignature, kDigitalSignature},
      {kDigitalSignature | kKeyEncipherment, kDigitalSignature,
       kDigitalSignature | kKeyEncipherment},
      {kDigitalSignature | kKeyAgreement, kDigitalSignature | kKeyAgreement,
       kDigitalSignature},
      {kDigitalSignature | kNonRepudiation | kKeyEncipherment |
           kDataEncipherment | kKeyAgreement,
       kDigitalSignature | kNonRepudiation | kKeyAgreement,
       kDigitalSignature | kNonRepudiation | kKeyEncipherment |
           kDataEncipherment},
      {kKeyEncipherment, 0, kKeyEncipherment},
      {kDataEncipherment, 0, kDataEncipherment},
      {kKeyAgreement, kKeyAgreement, 0},
      {0, 0, 0},
  };
  for (const UsageCase& c : kCases) {
    const auto ec = UsageOfKey(c.profile, Spki(oids::EcPublicKey()));
    EXPECT_EQ(ec.value_or(0), c.ec) << c.profile;
    const auto rsa = UsageOfKey(c.profile, Spki(oids::RsaEncryption()));
    EXPECT_EQ(rsa.value_or(0), c.rsa) << c.profile;
    if (c.ec == 0) {
      EXPECT_TRUE(absl::IsPermissionDenied(ec.status()));
    }
  }
  EXPECT_TRUE(absl::IsPermissionDenied(
      UsageOfKey(kDigitalSignature, Spki(oids::CommonName())).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(
      UsageOfKey(kDigitalSignature, Bytes{0x30, 0x00}).status()));
}

}  // namespace
}  // namespace bestow::server
