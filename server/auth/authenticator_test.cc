// By HTTP credentials, and by what each service asks for.
#include "server/auth/authenticator.h"

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator_fixture.h"

namespace bestow::server {
namespace {

using Kind = AuthFailure::Kind;

class AuthenticatorTest : public AuthenticatorFixture {};

TEST_F(AuthenticatorTest, TakesAPassword) {
  auto principal = Ask(Basic("gw-17", kPassword));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->identity, "gw-17");
  EXPECT_EQ(principal->identity_id, store_->FindIdentity("gw-17")->id);
  EXPECT_EQ(principal->method, AuthMethod::kPassword);
  EXPECT_EQ(principal->secret_id, std::nullopt);
  EXPECT_FALSE(principal->is_ra);
}

TEST_F(AuthenticatorTest, TakesAOneTimeSecret) {
  auto principal = Ask(Basic("gw-17", kSecret));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->method, AuthMethod::kOneTimeSecret);
  EXPECT_TRUE(principal->secret_id.has_value());
}

TEST_F(AuthenticatorTest, KnowsARegistrationAuthority) {
  auto principal = Ask(Basic("ra", kPassword));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_TRUE(principal->is_ra);
}

TEST_F(AuthenticatorTest, RefusesWrongHttpCredentials) {
  rules_.config.digest = DigestOffer::kOff;
  const std::string kWrong[] = {
      Basic("gw-17", "wrong"),
      Basic("gw-17", ""),
      Basic("nobody", kPassword),
      Basic("", kPassword),
      Basic("GW-17", kPassword),
      Basic("digest", kSecret),
      Basic("gw-17", kDigestSecret),
      "Basic",
      "Basic !",
      "Bearer abc",
      Text(DigestOf("digest", kPassword, "n")),
  };
  for (const std::string& authorization : kWrong) {
    auto refused = Ask(authorization);
    ASSERT_FALSE(refused.ok()) << authorization;
    const AuthFailure failure = AuthFailureOf(refused.status());
    EXPECT_EQ(failure.kind, Kind::kWrongCredentials) << authorization;
    EXPECT_EQ(failure.challenges,
              std::vector<std::string>{"Basic realm=\"Bestow\""});
    // The same words, whether the name is there or not.
    if (absl::StartsWith(authorization, "Basic ") &&
        authorization != "Basic !") {
      EXPECT_EQ(refused.status().message(),
                "wrong name, password or one-time secret");
    }
    Reset({});  // of the wrong tries
  }
  EXPECT_TRUE(Ask(Basic("gw-17", kPassword)).ok());
}

TEST_F(AuthenticatorTest, AnIdentityIsGoodForItsLabels) {
  EXPECT_EQ(KindOf(Ask(Basic("plant", kPassword))), Kind::kNotForLabel);
  EXPECT_TRUE(Ask(Basic("gw-17", kPassword)).ok());
  rules_.label = "plant";
  EXPECT_TRUE(Ask(Basic("plant", kPassword)).ok());
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword))), Kind::kNotForLabel);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kSecret))), Kind::kNotForLabel);
  // Only who has the password is told of labels.
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", "wrong"))), Kind::kWrongCredentials);
}

