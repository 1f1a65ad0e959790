#include "common/est/multipart.h"

#include "absl/strings/str_replace.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "common/pki/pkcs8.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow::est {
namespace {

TEST(MultipartTest, EveryCaseComesBack) {
  for (const testdata::Case& test : testdata::LoadCases("multipart")) {
    SCOPED_TRACE(test.name);
    const std::string boundary = test.notes.at("boundary");
    const absl::StatusOr<Multipart> message =
        ParseMultipart(AsText(test.data), boundary);
    testdata::ExpectStatus(test, message.status());
    if (!message.ok()) continue;
    EXPECT_EQ(std::to_string(message->parts.size()), test.notes.at("parts"));
    const absl::StatusOr<std::string> back =
        SerializeMultipart(*message, boundary);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, AsText(test.data));
  }
}

// RFC 7030 A.4: a key and its certificate, between a preamble and an epilogue.
TEST(MultipartTest, Rfc7030A4HoldsKeyAndCertificate) {
  const std::string text =
      ToText(testdata::LoadCase("multipart", "rfc7030_a4_serverkeygen").data);
  const absl::StatusOr<std::string> boundary =
      ParseBoundary("multipart/mixed ; boundary=estServerExampleBoundary");
  ASSERT_TRUE(boundary.ok()) << boundary.status();
  // On the wire lines end with CR LF; both go.
  for (const std::string& body :
       {text, absl::StrReplaceAll(text, {{"\n", "\r\n"}})}) {
    const absl::StatusOr<Multipart> message = ParseMultipart(body, *boundary);
    ASSERT_TRUE(message.ok()) << message.status();
    ASSERT_EQ(message->parts.size(), 2u);
    EXPECT_EQ(FindHeader(message->parts[0], "content-type"),
              "application/pkcs8");
    EXPECT_EQ(FindHeader(message->parts[1], "Content-Type"),
              "application/pkcs7-mime; smime-type=certs-only");
    EXPECT_EQ(FindHeader(message->parts[1], "Content-Transfer-Encoding"),
              "base64");
    EXPECT_FALSE(FindHeader(message->parts[1], "Content").has_value());
    const absl::StatusOr<Bytes> key = DecodeBody(message->parts[0].body);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_TRUE(ParsePrivateKeyInfoDer(*key).ok());
    const absl::StatusOr<Bytes> reply = DecodeBody(message->parts[1].body);
    ASSERT_TRUE(reply.ok()) << reply.status();
    const absl::StatusOr<CertsOnly> certs = ParseCertsOnlyDer(*reply);
    ASSERT_TRUE(certs.ok()) << certs.status();
    EXPECT_EQ(certs->certificates[0].subject.common_name(),
              "serverside key generated response");
    EXPECT_EQ(*SerializeMultipart(*message, *boundary), body);
  }
}

TEST(MultipartTest, HeadersAreUnfoldedAndTrimmed) {
  const MultipartPart part{
      .headers =
          "A : 1\r\nContent-Type: application/pkcs7-mime;\r\n"
          "\tsmime-type=certs-only \r\n\n B: 2\r\nB:3\nb: 4\n"};
  EXPECT_EQ(FindHeader(part, "a"), "1");
  EXPECT_EQ(FindHeader(part, "content-type"),
            "application/pkcs7-mime; smime-type=certs-only");
  EXPECT_EQ(FindHeader(part, "B"), "3");
  EXPECT_EQ(FindHeader(part, "C"), std::nullopt);
}

TEST(MultipartTest, BoundaryIsAParameterOfMixed) {
  EXPECT_EQ(*ParseBoundary("multipart/mixed; boundary=b"), "b");
  EXPECT_EQ(
      *ParseBoundary("Multipart/Mixed;a=\"x;boundary=y\"; Boundary=\"b c\""),
      "b c");
  for (const std::string& type :
       {std::string("multipart/mixed"),
        std::string("multipart/form-data; boundary=b"),
        std::string("multipart/mixed; boundary="),
        std::string("multipart/mixed; boundary=a; boundary=b"),
        std::string("multipart/mixed; boundary=\"a"),
        std::string("multipart/mixed; boundary=\"a \""),
        std::string("multipart/mixed; boundary=a@b"),
        "multipart/mixed; boundary=" + std::string(71, 'a')}) {
    EXPECT_EQ(ParseBoundary(type).status().code(),
              absl::StatusCode::kInvalidArgument)
        << type;
  }
}

TEST(MultipartTest, RefusesToWriteWhatWouldReadDifferently) {
  Multipart message;
  EXPECT_FALSE(SerializeMultipart(message, "b").ok());  // no part
  message.parts = {{"A: 1\r\n", "x"}};
  EXPECT_TRUE(SerializeMultipart(message, "b").ok());
  message.parts[0].body = "x\r\n--b\r\n\r\ny";
  EXPECT_FALSE(SerializeMultipart(message, "b").ok());
  EXPECT_TRUE(SerializeMultipart(message, "c").ok());
  message.parts[0] = {"A: 1", "x"};
  EXPECT_FALSE(SerializeMultipart(message, "b").ok());
  message.parts[0] = {.headers = "A: 1\r\n", .body = "x"};
  message.parts[0].after_boundary = " ";
  EXPECT_FALSE(SerializeMultipart(message, "b").ok());
  message.parts[0] = {"A: 1\r\n\r\n", "x"};
  EXPECT_FALSE(SerializeMultipart(message, "b").ok());
  message.parts[0] = {"", "x"};
  message.preamble = "no line end";
  EXPECT_FALSE(SerializeMultipart(message, "b").ok());
}

}  // namespace
}  // namespace bestow::est
