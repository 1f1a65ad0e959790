// Which CA certificates an agent takes from /cacerts, and on whose word.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/est_client/trust.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Key = std::shared_ptr<SoftwareSigner>;

Key MakeKey(KeyType type = KeyType::kEcP256) {
  return *SoftwareSigner::Generate(type);
}

struct Wanted {
  std::string name = "CA";
  std::string issuer = "CA";
  bool is_ca = true;
  uint32_t key_usage = kKeyCertSign;
  bool key_ids = true;
  absl::Time not_before = absl::Now() - absl::Hours(10);
  absl::Time not_after = absl::Now() + absl::Hours(10);
  size_t padding = 0;  // octets of an extension that nobody knows
};

// A certificate for `subject` that `signer` signs.
Certificate Make(const Key& subject, const Key& signer, Wanted wanted = {}) {
  CertificateTemplate contents;
  contents.serial = {0x01};
  contents.subject = *Name::FromCommonName(wanted.name);
  contents.issuer = *Name::FromCommonName(wanted.issuer);
  contents.not_before = wanted.not_before;
  contents.not_after = wanted.not_after;
  contents.spki = subject->public_key_spki();
  contents.extensions = {
      {oids::BasicConstraints(), true,
       *SerializeBasicConstraints({.is_ca = wanted.is_ca})},
      {oids::KeyUsage(), true, *SerializeKeyUsage(wanted.key_usage)}};
  if (wanted.key_ids) {
    contents.extensions.push_back(
        {oids::SubjectKeyIdentifier(), false,
         *SerializeSubjectKeyIdentifier(KeyIdentifier(contents.spki))});
    contents.extensions.push_back(
        {oids::AuthorityKeyIdentifier(), false,
         *SerializeAuthorityKeyIdentifier(
             KeyIdentifier(signer->public_key_spki()))});
  }
  if (wanted.padding != 0) {
    contents.extensions.push_back(
        {der::OidLiteral("2.25.1"), false, Bytes(wanted.padding)});
  }
  const Bytes tbs = *SerializeTbsCertificateDer(contents, signer->algorithm());
  return *ParseCertificateDer(*AssembleCertificateDer(
      tbs, signer->algorithm(), *SignAndWait(*signer, tbs)));
}

class TrustUpdateTest : public ::testing::Test {
 protected:
  CaUpdate Update(const std::vector<Certificate>& reply) {
    return UpdateCaCerts(*MakeTrust({}, learned_, {}), learned_, reply,
                         absl::Now());
  }

  const Key old_ = MakeKey();
  const Key new_ = MakeKey(KeyType::kEcP384);
  const Certificate old_with_old_ = Make(old_, old_);
  const Certificate new_with_new_ = Make(new_, new_);
  const Certificate new_with_old_ = Make(new_, old_);
  const Certificate old_with_new_ = Make(old_, new_);
  std::vector<Certificate> learned_ = {old_with_old_};
};

// RFC 7030 4.1.3, RFC 4210 4.4: the four certificates of a rollover.
TEST_F(TrustUpdateTest, TakesANewRootOverTheOldOnesWord) {
  const CaUpdate update =
      Update({new_with_new_, new_with_old_, old_with_new_, old_with_old_});
  EXPECT_THAT(update.added, ElementsAre(new_with_new_));
  EXPECT_THAT(update.refused, IsEmpty());
  EXPECT_THAT(update.dropped, IsEmpty());
  EXPECT_THAT(update.learned,
              UnorderedElementsAre(new_with_new_, new_with_old_, old_with_new_,
                                   old_with_old_));
  // Both are trusted, and the links are no anchors.
  const Trust trust = *MakeTrust({}, update.learned, {});
  EXPECT_THAT(trust.anchors->certificates(),
              UnorderedElementsAre(new_with_new_, old_with_old_));
  for (const Key& signer : {old_, new_}) {
    const Certificate leaf =
        Make(MakeKey(), signer,
             {.name = "leaf", .is_ca = false, .key_usage = kDigitalSignature});
    EXPECT_TRUE(
        trust.anchors->Verify(leaf, {}, PathPurpose::kTlsClient, absl::Now())
            .ok());
  }
}

// RFC 5280 4.2.1.1 demands them of CAs; without them X509_verify_cert takes
// whatever is self-issued for self-signed.
TEST_F(TrustUpdateTest, ALinkWithoutKeyIdentifiersIsNone) {
  EXPECT_THAT(
      Update({new_with_new_, Make(new_, old_, {.key_ids = false})}).added,
      IsEmpty());
}

TEST_F(TrustUpdateTest, WhoTrustsTheNewOneLearnsTheOld) {
  learned_ = {new_with_new_};
  EXPECT_THAT(Update({new_with_new_, old_with_new_, old_with_old_}).added,
              ElementsAre(old_with_old_));
}