// FACTS of the field: Basic first; MD5 with every parameter quoted and without
// algorithm; SHA-256 only where the operator turned it on.
TEST_F(AuthenticatorTest, OffersBasicThenDigest) {
  const auto offered = [&](bool basic, DigestOffer digest) {
    rules_.config.basic = basic;
    rules_.config.digest = digest;
    std::vector<std::string> shapes;
    for (const std::string& challenge :
         authenticator_->Challenges(rules_, false)) {
      const size_t nonce = challenge.find("nonce=\"");
      shapes.push_back(
          nonce == std::string::npos
              ? challenge
              : challenge.substr(0, nonce + 7) +
                    challenge.substr(challenge.find('"', nonce + 7)));
    }
    return shapes;
  };
  const std::string basic = "Basic realm=\"Bestow\"";
  const std::vector<std::string> md5 = offered(false, DigestOffer::kMd5);
  ASSERT_EQ(md5.size(), 1u);
  EXPECT_TRUE(absl::StartsWith(md5[0], "Digest "));
  EXPECT_TRUE(absl::StrContains(md5[0], "realm=\"Bestow\""));
  EXPECT_TRUE(absl::StrContains(md5[0], "qop=\"auth\""));
  EXPECT_FALSE(absl::StrContains(md5[0], "algorithm"));
  EXPECT_FALSE(absl::StrContains(md5[0], "stale"));
  const std::vector<std::string> sha256 = offered(false, DigestOffer::kSha256);
  ASSERT_EQ(sha256.size(), 1u);
  EXPECT_TRUE(absl::StrContains(sha256[0], "algorithm=SHA-256"));

  EXPECT_EQ(offered(true, DigestOffer::kOff), std::vector<std::string>{basic});
  EXPECT_EQ(offered(true, DigestOffer::kMd5),
            (std::vector<std::string>{basic, md5[0]}));
  EXPECT_EQ(offered(true, DigestOffer::kBoth),
            (std::vector<std::string>{basic, md5[0], sha256[0]}));
  EXPECT_TRUE(offered(false, DigestOffer::kOff).empty());
}

// --- What a service asks for ---

class RequireTest : public AuthenticatorFixture {
 protected:
  void SetUp() override {
    AuthenticatorFixture::SetUp();
    mine_ = Show(IssueTo("gw-17", ca_));
    other_ = Show(IssueTo("digest", ca_));
    foreign_ = Show(MakeCertificate(MakeCa("Elsewhere"), "CN=gw-17"),
                    absl::PermissionDeniedError("self signed"));
  }
  TlsPeer none_, mine_, other_, foreign_;
};

TEST_F(RequireTest, Any) {
  rules_.config.require = Require::kAny;
  EXPECT_EQ(KindOf(Ask("", none_)), Kind::kNoCredentials);
  EXPECT_EQ(KindOf(Ask("", foreign_)), Kind::kNoCredentials);
  EXPECT_EQ(Ask("", mine_)->method, AuthMethod::kCertificate);
  EXPECT_EQ(Ask(Basic("gw-17", kPassword), none_)->method,
            AuthMethod::kPassword);
  EXPECT_EQ(Ask(Basic("gw-17", kPassword), foreign_)->method,
            AuthMethod::kPassword);
  // What the client chose to send is what counts.
  EXPECT_EQ(Ask(Basic("gw-17", kPassword), other_)->identity, "gw-17");
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", "wrong"), mine_)),
            Kind::kWrongCredentials);
}

TEST_F(RequireTest, AnyWithoutHttpIsTheCertificate) {
  rules_.config.basic = false;
  EXPECT_EQ(KindOf(Ask("", none_)), Kind::kNoCertificate);
  EXPECT_EQ(KindOf(Ask("", foreign_)), Kind::kBadCertificate);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword), none_)),
            Kind::kNoCertificate);
  EXPECT_EQ(Ask(Basic("gw-17", kPassword), mine_)->method,
            AuthMethod::kCertificate);
}

TEST_F(RequireTest, Certificate) {
  rules_.config.require = Require::kCertificate;
  EXPECT_EQ(KindOf(Ask("", none_)), Kind::kNoCertificate);
  EXPECT_EQ(KindOf(Ask("", foreign_)), Kind::kBadCertificate);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword), none_)),
            Kind::kNoCertificate);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword), foreign_)),
            Kind::kBadCertificate);
  auto principal = Ask("", mine_);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->method, AuthMethod::kCertificate);
  // HTTP credentials, even wrong ones, are not looked at.
  EXPECT_EQ(Ask(Basic("gw-17", "wrong"), mine_)->method,
            AuthMethod::kCertificate);
}

TEST_F(RequireTest, Password) {
  rules_.config.require = Require::kPassword;
  EXPECT_EQ(KindOf(Ask("", none_)), Kind::kNoCredentials);
  EXPECT_EQ(KindOf(Ask("", mine_)), Kind::kNoCredentials);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", "wrong"), mine_)),
            Kind::kWrongCredentials);
  EXPECT_EQ(Ask(Basic("gw-17", kPassword), none_)->method,
            AuthMethod::kPassword);
  EXPECT_EQ(Ask(Basic("gw-17", kSecret), mine_)->method,
            AuthMethod::kOneTimeSecret);
}

