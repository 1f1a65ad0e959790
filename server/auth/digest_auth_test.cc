// HTTP Digest (RFC 7616), through the whole authenticator.
#include "server/auth/digest_auth.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator_fixture.h"
#include "server/auth/sealed_records.h"

namespace bestow::server {
namespace {

using Kind = AuthFailure::Kind;

class DigestAuthTest : public AuthenticatorFixture {
 protected:
  void SetUp() override {
    AuthenticatorFixture::SetUp();
    rules_.config.digest = DigestOffer::kMd5;
  }
  static bool IsStale(const absl::StatusOr<Principal>& principal) {
    const AuthFailure failure = AuthFailureOf(principal.status());
    return failure.kind == Kind::kNoCredentials &&
           absl::StrContains(failure.challenges.back(), "stale=true");
  }
  static bool IsWrong(const absl::StatusOr<Principal>& principal) {
    const AuthFailure failure = AuthFailureOf(principal.status());
    return failure.kind == Kind::kWrongCredentials &&
           !absl::StrContains(failure.challenges.back(), "stale");
  }
};

TEST_F(DigestAuthTest, TakesAPassword) {
  auto principal = Ask(Text(DigestOf("digest", kPassword, FreshNonce())));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->identity, "digest");
  EXPECT_EQ(principal->method, AuthMethod::kDigest);
  EXPECT_EQ(principal->secret_id, std::nullopt);
}

TEST_F(DigestAuthTest, TakesAOneTimeSecretThatWasGivenForIt) {
  auto principal = Ask(Text(DigestOf("digest", kDigestSecret, FreshNonce())));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->method, AuthMethod::kOneTimeSecret);
  EXPECT_EQ(principal->secret_id,
            store_
                ->FindSecret(principal->identity_id,
                             HashOneTimeSecret(Secret(kDigestSecret)))
                ->id);
  // gw-17's was not.
  EXPECT_TRUE(IsWrong(Ask(Text(DigestOf("gw-17", kSecret, FreshNonce())))));
  EXPECT_TRUE(Ask(Basic("gw-17", kSecret)).ok());
}

TEST_F(DigestAuthTest, TakesTheAlgorithmsThatAreOffered) {
  const struct {
    DigestOffer offer;
    bool md5, sha256;
  } kCases[] = {{DigestOffer::kMd5, true, false},
                {DigestOffer::kSha256, false, true},
                {DigestOffer::kBoth, true, true}};
  for (const auto& c : kCases) {
    rules_.config.digest = c.offer;
    const std::string nonce = FreshNonce();
    EXPECT_EQ(Ask(Text(DigestOf("digest", kPassword, nonce, 1,
                                DigestAlgorithm::kMd5)))
                  .ok(),
              c.md5);
    EXPECT_EQ(Ask(Text(DigestOf("digest", kPassword, nonce, 2,
                                DigestAlgorithm::kSha256)))
                  .ok(),
              c.sha256);
  }
  rules_.config.digest = DigestOffer::kMd5;
  const std::string nonce = FreshNonce();
  rules_.config.digest = DigestOffer::kOff;
  EXPECT_TRUE(IsWrong(Ask(Text(DigestOf("digest", kPassword, nonce)))));
}

// Each beside the one that is right.
TEST_F(DigestAuthTest, RefusesWhatIsNotRight) {
  const auto right = [&] {
    return DigestOf("digest", kPassword, FreshNonce());
  };
  ASSERT_TRUE(Ask(Text(right())).ok());
  std::vector<std::pair<std::string, DigestCredentials>> wrong;
  const auto add = [&](const std::string& what, DigestCredentials credentials) {
    wrong.emplace_back(what, std::move(credentials));
  };
  add("password", DigestOf("digest", "wrong", FreshNonce()));
  add("unknown user", DigestOf("nobody", kPassword, FreshNonce()));
  add("user without Digest", DigestOf("gw-17", kPassword, FreshNonce()));
  DigestCredentials c = right();
  c.uri = "/.well-known/est/serverkeygen";
  add("target that was not asked for", c);
  c = right();
  c.uri = "/.well-known/est/serverkeygen";
  c.response = DigestResponse(
      c.algorithm,
      DigestHa1(c.algorithm, "digest", "Bestow", Secret(kPassword)), "POST",
      c.uri, c.nonce, c.nc, c.cnonce);
  add("response for another target", c);
  c = right();
  c.response = DigestResponse(
      c.algorithm,
      DigestHa1(c.algorithm, "digest", "Bestow", Secret(kPassword)), "GET",
      kTarget, c.nonce, c.nc, c.cnonce);
  add("method", c);
  c = right();
  c.realm = "Elsewhere";
  add("realm", c);
  c = right();
  c.nc = 2;
  add("count that is not in the response", c);
  c = right();
  c.cnonce += "0";
  add("cnonce", c);
  c = right();
  c.nonce = FreshNonce();
  add("nonce that is not in the response", c);
  c = right();
  c.response[0] = c.response[0] == '0' ? '1' : '0';
  add("response", c);
  c = right();
  c.username = "ra";
  add("name", c);
  for (const auto& [what, credentials] : wrong) {
    EXPECT_TRUE(IsWrong(Ask(Text(credentials)))) << what;
    Reset({});  // of the wrong tries; the nonces are others now
    EXPECT_TRUE(Ask(Text(right())).ok()) << what;
  }
  const std::string text = Text(right());
  for (const std::string& malformed :
       {std::string("Digest"), std::string("Digest x"),
        text.substr(0, text.size() / 2), text + ", " + text}) {
    EXPECT_TRUE(IsWrong(Ask(malformed))) << malformed;
  }
}

