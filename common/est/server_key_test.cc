#include "common/est/server_key.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/est/multipart.h"
#include "common/pki/certs_only.h"
#include "common/pki/pkcs8.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::est {
namespace {

constexpr std::string_view kType = "multipart/mixed; boundary=b";

ServerKeyReply Reply(bool encrypted, Bytes key, Bytes certs_only) {
  ServerKeyReply reply;
  reply.encrypted = encrypted;
  reply.key = Secret(std::move(key));
  reply.certs_only = std::move(certs_only);
  return reply;
}

// Our base64 of `der`, broken into lines where `text` is.
std::string InLinesOf(std::string_view text, ByteView der) {
  const std::string base64 = EncodeBody(der, LineWrap::kNever);
  std::string out;
  size_t next = 0;
  for (const char c : text) {
    const bool is_white = c == '\r' || c == '\n' || c == ' ';
    out.push_back(is_white ? c : base64[std::min(next++, base64.size() - 1)]);
  }
  EXPECT_EQ(next, base64.size() - 1);  // all but its LF
  return out;
}

TEST(ServerKeyTest, EveryCase) {
  for (const testdata::Case& test : testdata::LoadCases("server_key")) {
    SCOPED_TRACE(test.name);
    const auto reply = ParseServerKeyReply(kType, AsText(test.data));
    testdata::ExpectStatus(test, reply.status());
    if (!reply.ok()) continue;
    EXPECT_EQ(absl::StrCat(reply->encrypted ? "encrypted " : "plain ",
                           AsText(reply->key.bytes()), " ",
                           AsText(reply->certs_only)),
              test.notes.at("read"));
  }
}

// RFC 7030 A.4: the reply reads; its parts are a key and its certificate; and
// between the appendix's own framing they are written in the same octets.
TEST(ServerKeyTest, Rfc7030A4ReadsAndComesBackInItsOwnFraming) {
  const std::string lf =
      ToText(testdata::LoadCase("multipart", "rfc7030_a4_serverkeygen").data);
  const std::string type =
      "multipart/mixed ; boundary=estServerExampleBoundary";
  for (const std::string& body :
       {lf, absl::StrReplaceAll(lf, {{"\n", "\r\n"}})}) {
    const auto reply = ParseServerKeyReply(type, body);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_FALSE(reply->encrypted);
    EXPECT_TRUE(ParsePrivateKeyInfoDer(reply->key.bytes()).ok());
    const auto certs = ParseCertsOnlyDer(reply->certs_only);
    ASSERT_TRUE(certs.ok()) << certs.status();
    EXPECT_EQ(certs->certificates[0].subject.common_name(),
              "serverside key generated response");

    // Each part is replaced by what we write for it, in the lines it has.
    auto message = ParseMultipart(body, *ParseBoundary(type));
    ASSERT_TRUE(message.ok());
    ASSERT_EQ(message->parts.size(), 2u);
    message->parts[0].body =
        InLinesOf(message->parts[0].body, reply->key.bytes());
    message->parts[1].body =
        InLinesOf(message->parts[1].body, reply->certs_only);
    EXPECT_EQ(*SerializeMultipart(*message, *ParseBoundary(type)), body);
  }
}

TEST(ServerKeyTest, WhatWeWriteReadsTheSame) {
  for (const bool encrypted : {false, true}) {
    for (const LineWrap wrap :
         {LineWrap::kAuto, LineWrap::kNever, LineWrap::kAlways}) {
      const ServerKeyReply reply =
          Reply(encrypted, Bytes(1300, 7), Bytes(900, 8));
      const auto written = SerializeServerKeyReply(reply, wrap);
      ASSERT_TRUE(written.ok()) << written.status();
      const auto read =
          ParseServerKeyReply(written->content_type, written->body);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->encrypted, encrypted);
      EXPECT_EQ(read->key.text(), reply.key.text());
      EXPECT_EQ(read->certs_only, reply.certs_only);
    }
  }
}

// What most clients in the field read: both headers in each part, CR LF.
TEST(ServerKeyTest, TheBytesWritten) {
  const auto written = SerializeServerKeyReply(Reply(false, {1}, {2}));
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(written->content_type,
            "multipart/mixed; boundary=bestowServerKeyBoundary");
  EXPECT_EQ(written->body,
            "--bestowServerKeyBoundary\r\n"
            "Content-Type: application/pkcs8\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "\r\n"
            "AQ==\r\n"
            "--bestowServerKeyBoundary\r\n"
            "Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "\r\n"
            "Ag==\r\n"
            "--bestowServerKeyBoundary--\r\n");
  EXPECT_TRUE(
      absl::StrContains(SerializeServerKeyReply(Reply(true, {1}, {2}))->body,
                        "Content-Type: application/pkcs7-mime; "
                        "smime-type=server-generated-key\r\n"));
  EXPECT_FALSE(SerializeServerKeyReply(Reply(false, {}, {2})).ok());
  EXPECT_FALSE(SerializeServerKeyReply(Reply(false, {1}, {})).ok());
}

TEST(ServerKeyTest, TheOuterTypeCounts) {
  const std::string body =
      ToText(testdata::LoadCase("server_key", "plain").data);
  EXPECT_TRUE(ParseServerKeyReply(kType, body).ok());
  EXPECT_FALSE(ParseServerKeyReply("application/pkcs8", body).ok());
  EXPECT_FALSE(ParseServerKeyReply("multipart/mixed", body).ok());
  EXPECT_FALSE(ParseServerKeyReply("multipart/mixed; boundary=c", body).ok());
}

}  // namespace
}  // namespace bestow::est