TEST_F(RequireTest, CertificateAndPassword) {
  rules_.config.require = Require::kCertificateAndPassword;
  // The certificate first: nobody without one tries passwords.
  EXPECT_EQ(KindOf(Ask("", none_)), Kind::kNoCertificate);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword), none_)),
            Kind::kNoCertificate);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword), foreign_)),
            Kind::kBadCertificate);
  EXPECT_EQ(KindOf(Ask("", mine_)), Kind::kNoCredentials);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", "wrong"), mine_)),
            Kind::kWrongCredentials);
  // Both right, of two identities.
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword), other_)),
            Kind::kBadCertificate);

  auto principal = Ask(Basic("gw-17", kPassword), mine_);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->method, AuthMethod::kCertificateAndPassword);
  EXPECT_EQ(principal->identity, "gw-17");
  ASSERT_TRUE(principal->certificate.has_value());
  EXPECT_EQ(principal->certificate->certificate, mine_.chain[0].der);
  principal = Ask(Basic("gw-17", kSecret), mine_);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_TRUE(principal->secret_id.has_value());
  // Over Digest as well.
  rules_.config.digest = DigestOffer::kMd5;
  principal = Ask(Text(DigestOf("digest", kPassword, FreshNonce())), other_);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->method, AuthMethod::kCertificateAndPassword);
}

// --- Limits of wrong tries ---

class WrongTriesTest : public AuthenticatorFixture {
 protected:
  static constexpr int kBurst = 5;
  static constexpr absl::Duration kInterval = absl::Seconds(10);

  void SetUp() override {
    AuthenticatorFixture::SetUp();
    Authenticator::Options options;
    options.wrong_tries = {.burst = kBurst, .interval = kInterval};
    Reset(options);
  }
  void TryWrong(const std::string& name, const std::string& remote) {
    for (int i = 0; i < kBurst; ++i) {
      EXPECT_EQ(KindOf(Ask(Basic(name, "wrong"), {}, remote)),
                Kind::kWrongCredentials)
          << i;
    }
  }
};

TEST_F(WrongTriesTest, HoldsTheAddressUp) {
  TryWrong("gw-17", kRemote);
  auto held = Ask(Basic("ra", "wrong"));
  ASSERT_EQ(KindOf(held), Kind::kTooManyTries);
  EXPECT_EQ(AuthFailureOf(held.status()).retry_after, kInterval);
  EXPECT_TRUE(AuthFailureOf(held.status()).challenges.empty());
  // Nor does a right one pass: that would tell the two apart.
  EXPECT_EQ(KindOf(Ask(Basic("ra", kPassword))), Kind::kTooManyTries);
  // Another port is no other address; another address is.
  EXPECT_EQ(KindOf(Ask(Basic("ra", kPassword), {}, "192.0.2.7:1")),
            Kind::kTooManyTries);
  EXPECT_TRUE(Ask(Basic("ra", kPassword), {}, "192.0.2.8:1").ok());
  clock_.Advance(kInterval);
  EXPECT_TRUE(Ask(Basic("ra", kPassword)).ok());
}

TEST_F(WrongTriesTest, HoldsTheUserUpFromEverywhere) {
  for (int i = 0; i < kBurst; ++i) {
    EXPECT_EQ(KindOf(Ask(Basic("ra", "wrong"), {},
                         absl::StrCat("198.51.100.", i, ":1"))),
              Kind::kWrongCredentials);
  }
  EXPECT_EQ(KindOf(Ask(Basic("ra", kPassword))), Kind::kTooManyTries);
  EXPECT_TRUE(Ask(Basic("gw-17", kPassword)).ok());
  clock_.Advance(kInterval);
  EXPECT_TRUE(Ask(Basic("ra", kPassword)).ok());
}

