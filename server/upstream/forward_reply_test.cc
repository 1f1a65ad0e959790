// What an upstream's reply means (ReadForwardReply).
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/crypto/signer.h"
#include "common/pki/certs_only.h"
#include "common/tls/test_ca.h"
#include "gtest/gtest.h"
#include "server/upstream/upstreams.h"

namespace bestow::server {
namespace {

using Kind = ForwardAnswer::Kind;

class ForwardReplyTest : public ::testing::Test {
 protected:
  Bytes Leaf(const TestCa& ca) {
    return ca.Issue(TestClientLeaf(), key_->public_key_spki());
  }
  ForwardAnswer Read(const absl::StatusOr<EstReply>& reply) {
    const Trust trust{ca_.anchors(), {}};
    return ReadForwardReply(reply, key_->public_key_spki(), trust, absl::Now());
  }
  ForwardAnswer ReadBody(const std::vector<Bytes>& certificates) {
    EstReply reply;
    reply.status = 200;
    reply.body = *SerializeCertsOnlyDer(certificates);
    return Read(reply);
  }

  TestCa ca_{"upstream"};
  std::unique_ptr<SoftwareSigner> key_ = *SoftwareSigner::Generate();
};

TEST_F(ForwardReplyTest, TakesACertificateForTheKeyWithAPathToTheAnchors) {
  const Bytes leaf = Leaf(ca_);
  const ForwardAnswer answer = ReadBody({ca_.certificate().der, leaf});
  ASSERT_EQ(answer.kind, Kind::kIssued) << answer.reason;
  EXPECT_EQ(answer.certificate->der, leaf);
}

TEST_F(ForwardReplyTest, HandsOutNothingElse) {
  const auto other_key = *SoftwareSigner::Generate();
  EXPECT_EQ(
      ReadBody({ca_.Issue(TestClientLeaf(), other_key->public_key_spki())})
          .kind,
      Kind::kBadReply);
  const ForwardAnswer rogue = ReadBody({Leaf(TestCa("upstream"))});
  EXPECT_EQ(rogue.kind, Kind::kBadReply);
  EXPECT_FALSE(rogue.certificate.has_value());
  TestCa::Leaf expired = TestClientLeaf();
  expired.not_after = absl::Now() - absl::Minutes(1);
  EXPECT_EQ(ReadBody({ca_.Issue(expired, key_->public_key_spki())}).kind,
            Kind::kBadReply);
  EstReply garbage;
  garbage.status = 200;
  garbage.body = {1, 2, 3};
  EXPECT_EQ(Read(garbage).kind, Kind::kBadReply);
}

TEST_F(ForwardReplyTest, TellsDownFromRefused) {
  struct Case {
    int status;
    Kind kind;
  };
  for (const Case& c : {
           Case{202, Kind::kWaiting},
           {400, Kind::kRefused},
           {401, Kind::kNotServed},
           {403, Kind::kRefused},
           {404, Kind::kNotServed},
           {408, Kind::kDown},
           {413, Kind::kRefused},
           {429, Kind::kDown},
           {500, Kind::kDown},
           {502, Kind::kDown},
           {503, Kind::kDown},
           {301, Kind::kDown},
       }) {
    SCOPED_TRACE(c.status);
    EstReply reply;
    reply.status = c.status;
    reply.reason = "because";
    reply.retry_after = absl::Seconds(9);
    const ForwardAnswer answer = Read(reply);
    EXPECT_EQ(answer.kind, c.kind);
    EXPECT_EQ(answer.retry_after, absl::Seconds(9));
    EXPECT_EQ(absl::StrContains(answer.reason, "because"), c.status != 202);
  }
  EXPECT_EQ(Read(absl::UnavailableError("x")).kind, Kind::kDown);
  EXPECT_EQ(Read(absl::DeadlineExceededError("x")).kind, Kind::kDown);
  EXPECT_EQ(Read(absl::ResourceExhaustedError("x")).kind, Kind::kDown);
  // Whom it does not trust it does not take for one that is down: no local CA
  // may sign in its place.
  EXPECT_EQ(Read(absl::PermissionDeniedError("x")).kind, Kind::kNotServed);
  EXPECT_EQ(Read(absl::InvalidArgumentError("x")).kind, Kind::kBadReply);
}

}  // namespace
}  // namespace bestow::server
