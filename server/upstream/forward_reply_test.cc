// What an upstream's reply means (ReadForwardReply).
#include <optional>
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
    std::optional<absl::Duration> retry_after;
    Kind kind;
  };
  const absl::Duration nine = absl::Seconds(9);
  for (const Case& c : {
           Case{202, nine, Kind::kWaiting},
           {400, nine, Kind::kRefused},
           {401, nine, Kind::kNotServed},
           {403, nine, Kind::kRefused},
           {404, nine, Kind::kNotServed},
           {413, nine, Kind::kRefused},
           {500, std::nullopt, Kind::kDown},
           {502, std::nullopt, Kind::kDown},
           {503, std::nullopt, Kind::kDown},
           // Whoever it refuses may keep it busy: it is there.
           {408, std::nullopt, Kind::kBusy},
           {425, std::nullopt, Kind::kBusy},
           {429, std::nullopt, Kind::kBusy},
           {429, nine, Kind::kBusy},
           {500, nine, Kind::kBusy},
           {503, nine, Kind::kBusy},
           {204, nine, Kind::kNotServed},
           {301, std::nullopt, Kind::kNotServed},
       }) {
    SCOPED_TRACE(c.status);
    EstReply reply;
    reply.status = c.status;
    reply.reason = "because";
    reply.retry_after = c.retry_after;
    const ForwardAnswer answer = Read(reply);
    EXPECT_EQ(answer.kind, c.kind);
    EXPECT_EQ(answer.retry_after, c.retry_after);
    EXPECT_EQ(absl::StrContains(answer.reason, "because"), c.status != 202);
  }
}

TEST_F(ForwardReplyTest, OnlySilenceIsDown) {
  EXPECT_EQ(Read(absl::UnavailableError("x")).kind, Kind::kDown);
  EXPECT_EQ(Read(absl::DataLossError("x")).kind, Kind::kDown);
  EXPECT_EQ(Read(absl::DeadlineExceededError("x")).kind, Kind::kDown);
  // Our own queue is full, or the settings have changed.
  EXPECT_EQ(Read(absl::ResourceExhaustedError("x")).kind, Kind::kBusy);
  EXPECT_EQ(Read(absl::AbortedError("x")).kind, Kind::kBusy);
  // Whom it does not trust it does not take for one that is down: no local CA
  // may sign in its place.
  EXPECT_EQ(Read(absl::PermissionDeniedError("x")).kind, Kind::kNotServed);
  EXPECT_EQ(Read(absl::InvalidArgumentError("x")).kind, Kind::kBadReply);
  EXPECT_EQ(Read(absl::InternalError("x")).kind, Kind::kNotServed);
}

}  // namespace
}  // namespace bestow::server