// RFC 7616 3.4.5, 5.12: the same count again is a replay. The client that is
// honest tries again with a fresh nonce.
TEST_F(DigestAuthTest, TakesEachCountOnce) {
  const std::string nonce = FreshNonce();
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, nonce, 1))).ok());
  EXPECT_TRUE(IsStale(Ask(Text(DigestOf("digest", kPassword, nonce, 1)))));
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, nonce, 2))).ok());
  EXPECT_TRUE(IsStale(Ask(Text(DigestOf("digest", kPassword, nonce, 2)))));
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, FreshNonce(), 1))).ok());
}

TEST_F(DigestAuthTest, SaysStaleToWhoKnowsThePasswordAlone) {
  const std::string nonce = FreshNonce();
  clock_.Advance(rules_.config.nonce_lifetime);
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, nonce))).ok());
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(IsStale(Ask(Text(DigestOf("digest", kPassword, nonce, 2)))));
  EXPECT_TRUE(IsWrong(Ask(Text(DigestOf("digest", "wrong", nonce, 2)))));
  EXPECT_TRUE(
      IsStale(Ask(Text(DigestOf("digest", kPassword, "never made", 1)))));
  // Made before a restart.
  const std::string before = FreshNonce();
  Reset({});
  EXPECT_TRUE(IsStale(Ask(Text(DigestOf("digest", kPassword, before)))));
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, FreshNonce()))).ok());
}

// The same realm on two labels: a nonce is still one label's.
TEST_F(DigestAuthTest, ANonceIsGoodForItsLabelAlone) {
  ASSERT_TRUE(
      store_->AddIdentity("digest", {{"plant"}, {}}, clock_.Now()).ok());
  const std::string nonce = FreshNonce();
  rules_.label = "plant";
  EXPECT_TRUE(IsStale(Ask(Text(DigestOf("digest", kPassword, nonce)))));
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, FreshNonce()))).ok());
  rules_.label = "";
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, nonce))).ok());
}

// H(A1) has the realm in it: a user is given Digest for each realm.
TEST_F(DigestAuthTest, AUserWasGivenItForARealm) {
  rules_.realm = "Plant";
  EXPECT_TRUE(IsWrong(Ask(Text(DigestOf("digest", kPassword, FreshNonce())))));
}

TEST_F(DigestAuthTest, ANewPasswordEndsTheOldOne) {
  ASSERT_TRUE(
      store_
          ->SetPassword("digest", "hash", true, clock_.Now(), {},
                        *SealDigestSecrets(*sealer_, "digest", {rules_.realm},
                                           Secret("new")))
          .ok());
  EXPECT_TRUE(IsWrong(Ask(Text(DigestOf("digest", kPassword, FreshNonce())))));
  EXPECT_TRUE(Ask(Text(DigestOf("digest", "new", FreshNonce()))).ok());
}

// Our failure, not the client's: no verdict on the password.
TEST_F(DigestAuthTest, AnotherSealKeyIsNoVerdict) {
  sealer_ = *SecretSealer::FromKey(
      Secret(Bytes(SecretSealer::kKeyBytes, uint8_t{8})));
  Reset({});
  auto failed = Ask(Text(DigestOf("digest", kPassword, FreshNonce())));
  EXPECT_EQ(KindOf(failed), Kind::kOther);
  EXPECT_TRUE(absl::IsFailedPrecondition(failed.status())) << failed.status();
  sealer_ = nullptr;
  Reset({});
  EXPECT_TRUE(IsWrong(Ask(Text(DigestOf("digest", kPassword, FreshNonce())))));
}

// One answer over many connections at once passes once.
TEST_F(DigestAuthTest, IsThreadSafe) {
  constexpr int kThreads = 8;
  const std::string text = Text(DigestOf("digest", kPassword, FreshNonce()));
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      if (Ask(text).ok()) ++taken;
      EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, FreshNonce()))).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 1);
}

}  // namespace
}  // namespace bestow::server
