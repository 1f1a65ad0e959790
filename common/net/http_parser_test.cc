#include "common/net/http_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace bestow {
namespace {

using ::testing::HasSubstr;

HttpLimits SmallLimits() {
  HttpLimits limits;
  limits.header_bytes = 512;
  limits.header_count = 8;
  limits.body_bytes = 64;
  return limits;
}

// "POST /x [keep] <Host=h,A=b> |body|" of each request, then how it ended.
std::string Transcript(const std::string& raw, size_t step) {
  HttpRequestParser parser(SmallLimits());
  std::string out;
  const auto collect = [&] {
    if (parser.TakeExpectsContinue()) out += "(100)";
    while (parser.phase() == HttpParsePhase::kDone) {
      const bool keep = parser.keep_alive();
      const HttpRequest request = parser.TakeRequest();
      absl::StrAppend(&out, request.method, " ", request.target,
                      keep ? " keep" : " close", " |", request.body, "|\n");
      parser.Resume();
    }
  };
  for (size_t at = 0; at < raw.size(); at += step) {
    parser.Feed(AsBytes(std::string_view(raw).substr(at, step)));
    collect();
  }
  switch (parser.phase()) {
    case HttpParsePhase::kRefused:
      return absl::StrCat(out, parser.refusal().status, " ",
                          parser.refusal().reason);
    case HttpParsePhase::kIdle:
      return out;
    default:
      return out + "...";
  }
}

struct Case {
  const char* name;
  std::string raw;
  std::string transcript;  // a prefix where it ends in a reason
};

const char kHost[] = "Host: h\r\n";

std::vector<Case> Accepted() {
  return {
      {"Get", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / keep ||\n"},
      {"Close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "GET / close ||\n"},
      {"CloseAmongOthers",
       "GET / HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n",
       "GET / close ||\n"},
      {"Http10", "GET / HTTP/1.0\r\n\r\n", "GET / close ||\n"},
      {"Http10KeepAliveIsNotKept",
       "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / close ||\n"},
      {"AbsoluteForm", "GET https://h:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n",
       "GET /a?b keep ||\n"},
      {"AbsoluteFormWithoutPath", "GET https://h HTTP/1.1\r\nHost: h\r\n\r\n",
       "GET / keep ||\n"},
      {"AbsoluteFormWithQueryAlone",
       "GET https://h?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?q keep ||\n"},
      {"SchemeWithinThePath", "GET /a?u=http://x/y HTTP/1.1\r\nHost: h\r\n\r\n",
       "GET /a?u=http://x/y keep ||\n"},
      {"Body", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
       "POST /x keep |abc|\n"},
      {"EmptyBody", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
       "POST /x keep ||\n"},
      {"BodyAtTheLimit",
       absl::StrCat("POST /x HTTP/1.1\r\nHost: h\r\ncontent-length: 64\r\n\r\n",
                    std::string(64, 'b')),
       absl::StrCat("POST /x keep |", std::string(64, 'b'), "|\n")},
      {"Chunked",
       "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
       "3\r\nabc\r\n0A;ext=\"v\"\r\n0123456789\r\n0\r\n\r\n",
       "POST /x keep |abc0123456789|\n"},
      {"TrailersAreDropped",
       "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
       "1\r\na\r\n0\r\nHost: other\r\nX: y\r\n\r\n",
       "POST /x keep |a|\n"},
      {"Pipelined",
       "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\n"
       "Content-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: h\r\n\r\n",
       "GET /1 keep ||\nPOST /2 keep |hi|\nGET /3 keep ||\n"},
      {"StrayCrlfAfterGet",
       "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: "
       "h\r\n\r\n\r\n\r\n",
       "GET /1 keep ||\nGET /2 keep ||\n"},
      {"OddSpaces", "GET / HTTP/1.1\r\nHost:h\r\nX: \t y \r\nEmpty:\r\n\r\n",
       "GET / keep ||\n"},
      {"HostWithPort", "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n",
       "GET / keep ||\n"},
      {"ExpectationOfHttp10IsIgnored",
       "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
       "POST / close |x|\n"},
      {"EightHeaders",
       absl::StrCat("GET / HTTP/1.1\r\n", kHost,
                    "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\n"
                    "G: 1\r\n\r\n"),
       "GET / keep ||\n"},
      {"Unfinished", "GET / HTTP/1.1\r\nHost: h\r\n", "..."},
      {"UnfinishedBody",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcd", "..."},
      {"UnfinishedChunk",
       "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
       "5\r\nabcde\r\n0\r\n",
       "..."},
  };
}

std::vector<Case> Refused() {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  return {
      {"Garbage", "\x01\x02\x03\r\n\r\n", "400 "},
      {"Http09", "GET /\r\n\r\n", "400 "},
      {"NoMethod", " / HTTP/1.1\r\nHost: h\r\n\r\n", "400 "},
      {"NoTarget", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", "400 "},
      {"ControlInTarget", "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", "400 "},
      {"NonAsciiTarget", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", "400 "},
      {"BareLineFeeds", "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n", "400 "},
      {"BareLineFeedInHeader", "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
       "400 "},
      {"BareCarriageReturn", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "400 "},
      {"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400 "},
      {"NoColon", "GET / HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n", "400 "},
      {"EmptyName", "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", "400 "},
      {"NulInValue",
       absl::StrCat("GET / HTTP/1.1\r\nHost: h\r\nX: a", std::string(1, 0),
                    "b\r\n\r\n"),
       "400 "},
      {"FoldedValue", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
       "400 a header field folded"},
      {"FoldedAtOnce", "GET / HTTP/1.1\r\nHost: h\r\nX:\r\n b\r\n\r\n",
       "400 a header field folded"},
      {"FoldedAtOnceEmpty", "GET / HTTP/1.1\r\nHost: h\r\nX:\r\n \r\n\r\n",
       "400 a header field folded"},
      {"FoldedEmpty", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\t\r\n\r\n",
       "400 a header field folded"},
      {"FirstLineFolded", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 "},
      {"NoHost", "GET / HTTP/1.1\r\nX: y\r\n\r\n", "400 there must be exactly"},
      {"TwoHosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
       "400 there must be exactly"},
      {"TwoHostsOfHttp10", "GET / HTTP/1.0\r\nHost: h\r\nHost: i\r\n\r\n",
       "400 there must be exactly"},
      {"MalformedHost", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
       "400 malformed Host"},
      {"TwoEqualContentLengths",
       post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
       "400 more than one Content-Length"},
      {"TwoContentLengths",
       post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400 "},
      {"ListedContentLengths", post + "Content-Length: 3, 3\r\n\r\nabc",
       "400 malformed Content-Length"},
      {"SignedContentLength", post + "Content-Length: +3\r\n\r\nabc", "400 "},
      {"NegativeContentLength", post + "Content-Length: -1\r\n\r\n", "400 "},
      {"HexContentLength", post + "Content-Length: 0x3\r\n\r\nabc", "400 "},
      {"EmptyContentLength", post + "Content-Length:\r\n\r\n", "400 "},
      {"HugeContentLength",
       post + "Content-Length: 99999999999999999999999\r\n\r\n", "400 "},
      {"LengthThenCoding",
       post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
       "400 "},
      {"CodingThenLength",
       post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       "400 "},
      {"LengthAndOtherCoding",
       post + "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
       "400 "},
      {"ChunkedTwice",
       post +
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400 "},
      {"ChunkedOfHttp10",
       "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400 "},
      {"GzipCoding", post + "Transfer-Encoding: gzip\r\n\r\n", "501 "},
      {"GzipThenChunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
       "501 "},
      {"IdentityCoding", post + "Transfer-Encoding: identity\r\n\r\n", "501 "},
      {"ObscureChunked", post + "Transfer-Encoding: xchunked\r\n\r\n", "501 "},
      {"Http2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505 "},
      {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 "},
      {"Http12", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", "505 "},
      {"NoVersion", "GET / HTTQ/1.1\r\nHost: h\r\n\r\n", "400 "},
      {"JunkAfterVersion", "GET / HTTP/1.1 x\r\nHost: h\r\n\r\n", "400 "},
      {"UnknownExpectation", post + "Expect: tea\r\nContent-Length: 1\r\n\r\nx",
       "417 "},
      {"BodyOverTheLimit", post + "Content-Length: 65\r\n\r\n", "413 "},
      {"ChunkOverTheLimit", chunked + "41\r\n", "413 "},
      {"ChunksOverTheLimit",
       chunked + "20\r\n" + std::string(32, 'a') + "\r\n21\r\n", "413 "},
      {"HugeChunk", chunked + "ffffffffffffffff\r\n", "413 "},
      {"OverflowingChunk", chunked + "11111111111111111\r\n", "400 "},
      {"NoChunkSize", chunked + ";x\r\n", "400 "},
      {"ChunkNotHex", chunked + "zz\r\n", "400 "},
      {"ChunkWithoutLineEnd", chunked + "1\r\nabc\r\n0\r\n\r\n", "400 "},
      {"BareLineFeedChunk", chunked + "1\na\n0\n\n\r\n\r\n", "400 "},
      {"FoldedTrailer", chunked + "0\r\nA: b\r\n c\r\n\r\n", "400 "},
      {"LongChunkExtension", chunked + "1;" + std::string(600, 'x'),
       "431 too long a chunk"},
      {"TooManyHeaders",
       absl::StrCat("GET / HTTP/1.1\r\n", kHost,
                    "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\n"
                    "G: 1\r\nH: 1\r\n\r\n"),
       "431 more than 8"},
      {"LongHeader",
       absl::StrCat("GET / HTTP/1.1\r\n", kHost, "A: ", std::string(600, 'x'),
                    "\r\n\r\n"),
       "431 the header is longer than 512"},
      {"LongTarget",
       absl::StrCat("GET /", std::string(600, 'x'), " HTTP/1.1\r\n\r\n"),
       "431 "},
      {"OnlyEmptyLines", "\r\n\r\n\r\n\r\n\r\n\r\n", "400 "},
      {"ConnectionNoList", "GET / HTTP/1.1\r\nHost: h\r\nConnection: @\r\n\r\n",
       "400 "},
      {"SmuggledAfterGood",
       "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\n"
       "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
       "GET /1 keep ||\n400 more than one"},
  };
}

TEST(HttpRequestParserTest, AcceptsInOnePieceAndByteByByte) {
  for (const Case& c : Accepted()) {
    SCOPED_TRACE(c.name);
    for (size_t step : {c.raw.size(), size_t{1}, size_t{2}, size_t{7}}) {
      EXPECT_EQ(Transcript(c.raw, step), c.transcript) << "by " << step;
    }
  }
}

TEST(HttpRequestParserTest, RefusesInPiecesOfEverySize) {
  for (const Case& c : Refused()) {
    SCOPED_TRACE(c.name);
    for (size_t step = 1; step <= c.raw.size(); ++step) {
      const std::string pieces = Transcript(c.raw, step);
      EXPECT_TRUE(absl::StartsWith(pieces, c.transcript))
          << pieces << " by " << step;
    }
  }
}

TEST(HttpRequestParserTest, HeaderLimitIsExact) {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
  const std::string end = "\r\n\r\n";
  const std::string fits =
      head + std::string(512 - head.size() - end.size(), 'x') + end;
  const std::string exceeds =
      head + std::string(513 - head.size() - end.size(), 'x') + end;
  for (size_t step : {size_t{1}, size_t{100}, size_t{600}}) {
    EXPECT_EQ(Transcript(fits, step), "GET / keep ||\n") << step;
    EXPECT_THAT(Transcript(exceeds, step), HasSubstr("431")) << step;
  }
}

TEST(HttpRequestParserTest, ManySmallHeadersCountTogether) {
  // Each fits; a parser that limits each field would take them all.
  HttpLimits limits = SmallLimits();
  limits.header_count = 1000;
  HttpRequestParser parser(limits);
  parser.Feed(AsBytes("GET / HTTP/1.1\r\nHost: h\r\n"));
  for (int i = 0; i < 100; ++i) parser.Feed(AsBytes("Abcdef: ghij\r\n"));
  ASSERT_EQ(parser.phase(), HttpParsePhase::kRefused);
  EXPECT_EQ(parser.refusal().status, 431);
}

TEST(HttpRequestParserTest, SmallChunksHaveALimitOnTheirOverhead) {
  HttpRequestParser parser(SmallLimits());
  parser.Feed(
      AsBytes("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
              "chunked\r\n\r\n"));
  for (int i = 0; i < 20; ++i) {
    parser.Feed(
        AsBytes(absl::StrCat("1;", std::string(300, 'x'), "\r\na\r\n")));
  }
  ASSERT_EQ(parser.phase(), HttpParsePhase::kRefused);
  EXPECT_EQ(parser.refusal().status, 413);
}

// Found by http_response_fuzz_test: chunks that came at once were taken for
// one long line when they were longer than a header may be.
TEST(HttpRequestParserTest, ManyChunksMayComeAtOnce) {
  HttpLimits limits = SmallLimits();
  limits.body_bytes = 10'000;
  std::string raw =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 9; ++i) {
    absl::StrAppend(&raw, "3e8\r\n", std::string(1000, 'c'), "\r\n");
  }
  raw += "0\r\n\r\n";
  for (size_t step : {raw.size(), size_t{700}, size_t{1}}) {
    HttpRequestParser parser(limits);
    for (size_t at = 0; at < raw.size(); at += step) {
      parser.Feed(AsBytes(std::string_view(raw).substr(at, step)));
    }
    ASSERT_EQ(parser.phase(), HttpParsePhase::kDone) << "by " << step;
    EXPECT_EQ(parser.TakeRequest().body, std::string(9000, 'c'));
  }
}

TEST(HttpRequestParserTest, LimitOfChunkLinesIsExact) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto with_line = [&](size_t bytes) {
    return absl::StrCat(head, "1;", std::string(bytes - 4, 'x'),
                        "\r\na\r\n0\r\n\r\n");
  };
  for (size_t step : {size_t{1}, size_t{1000}}) {
    EXPECT_EQ(Transcript(with_line(512), step), "POST / keep |a|\n") << step;
    EXPECT_THAT(Transcript(with_line(513), step), HasSubstr("431")) << step;
  }
}

TEST(HttpRequestParserTest, SaysOnceWhenToSendContinue) {
  HttpRequestParser parser(SmallLimits());
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
      "Content-Length: 2\r\n\r\n";
  parser.Feed(AsBytes(head));
  EXPECT_TRUE(parser.TakeExpectsContinue());
  EXPECT_FALSE(parser.TakeExpectsContinue());
  parser.Feed(AsBytes("ab"));
  ASSERT_EQ(parser.phase(), HttpParsePhase::kDone);
  EXPECT_EQ(parser.TakeRequest().body, "ab");
  // Who sends the body at once does not wait.
  parser.Feed(AsBytes(head + "a"));
  EXPECT_FALSE(parser.TakeExpectsContinue());
  parser.Feed(AsBytes("b"));
  EXPECT_EQ(parser.phase(), HttpParsePhase::kDone);
}

TEST(HttpRequestParserTest, KeepsHeadersAsSentInOrder) {
  HttpRequestParser parser(SmallLimits());
  parser.Feed(AsBytes(
      "GET /a?b HTTP/1.1\r\nhOST: h\r\nX: 1\r\nx:  two words \r\n\r\n"));
  ASSERT_EQ(parser.phase(), HttpParsePhase::kDone);
  const HttpRequest request = parser.TakeRequest();
  EXPECT_EQ(request.headers,
            (HttpHeaders{{"hOST", "h"}, {"X", "1"}, {"x", "two words"}}));
  EXPECT_EQ(FindHeader(request.headers, "x"), "1");
  EXPECT_EQ(FindHeader(request.headers, "HOST"), "h");
  EXPECT_EQ(FindHeader(request.headers, "Y"), std::nullopt);
}

struct ResponseCase {
  const char* name;
  std::string raw;
  std::string result;  // "200 close |body|", or the start of the status' text
  bool head = false;
};

std::string ResponseResult(const ResponseCase& c, size_t step) {
  HttpResponseParser parser(SmallLimits());
  parser.Expect(c.head);
  absl::Status status;
  for (size_t at = 0; at < c.raw.size() && status.ok(); at += step) {
    status = parser.Feed(AsBytes(std::string_view(c.raw).substr(at, step)));
    if (parser.phase() == HttpParsePhase::kDone) break;
  }
  if (status.ok()) status = parser.FeedEnd();
  if (!status.ok()) return std::string(absl::StatusCodeToString(status.code()));
  const HttpResponse response = parser.TakeResponse();
  return absl::StrCat(response.status, response.close ? " close |" : " keep |",
                      response.body, "|");
}

TEST(HttpResponseParserTest, ReadsAndRefuses) {
  const ResponseCase cases[] = {
      {"Length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
       "200 keep |hi|"},
      {"LengthAndClose",
       "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: "
       "2\r\n\r\nhi",
       "404 close |hi|"},
      {"EmptyReason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
       "200 keep ||"},
      {"Chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
       "\r\n",
       "200 keep |hi|"},
      {"UntilClose", "HTTP/1.1 200 OK\r\n\r\nall of it",
       "200 close |all of it|"},
      {"Http10", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
       "200 close |hi|"},
      {"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", "204 keep ||"},
      {"NotModified", "HTTP/1.1 304 X\r\nContent-Length: 10\r\n\r\n",
       "304 keep ||"},
      {"Head", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "200 keep ||",
       true},
      {"Interim",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n"
       "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
       "200 keep |hi|"},
      {"Nothing", "", "DATA_LOSS"},
      {"CutHeader", "HTTP/1.1 200 OK\r\nContent-Le", "DATA_LOSS"},
      {"CutLength", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
       "DATA_LOSS"},
      {"CutChunk",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
       "DATA_LOSS"},
      {"OnlyInterim", "HTTP/1.1 100 Continue\r\n\r\n", "DATA_LOSS"},
      {"Switching", "HTTP/1.1 101 Switching\r\n\r\n", "INVALID_ARGUMENT"},
      {"NoHttp", "SSH-2.0-OpenSSH\r\n\r\n", "INVALID_ARGUMENT"},
      {"StatusTooSmall", "HTTP/1.1 099 X\r\n\r\n", "INVALID_ARGUMENT"},
      {"StatusTooBig", "HTTP/1.1 600 X\r\n\r\n", "INVALID_ARGUMENT"},
      {"TwoLengths",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
       "INVALID_ARGUMENT"},
      {"LengthAndCoding",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: "
       "chunked\r\n\r\n",
       "INVALID_ARGUMENT"},
      {"Folded", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
       "INVALID_ARGUMENT"},
      {"Gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
       "INVALID_ARGUMENT"},
      {"BodyTooLong", "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n",
       "RESOURCE_EXHAUSTED"},
      {"BodyUntilCloseTooLong",
       "HTTP/1.1 200 OK\r\n\r\n" + std::string(65, 'x'), "RESOURCE_EXHAUSTED"},
      {"HeaderTooLong",
       "HTTP/1.1 200 OK\r\nX: " + std::string(600, 'x') + "\r\n\r\n",
       "RESOURCE_EXHAUSTED"},
  };
  for (const ResponseCase& c : cases) {
    SCOPED_TRACE(c.name);
    for (size_t step : {std::max<size_t>(c.raw.size(), 1), size_t{1}}) {
      EXPECT_EQ(ResponseResult(c, step), c.result) << "by " << step;
    }
  }
}

TEST(HttpResponseParserTest, EndlessInterimResponsesAreRefused) {
  HttpResponseParser parser(SmallLimits());
  absl::Status status;
  for (int i = 0; i < 20 && status.ok(); ++i) {
    status = parser.Feed(AsBytes("HTTP/1.1 102 Processing\r\n\r\n"));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace bestow