// A name that is not there is held up just as one that is.
TEST_F(WrongTriesTest, TellsNothingOfWhoIsThere) {
  TryWrong("nobody", kRemote);
  EXPECT_EQ(KindOf(Ask(Basic("nobody", "wrong"), {}, "192.0.2.8:1")),
            Kind::kTooManyTries);
}

TEST_F(WrongTriesTest, TakesANetOfIpv6ForOneAddress) {
  TryWrong("nobody", "[2001:db8::1]:443");
  EXPECT_EQ(KindOf(Ask(Basic("ra", kPassword), {}, "[2001:db8::2]:443")),
            Kind::kTooManyTries);
  EXPECT_TRUE(Ask(Basic("ra", kPassword), {}, "[2001:db8:0:1::1]:443").ok());
}

// Nobody guesses one, and a new device must not be kept out.
TEST_F(WrongTriesTest, LetsARightOneTimeSecretPass) {
  rules_.config.digest = DigestOffer::kMd5;
  TryWrong("gw-17", kRemote);
  TryWrong("digest", "192.0.2.8:1");
  EXPECT_TRUE(Ask(Basic("gw-17", kSecret)).ok());
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kDigestSecret, FreshNonce()))).ok());
  EXPECT_EQ(KindOf(Ask(Text(DigestOf("digest", kPassword, FreshNonce())))),
            Kind::kTooManyTries);
}

TEST_F(WrongTriesTest, CountsDigestToo) {
  rules_.config.digest = DigestOffer::kMd5;
  for (int i = 0; i < kBurst; ++i) {
    EXPECT_EQ(KindOf(Ask(Text(DigestOf("digest", "wrong", FreshNonce())))),
              Kind::kWrongCredentials);
  }
  EXPECT_EQ(KindOf(Ask(Text(DigestOf("digest", "wrong", FreshNonce())))),
            Kind::kTooManyTries);
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword))), Kind::kTooManyTries);
}

// What proves nothing of a secret is not counted: no credentials, another
// scheme, a malformed header, a used-up nonce.
TEST_F(WrongTriesTest, CountsOnlyTries) {
  rules_.config.digest = DigestOffer::kMd5;
  const std::string nonce = FreshNonce();
  EXPECT_TRUE(Ask(Text(DigestOf("digest", kPassword, nonce))).ok());
  for (int i = 0; i < 3 * kBurst; ++i) {
    EXPECT_EQ(KindOf(Ask("")), Kind::kNoCredentials);
    EXPECT_EQ(KindOf(Ask("Bearer x")), Kind::kWrongCredentials);
    EXPECT_EQ(KindOf(Ask("Basic !")), Kind::kWrongCredentials);
    EXPECT_EQ(KindOf(Ask(Text(DigestOf("digest", kPassword, nonce)))),
              Kind::kNoCredentials);
  }
  EXPECT_TRUE(Ask(Basic("gw-17", kPassword)).ok());
}

// Many at once: those that wait together for the pool are held up together.
TEST_F(WrongTriesTest, IsThreadSafe) {
  constexpr int kThreads = 8;
  constexpr int kEach = 20;
  std::atomic<int> tried{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const Kind kind = KindOf(Ask(Basic("ra", "wrong")));
        if (kind == Kind::kWrongCredentials) ++tried;
        EXPECT_TRUE(kind == Kind::kWrongCredentials ||
                    kind == Kind::kTooManyTries);
        EXPECT_TRUE(Ask(Basic("gw-17", kSecret)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(tried, kBurst);
  // One more on each of the two threads of the pool.
  EXPECT_LE(tried, kBurst + 2);
}

TEST_F(AuthenticatorTest, AFullQueueIsNoVerdict) {
  Authenticator::Options options;
  options.max_queued_passwords = 0;
  Reset(options);
  auto busy = Ask(Basic("gw-17", kPassword));
  EXPECT_TRUE(absl::IsResourceExhausted(busy.status())) << busy.status();
  EXPECT_EQ(KindOf(busy), Kind::kOther);
  EXPECT_TRUE(Ask(Basic("gw-17", kSecret)).ok());
}

}  // namespace
}  // namespace bestow::server
