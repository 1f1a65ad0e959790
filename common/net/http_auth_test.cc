#include "common/net/http_auth.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow {
namespace {

std::string Describe(const HttpChallenge& challenge) {
  if (!challenge.token68.empty()) {
    return absl::StrCat(challenge.scheme, "[", challenge.token68, "]");
  }
  return absl::StrCat(
      challenge.scheme, "(",
      absl::StrJoin(challenge.parameters, ",", absl::PairFormatter("=")), ")");
}

TEST(HttpAuthTest, ChallengesOfEveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("http_challenge")) {
    SCOPED_TRACE(test.name);
    const auto challenges = ParseChallenges({ToText(test.data)});
    testdata::ExpectStatus(test, challenges.status());
    if (!challenges.ok()) continue;
    EXPECT_EQ(
        absl::StrJoin(*challenges, " ",
                      [](std::string* out, const HttpChallenge& challenge) {
                        out->append(Describe(challenge));
                      }),
        test.notes.at("read"));
  }
}

TEST(HttpAuthTest, ChallengesOfSeveralHeaders) {
  const auto challenges =
      ParseChallenges({"Basic realm=\"a\"", "Digest realm=b, Negotiate"});
  ASSERT_TRUE(challenges.ok()) << challenges.status();
  ASSERT_EQ(challenges->size(), 3u);
  EXPECT_EQ((*challenges)[1].scheme, "Digest");
  EXPECT_FALSE(ParseChallenges({}).ok());
  EXPECT_FALSE(ParseChallenges({"Basic realm=\"a\"", "Digest realm=\""}).ok());
  const std::string half = "Basic realm=\"" + std::string(4 * 1024, 'a') + "\"";
  EXPECT_TRUE(ParseChallenges({half}).ok());
  EXPECT_FALSE(ParseChallenges({half, half}).ok());
}

// RFC 7617 2: the example.
TEST(HttpAuthTest, BasicReadsTheExampleOfRfc7617) {
  auto parsed = ParseBasicAuthorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->name, "Aladdin");
  EXPECT_EQ(parsed->password.text(), "open sesame");
  const auto header =
      FormatBasicAuthorization("Aladdin", Secret("open sesame"));
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->text(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(HttpAuthTest, BasicTakesTheSchemeInAnyCaseAndColonsInThePassword) {
  auto parsed = ParseBasicAuthorization("bAsIc   YTpiOmM=");  // a:b:c
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->name, "a");
  EXPECT_EQ(parsed->password.text(), "b:c");
}

// RFC 7030 3.2.3: the username may be empty.
TEST(HttpAuthTest, BasicTakesAnEmptyNameAndAnEmptyPassword) {
  auto parsed = ParseBasicAuthorization("Basic Og==");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->name, "");
  EXPECT_TRUE(parsed->password.empty());
}

TEST(HttpAuthTest, BasicRefusesTheRest) {
  for (const char* header :
       {"", "Basic", "Basic ", "Basic !!!!", "Basic YWJj" /* abc */,
        "Digest username=\"a\"", "Bearer YTpi", "BasicYTpi",
        "Basic YQpiOmM=" /* a\nb:c */, "Basic YToAYg==" /* a:\0b */,
        "Basic YTpi YTpi!"}) {
    auto parsed = ParseBasicAuthorization(header);
    EXPECT_TRUE(absl::IsUnauthenticated(parsed.status())) << header;
  }
}

TEST(HttpAuthTest, BasicWritesNothingThatReadsDifferently) {
  EXPECT_TRUE(FormatBasicAuthorization("", Secret("b:c")).ok());
  EXPECT_FALSE(FormatBasicAuthorization("a:b", Secret("c")).ok());
  EXPECT_FALSE(FormatBasicAuthorization("a\n", Secret("c")).ok());
  EXPECT_FALSE(FormatBasicAuthorization("a", Secret("c\x7f")).ok());
}

TEST(HttpAuthTest, BasicQuotesTheRealm) {
  EXPECT_EQ(BasicChallenge("Bestow"), "Basic realm=\"Bestow\"");
  EXPECT_EQ(BasicChallenge("a\"b\\c"), "Basic realm=\"a\\\"b\\\\c\"");
}

// A case's password, where it has one, gives the response that stands there:
// RFC 7616 3.9.1's vectors are among them.
TEST(HttpAuthTest, DigestCredentialsOfEveryCase) {
  size_t count = 0;
  for (const testdata::Case& test : testdata::LoadCases("http_digest")) {
    SCOPED_TRACE(test.name);
    const auto read = ParseDigestAuthorization(AsText(test.data));
    EXPECT_EQ(read.ok(), test.accept) << read.status();
    if (!read.ok()) {
      EXPECT_TRUE(absl::IsUnauthenticated(read.status()));
      EXPECT_TRUE(absl::StrContains(read.status().message(), test.reason))
          << read.status();
      continue;
    }
    const auto again =
        ParseDigestAuthorization(FormatDigestAuthorization(*read));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, *read);
    const auto password = test.notes.find("password");
    if (password == test.notes.end()) continue;
    ++count;
    EXPECT_EQ(
        DigestResponse(read->algorithm,
                       DigestHa1(read->algorithm, read->username, read->realm,
                                 Secret(password->second)),
                       "GET", read->uri, read->nonce, read->nc, read->cnonce),
        read->response);
  }
  EXPECT_GE(count, 5u);
}