// A device that slept through a rollover.
TEST_F(TrustUpdateTest, FollowsLinksOfLinksInAnyOrder) {
  const Key third = MakeKey();
  const Certificate root = Make(third, third);
  const Certificate link = Make(third, new_);
  EXPECT_THAT(Update({root, link, new_with_old_, new_with_new_}).added,
              UnorderedElementsAre(new_with_new_, root));
  // A gap is one: nobody vouches for the third.
  EXPECT_THAT(Update({root, link}).added, IsEmpty());
}

// Each hostile variant of the reply above, and why it fails.
TEST_F(TrustUpdateTest, RefusesRootsThatNoAnchorVouchesFor) {
  const Key stranger = MakeKey();
  const Key weak = MakeKey();
  struct Case {
    const char* what;
    std::vector<Certificate> reply;
    const char* why;
  };
  const Wanted expired = {.not_after = absl::Now() - absl::Minutes(1)};
  const Wanted early = {.not_before = absl::Now() + absl::Minutes(1)};
  const Wanted no_ca = {.is_ca = false};
  const Wanted no_cert_sign = {.key_usage = kDigitalSignature};
  Certificate forged = new_with_old_;
  forged.der.back() ^= 1;
  forged.signature.back() ^= 1;
  const std::vector<Case> cases = {
      {"no link", {new_with_new_}, "no link certificate"},
      {"a link for another key",
       {new_with_new_, Make(stranger, old_)},
       "no link certificate"},
      {"a link that a stranger signed",
       {new_with_new_, Make(new_, stranger)},
       "link certificate can't be used"},
      {"a link that the new key itself signed",
       {new_with_new_,
        Make(new_, new_, {.not_after = absl::Now() + absl::Hours(9)})},
       "link certificate can't be used"},
      {"a link whose signature is broken",
       {new_with_new_, forged},
       "link certificate can't be used"},
      {"a link that is over",
       {new_with_new_, Make(new_, old_, expired)},
       "expired"},
      {"a link that is not yet valid",
       {new_with_new_, Make(new_, old_, early)},
       "not yet valid"},
      {"a link without CA rights",
       {new_with_new_, Make(new_, old_, no_ca)},
       "no link certificate"},
      {"a link that may not sign certificates",
       {new_with_new_, Make(new_, old_, no_cert_sign)},
       "no link certificate"},
      // RFC 7030 A.1's links have names of their own.
      {"a link under another name",
       {new_with_new_, Make(new_, old_, {.name = "CA NwO"})},
       "no link certificate"},
      {"a subordinate that calls itself a root",
       {Make(new_, new_, {.name = "sub", .issuer = "sub"}),
        Make(new_, old_, {.name = "sub"})},
       "no link certificate"},
      {"a link from an issuer of another name",
       {new_with_new_, Make(new_, old_, {.issuer = "other"})},
       "no link certificate"},
      {"OldWithNew alone: the new one vouches for itself",
       {new_with_new_, old_with_new_},
       "no link certificate"},
      {"a root that is over",
       {Make(new_, new_, expired), new_with_old_},
       "not valid now"},
      {"a root that is not yet valid",
       {Make(new_, new_, early), new_with_old_},
       "not valid now"},
      {"a stranger's root beside a good rollover",
       {new_with_new_, new_with_old_, Make(stranger, stranger)},
       "no link certificate"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const CaUpdate update = Update(one.reply);
    ASSERT_FALSE(update.refused.empty());
    EXPECT_THAT(update.refused, ::testing::Contains(HasSubstr(one.why)));
    const bool has_good_part =
        std::string(one.what) == "a stranger's root beside a good rollover";
    EXPECT_EQ(update.added.size(), has_good_part ? 1u : 0u);
    // What was trusted is trusted still.
    const Trust trust = *MakeTrust({}, update.learned, {});
    EXPECT_THAT(trust.anchors->certificates(),
                ::testing::Contains(old_with_old_));
    EXPECT_EQ(trust.anchors->certificates().size(), has_good_part ? 2u : 1u);
  }
}

TEST_F(TrustUpdateTest, AWeakRootIsRefusedThoughItIsLinked) {
  // A CA certificate that says of itself that it signs none is no root.
  const Certificate not_a_ca = Make(new_, new_, {.is_ca = false});
  const CaUpdate update = Update({not_a_ca, new_with_old_});
  EXPECT_THAT(update.added, IsEmpty());
  EXPECT_THAT(update.refused, ::testing::SizeIs(1));
}

TEST_F(TrustUpdateTest, AnExpiredAnchorVouchesForNobody) {
  learned_ = {Make(old_, old_, {.not_after = absl::Now() - absl::Minutes(1)})};
  const CaUpdate update = Update({new_with_new_, new_with_old_});
  EXPECT_THAT(update.added, IsEmpty());
}

TEST_F(TrustUpdateTest, DropsAnAnchorWhenItIsOverAndNotBefore) {
  learned_ = {old_with_old_, new_with_new_};
  // Left out by the server: this device's certificate may hang on it.
  CaUpdate update = Update({new_with_new_});
  EXPECT_THAT(update.dropped, IsEmpty());
  EXPECT_THAT(update.learned,
              UnorderedElementsAre(new_with_new_, old_with_old_));
  const Certificate over =
      Make(old_, old_, {.not_after = absl::Now() - absl::Minutes(1)});
  learned_ = {over, new_with_new_};
  for (const auto& reply :
       {std::vector{new_with_new_}, std::vector{over, new_with_new_}}) {
    update = Update(reply);
    EXPECT_THAT(update.dropped, ElementsAre(over));
    EXPECT_THAT(update.learned, ElementsAre(new_with_new_));
  }
}

// RFC 7030 4.1.3: the others are validated before they are used.
TEST_F(TrustUpdateTest, KeepsIntermediatesThatHaveAPathAlone) {
  const Key upper_key = MakeKey(), lower_key = MakeKey(), stray_key = MakeKey();
  const Certificate upper = Make(upper_key, old_, {.name = "upper"});
  const Certificate lower =
      Make(lower_key, upper_key, {.name = "lower", .issuer = "upper"});
  const Certificate stray =
      Make(stray_key, stray_key, {.name = "stray", .issuer = "elsewhere"});
  const CaUpdate update = Update({lower, stray, old_with_old_, upper});
  EXPECT_THAT(update.learned, ElementsAre(lower, old_with_old_, upper));
  EXPECT_THAT(update.refused, ElementsAre(HasSubstr("CN=stray")));
}

TEST_F(TrustUpdateTest, ManyAreTooMany) {
  std::vector<Certificate> reply;
  for (int i = 0; i < 60; ++i) {
    const Key key = MakeKey();
    reply.push_back(Make(key, key));
    reply.push_back(Make(key, old_));
  }
  reply.resize(64);
  const CaUpdate update = Update(reply);
  EXPECT_LE(update.added.size(), kMaxLearnedAnchors);
  EXPECT_LT(update.learned.size(), 64u);
  EXPECT_THAT(update.refused, ::testing::Contains(HasSubstr("too many")));
  EXPECT_THAT(update.learned, ::testing::Contains(old_with_old_));
}

// What CredentialReader::CaCerts() would not give back is not kept: 64
// certificates, 256 KiB of PEM. The anchors of before are.
TEST_F(TrustUpdateTest, KeepsNoMoreThanTheStateFolderGivesBack) {
  const auto expect_fits = [&](const CaUpdate& update) {
    EXPECT_LE(update.learned.size(), 64u);
    size_t pem_bytes = 0;
    for (const Certificate& certificate : update.learned) {
      pem_bytes += SerializeCertificatePem(certificate.der).size();
    }
    EXPECT_LT(pem_bytes, 256u * 1024 - 1024);
    for (const Certificate& before : learned_) {
      EXPECT_THAT(update.learned, ::testing::Contains(before));
    }
    EXPECT_THAT(update.refused, ::testing::Contains(HasSubstr("too many")));
  };
  std::vector<Certificate> configured;
  for (int i = 0; i < 20; ++i) {
    const Key key = MakeKey();
    configured.push_back(Make(key, key));
  }
  for (size_t i = 1; i < kMaxLearnedAnchors; ++i) {
    const Key key = MakeKey();
    learned_.push_back(Make(key, key));
  }
  std::vector<Certificate> reply;
  for (int i = 0; i < 44; ++i) reply.push_back(Make(MakeKey(), old_));
  reply.insert(reply.end(), configured.begin(), configured.end());
  expect_fits(UpdateCaCerts(*MakeTrust(configured, learned_, {}), learned_,
                            reply, absl::Now()));
  reply.clear();
  for (int i = 0; i < 10; ++i) {
    reply.push_back(Make(MakeKey(), old_, {.padding = 30'000}));
  }
  expect_fits(Update(reply));
}

// With a pin, the rest of the first reply stands before the pinned one.
TEST_F(TrustUpdateTest, AFirstReplyStandsBeforeThePinnedOne) {
  const Sha256Digest digest = Sha256(old_with_old_.der);
  const Bytes pin(digest.begin(), digest.end());
  const Key stranger = MakeKey();
  const std::vector<Certificate> reply = {
      old_with_old_, new_with_old_, new_with_new_, Make(stranger, stranger)};
  const Trust trust = *MakeTrust({}, {*FindPinned(reply, pin)}, pin);
  const CaUpdate update = UpdateCaCerts(trust, {}, reply, absl::Now());
  EXPECT_THAT(update.added, ElementsAre(new_with_new_));
  EXPECT_THAT(update.refused, ::testing::SizeIs(1));
}

}  // namespace
}  // namespace bestow
