#include "common/est_client/http_login.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/crypto/base64.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTarget[] = "/.well-known/est/simpleenroll";
constexpr char kBasic[] = "Basic realm=\"est\"";
const std::string& BasicAnswer() {
  static const auto* const answer =
      new std::string("Basic " + EncodeBase64(AsBytes("gw-17:s3cret")));
  return *answer;
}

std::string Digest(DigestAlgorithm algorithm, std::string nonce,
                   bool stale = false) {
  return FormatDigestChallenge({.realm = "est",
                                .nonce = std::move(nonce),
                                .opaque = "o",
                                .algorithm = algorithm,
                                .stale = stale});
}
std::string Md5(std::string nonce = "n1", bool stale = false) {
  return Digest(DigestAlgorithm::kMd5, std::move(nonce), stale);
}
std::string Sha256(std::string nonce = "n1", bool stale = false) {
  return Digest(DigestAlgorithm::kSha256, std::move(nonce), stale);
}

class HttpLoginTest : public ::testing::Test {
 protected:
  std::string Authorize() {
    auto value = login_.Authorize("POST", kTarget);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? *value : "";
  }
  // True when it has something to say to it.
  bool Challenge(const std::vector<std::string>& values) {
    HttpHeaders headers;
    for (const std::string& value : values) {
      headers.emplace_back("www-authenticate", value);
    }
    login_.TakeReply(401, headers);
    return login_.has_answer();
  }
  DigestCredentials ReadDigest(const std::string& header) {
    auto read = ParseDigestAuthorization(header);
    EXPECT_TRUE(read.ok()) << header;
    return read.ok() ? *read : DigestCredentials();
  }

  int secrets_read_ = 0;
  HttpLogin login_{"gw-17", [this]() -> absl::StatusOr<Secret> {
                     ++secrets_read_;
                     return Secret("s3cret");
                   }};
};

TEST_F(HttpLoginTest, ShowsNothingUnasked) {
  EXPECT_EQ(Authorize(), "");
  login_.TakeReply(200, {});
  EXPECT_FALSE(login_.has_answer());
  EXPECT_EQ(Authorize(), "");
  EXPECT_EQ(secrets_read_, 0);
}

// Which of the challenges is answered, in any order and any number of headers.
TEST_F(HttpLoginTest, AnswersTheStrongestChallenge) {
  struct {
    std::vector<std::string> offers;
    const char* answer;
  } cases[] = {
      {{kBasic}, "Basic "},
      {{"basic realm=x"}, "Basic "},
      {{kBasic, Md5()}, "Digest "},
      {{Md5(), kBasic}, "Digest "},
      {{std::string(kBasic) + ", " + Md5()}, "Digest "},
      {{Md5(), Sha256()}, "SHA-256"},
      {{Sha256(), Md5(), kBasic}, "SHA-256"},
      {{"Negotiate", kBasic}, "Basic "},
      {{"Digest realm=\"no nonce\"", kBasic}, "Basic "},
      {{"Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-512-256",
        kBasic},
       "Basic "},
  };
  for (const auto& one : cases) {
    HttpLogin login("gw-17",
                    []() -> absl::StatusOr<Secret> { return Secret("s"); });
    ASSERT_TRUE(login.Authorize("GET", "/").ok());
    HttpHeaders headers;
    for (const auto& offer : one.offers) {
      headers.emplace_back("WWW-Authenticate", offer);
    }
    login.TakeReply(401, headers);
    EXPECT_TRUE(login.has_answer()) << one.answer;
    EXPECT_THAT(*login.Authorize("GET", "/"), HasSubstr(one.answer));
  }
}

TEST_F(HttpLoginTest, WhatItCantAnswerItDoesNot) {
  for (const std::vector<std::string>& offers : {std::vector<std::string>{},
                                                 {"Negotiate"},
                                                 {"Bearer realm=\"x\""},
                                                 {"Digest realm=\"no nonce\""},
                                                 {"\"\x01"}}) {
    EXPECT_EQ(Authorize(), "");
    EXPECT_FALSE(Challenge(offers));
  }
  EXPECT_EQ(secrets_read_, 0);
}

TEST_F(HttpLoginTest, BasicIsRefusedOnce) {
  Authorize();
  ASSERT_TRUE(Challenge({kBasic}));
  EXPECT_EQ(Authorize(), BasicAnswer());
  EXPECT_FALSE(Challenge({kBasic}));
}

// RFC 7616 3.4: the response proves the secret, the count grows.
TEST_F(HttpLoginTest, DigestAnswersVerifyAndCount) {
  Authorize();
  ASSERT_TRUE(Challenge({Sha256("n1")}));
  std::string cnonce;
  for (uint32_t nc = 1; nc <= 3; ++nc) {
    const DigestCredentials answer = ReadDigest(Authorize());
    EXPECT_EQ(answer.username, "gw-17");
    EXPECT_EQ(answer.realm, "est");
    EXPECT_EQ(answer.nonce, "n1");
    EXPECT_EQ(answer.opaque, "o");
    EXPECT_EQ(answer.uri, kTarget);
    EXPECT_EQ(answer.nc, nc);
    EXPECT_NE(answer.cnonce, cnonce);
    cnonce = answer.cnonce;
    const Secret ha1 =
        DigestHa1(DigestAlgorithm::kSha256, "gw-17", "est", Secret("s3cret"));
    EXPECT_EQ(answer.response,
              DigestResponse(DigestAlgorithm::kSha256, ha1, "POST", kTarget,
                             "n1", nc, cnonce));
    login_.TakeReply(200, {});
    EXPECT_FALSE(login_.has_answer());
  }
}

TEST_F(HttpLoginTest, AStaleNonceIsReplaced) {
  Authorize();
  ASSERT_TRUE(Challenge({Md5("n1")}));
  Authorize();
  ASSERT_TRUE(Challenge({kBasic, Md5("n2", /*stale=*/true)}));
  const DigestCredentials answer = ReadDigest(Authorize());
  EXPECT_EQ(answer.nonce, "n2");
  EXPECT_EQ(answer.nc, 1u);
  // Without stale it was the secret that was wrong.
  EXPECT_FALSE(Challenge({Md5("n3")}));
}

TEST_F(HttpLoginTest, StaleForEverIsARefusal) {
  Authorize();
  ASSERT_TRUE(Challenge({Md5("n0")}));
  Authorize();
  ASSERT_TRUE(Challenge({Md5("n1", true)}));
  Authorize();
  ASSERT_TRUE(Challenge({Md5("n2", true)}));
  Authorize();
  EXPECT_FALSE(Challenge({Md5("n3", true)}));
}

// A server that asked for a digest does not get the password after all.
TEST_F(HttpLoginTest, ARefusedDigestIsNotFollowedByBasic) {
  Authorize();
  ASSERT_TRUE(Challenge({Md5("n1"), kBasic}));
  EXPECT_THAT(Authorize(), StartsWith("Digest "));
  EXPECT_FALSE(Challenge({kBasic}));
}

TEST_F(HttpLoginTest, AMissingSecretIsSaid) {
  HttpLogin login("gw-17", []() -> absl::StatusOr<Secret> {
    return absl::NotFoundError("no /etc/secret");
  });
  EXPECT_EQ(*login.Authorize("GET", "/"), "");
  login.TakeReply(401, {{"WWW-Authenticate", kBasic}});
  EXPECT_TRUE(login.has_answer());
  EXPECT_EQ(login.Authorize("GET", "/").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace bestow