// RFC 7030 A.3: the client quotes qop.
TEST(HttpAuthTest, DigestReadsRfc7030A3) {
  const auto read = ParseDigestAuthorization(
      AsText(testdata::LoadCase("http_digest", "rfc7030_a3").data));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->username, "estuser");
  EXPECT_EQ(read->realm, "estrealm");
  EXPECT_EQ(read->nonce, "1368141352");
  EXPECT_EQ(read->uri, "/.well-known/est/simpleenroll");
  EXPECT_EQ(read->cnonce, "MTYwMzg3");
  EXPECT_EQ(read->nc, 1u);
  EXPECT_EQ(read->response, "144cc27f96046f1d70eb16db20f75f22");
  EXPECT_EQ(read->algorithm, DigestAlgorithm::kMd5);
}

// RFC 7616 3.4.2: what a change of anything in it changes.
TEST(HttpAuthTest, EveryPartOfTheResponseCounts) {
  const auto response = [](std::string_view method, std::string_view uri,
                           std::string_view nonce, uint32_t nc,
                           std::string_view cnonce, std::string_view user,
                           std::string_view realm, std::string_view password) {
    const auto md5 = DigestAlgorithm::kMd5;
    return DigestResponse(md5, DigestHa1(md5, user, realm, Secret(password)),
                          method, uri, nonce, nc, cnonce);
  };
  const std::string one = response("GET", "/", "n", 1, "c", "u", "r", "p");
  EXPECT_NE(one, response("POST", "/", "n", 1, "c", "u", "r", "p"));
  EXPECT_NE(one, response("GET", "/a", "n", 1, "c", "u", "r", "p"));
  EXPECT_NE(one, response("GET", "/", "m", 1, "c", "u", "r", "p"));
  EXPECT_NE(one, response("GET", "/", "n", 2, "c", "u", "r", "p"));
  EXPECT_NE(one, response("GET", "/", "n", 1, "d", "u", "r", "p"));
  EXPECT_NE(one, response("GET", "/", "n", 1, "c", "v", "r", "p"));
  EXPECT_NE(one, response("GET", "/", "n", 1, "c", "u", "s", "p"));
  EXPECT_NE(one, response("GET", "/", "n", 1, "c", "u", "r", "q"));
  EXPECT_EQ(one.size(), 32u);
}

// What today's clients read: everything quoted, no algorithm for MD5; and
// RFC 7616 3.3: stale and algorithm are never quoted.
TEST(HttpAuthTest, DigestChallengeIsSpelledAsClientsReadIt) {
  DigestChallenge challenge{.realm = "est\"realm", .nonce = "n0nce"};
  EXPECT_EQ(FormatDigestChallenge(challenge),
            "Digest realm=\"est\\\"realm\", qop=\"auth\", nonce=\"n0nce\"");
  challenge.opaque = "o";
  challenge.stale = true;
  challenge.algorithm = DigestAlgorithm::kSha256;
  EXPECT_EQ(FormatDigestChallenge(challenge),
            "Digest realm=\"est\\\"realm\", qop=\"auth\", nonce=\"n0nce\", "
            "opaque=\"o\", stale=true, algorithm=SHA-256");
}

TEST(HttpAuthTest, DigestChallengeComesBack) {
  for (const DigestChallenge& challenge :
       {DigestChallenge{.realm = "", .nonce = "n"},
        DigestChallenge{"r\\\"", "n", "o", DigestAlgorithm::kMd5, true},
        DigestChallenge{"r", "n", "o", DigestAlgorithm::kSha256, false}}) {
    const auto parsed = ParseChallenges({FormatDigestChallenge(challenge)});
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    ASSERT_EQ(parsed->size(), 1u);
    const auto read = ReadDigestChallenge(parsed->front());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, challenge);
  }
}

TEST(HttpAuthTest, ReadsTheDigestChallengesThatItCanAnswer) {
  const auto read = [](std::string header) {
    return ReadDigestChallenge(ParseChallenges({std::move(header)})->front());
  };
  // RFC 7616 3.9.1
  const auto example = read(
      "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
      "algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv\", opaque=\"FQhe\"");
  ASSERT_TRUE(example.ok()) << example.status();
  EXPECT_EQ(example->algorithm, DigestAlgorithm::kSha256);
  EXPECT_EQ(example->opaque, "FQhe");
  EXPECT_FALSE(example->stale);
  const std::string good = "Digest realm=\"r\", nonce=\"n\", qop=auth";
  EXPECT_TRUE(read(good).ok());
  EXPECT_TRUE(read(good + ", algorithm=\"md5\"").ok());
  EXPECT_TRUE(read(good + ", stale=TRUE")->stale);
  EXPECT_TRUE(read(good + ", stale=\"true\"")->stale);
  EXPECT_FALSE(read(good + ", stale=false")->stale);
  EXPECT_FALSE(read(good + ", algorithm=MD5-sess").ok());
  EXPECT_FALSE(read(good + ", opaque=" + std::string(257, 'a')).ok());
  for (const std::string part : {"realm=\"r\"", "nonce=\"n\"", "qop=auth"}) {
    EXPECT_FALSE(read(absl::StrReplaceAll(good, {{part, "x=y"}})).ok()) << part;
  }
  EXPECT_FALSE(read("Digest realm=r, nonce=n, qop=auth-int").ok());
  EXPECT_FALSE(read("Basic realm=r, nonce=n, qop=auth").ok());
  EXPECT_FALSE(
      read("Digest realm=r, qop=auth, nonce=" + std::string(257, 'a')).ok());
}

}  // namespace
}  // namespace bestow
