// curl and openssl against an HttpServer: other people's TLS and HTTP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"
#include "common/net/test_https_server.h"
#include "common/pki/certificate.h"
#include "common/tls/test_ca.h"
#include "common/tls/tls_stream.h"

namespace bestow {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

struct Output {
  int exit_code = -1;
  std::string text;  // stdout and stderr
};

Output RunShell(const std::string& command) {
  Output out;
  FILE* pipe =
      popen(absl::StrCat("( ", command, " ) 2>&1 </dev/null").c_str(), "r");
  CHECK(pipe != nullptr);
  char buffer[4096];
  size_t n;
  while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
    out.text.append(buffer, n);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) out.exit_code = WEXITSTATUS(status);
  return out;
}

class HttpServerToolsTest : public ::testing::Test {
 protected:
  HttpServerToolsTest() {
    ca_file_ = absl::StrCat(::testing::TempDir(), "/ca.pem");
    std::ofstream(ca_file_)
        << SerializeCertificatePem(server_.ca().certificate().der);
  }

  Output Curl(const std::string& arguments) {
    return RunShell(absl::StrCat("curl -sS --max-time 20 --cacert ", ca_file_,
                                 " ", arguments,
                                 " https://localhost:", server_.port(), "/x"));
  }
  Output SClient(const std::string& arguments) {
    return RunShell(
        absl::StrCat("timeout 20 openssl s_client -connect "
                     "localhost:",
                     server_.port(), " -CAfile ", ca_file_, " ", arguments));
  }

  TestHttpsServer server_{{}};
  std::string ca_file_;
};

TEST_F(HttpServerToolsTest, CurlSpeaksBothVersionsOfTls) {
  for (const char* version : {"--tlsv1.2 --tls-max 1.2", "--tlsv1.3"}) {
    SCOPED_TRACE(version);
    const Output out = Curl(version);
    EXPECT_EQ(out.exit_code, 0) << out.text;
    EXPECT_EQ(out.text, "GET /x ");
  }
}

TEST_F(HttpServerToolsTest, CurlSendsBodiesInEachWay) {
  EXPECT_EQ(Curl("-d hello").text, "POST /x hello");
  EXPECT_EQ(Curl("-d hello -H 'Transfer-Encoding: chunked'").text,
            "POST /x hello");
  EXPECT_EQ(Curl("-d hello -H 'Expect: 100-continue'").text, "POST /x hello");
  EXPECT_EQ(Curl("-d hello --http1.0").text, "POST /x hello");
  EXPECT_THAT(Curl("-I").text, AllOf(HasSubstr("HTTP/1.1 200 OK"),
                                     HasSubstr("Content-Length: 8")));
}

TEST_F(HttpServerToolsTest, CurlReusesItsConnection) {
  const Output out =
      Curl(absl::StrCat("-v https://localhost:", server_.port(), "/y"));
  EXPECT_THAT(out.text, HasSubstr("Re-using existing "));
}

TEST_F(HttpServerToolsTest, CurlSeesARefusalOfItsLargeBody) {
  const std::string file = absl::StrCat(::testing::TempDir(), "/big");
  std::ofstream(file) << std::string(300'000, 'b');
  const Output out = Curl(
      absl::StrCat("-w '%{http_code}' --data-binary @", file, " -H Expect:"));
  EXPECT_THAT(out.text, HasSubstr("413")) << out.exit_code;
  EXPECT_THAT(out.text, HasSubstr("the body is longer than 65536 bytes"));
}

TEST_F(HttpServerToolsTest, CurlWithoutTheCaRefusesUs) {
  const Output out = RunShell(absl::StrCat(
      "curl -sS --max-time 20 https://localhost:", server_.port(), "/"));
  EXPECT_EQ(out.exit_code, 60) << out.text;  // CURLE_PEER_FAILED_VERIFICATION
}

TEST_F(HttpServerToolsTest, OldTlsIsRefused) {
  // At security level 0 openssl itself would do it.
  for (const char* version : {"-tls1", "-tls1_1"}) {
    const Output out =
        SClient(absl::StrCat(version, " -cipher DEFAULT@SECLEVEL=0"));
    EXPECT_NE(out.exit_code, 0);
    EXPECT_THAT(out.text, HasSubstr("alert protocol version")) << version;
  }
}

TEST_F(HttpServerToolsTest, OnlyForwardSecretAeadOnTls12) {
  for (const char* cipher : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
                             "ECDHE-ECDSA-AES256-SHA384"}) {
    const Output out =
        SClient(absl::StrCat("-tls1_2 -cipher ", cipher, ":@SECLEVEL=0"));
    EXPECT_THAT(out.text, HasSubstr("alert handshake failure")) << cipher;
  }
  EXPECT_THAT(SClient("-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305").text,
              HasSubstr("Verify return code: 0 (ok)"));
}

TEST_F(HttpServerToolsTest, P256NeedsNoHelloRetryRequest) {
  for (const char* groups : {"P-256", "P-256:X25519", "P-256:P-384"}) {
    const Output out = SClient(absl::StrCat("-tls1_3 -trace -groups ", groups));
    EXPECT_THAT(out.text, HasSubstr("Verify return code: 0 (ok)"));
    EXPECT_THAT(out.text, Not(HasSubstr("HelloRetryRequest")));
    EXPECT_THAT(out.text, HasSubstr(" Temp Key: ECDH, prime256v1"));
    size_t hellos = 0;
    for (size_t at = 0;
         (at = out.text.find("ServerHello, Length", at)) != std::string::npos;
         ++at) {
      ++hellos;
    }
    EXPECT_EQ(hellos, 1u) << groups;
  }
}

TEST_F(HttpServerToolsTest, NeverResumes) {
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const Output out = SClient(absl::StrCat(version, " -reconnect"));
    EXPECT_THAT(out.text, HasSubstr("New, TLSv1."));
    EXPECT_THAT(out.text, Not(HasSubstr("Reused, ")));
    EXPECT_THAT(out.text, Not(HasSubstr("TLS session ticket:")));
  }
}

TEST_F(HttpServerToolsTest, AsksForCertificatesOfItsCas) {
  const Output out = SClient("-tls1_3 -nameopt RFC2253");
  EXPECT_THAT(out.text, HasSubstr("Acceptable client certificate CA names\n"
                                  "CN=Test CA"));
}

// Keys of every type on both sides, under a CA of every type, as curl's openssl
// and ours see each other.
TEST(HttpServerKeysTest, CurlSpeaksWithEveryTypeOfKey) {
  const struct {
    KeyType ca, server, client;
  } kCases[] = {
      {KeyType::kEcP384, KeyType::kEcP384, KeyType::kEcP384},
      {KeyType::kRsa2048, KeyType::kRsa2048, KeyType::kRsa2048},
      {KeyType::kRsa3072, KeyType::kRsa3072, KeyType::kRsa3072},
      {KeyType::kEd25519, KeyType::kEcP256, KeyType::kEcP256},
      {KeyType::kEcP256, KeyType::kRsa2048, KeyType::kEcP384},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(absl::StrCat(KeyTypeName(test.ca), " ",
                              KeyTypeName(test.server), " ",
                              KeyTypeName(test.client)));
    TestHttpsServer server(
        {.ca_key = test.ca,
         .server_key = test.server,
         .handler = [](const HttpRequest&, const HttpPeer& peer,
                       HttpServer::Reply reply) {
           HttpResponse response;
           response.body =
               peer.tls->peer().verified() ? "verified" : "not verified";
           reply(response);
         }});
    const auto write = [](const std::string& name, std::string_view text) {
      const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
      std::ofstream(path) << text;
      return path;
    };
    const std::string ca_file = write(
        "keys_ca.pem", SerializeCertificatePem(server.ca().certificate().der));
    auto key = SoftwareSigner::Generate(test.client);
    ASSERT_TRUE(key.ok()) << key.status();
    const std::string key_file =
        write("keys_client.key", (*key)->ToPkcs8Pem()->text());
    const std::string certificate_file = write(
        "keys_client.pem", SerializeCertificatePem(server.ca().Issue(
                               TestClientLeaf(), (*key)->public_key_spki())));
    for (const char* version : {"--tlsv1.2 --tls-max 1.2", "--tlsv1.3"}) {
      SCOPED_TRACE(version);
      const std::string curl = absl::StrCat("curl -sS --max-time 20 --cacert ",
                                            ca_file, " ", version, " ");
      const std::string url =
          absl::StrCat("https://localhost:", server.port(), "/");
      EXPECT_EQ(RunShell(curl + url).text, "not verified");
      EXPECT_EQ(RunShell(absl::StrCat(curl, "--cert ", certificate_file,
                                      " --key ", key_file, " ", url))
                    .text,
                "verified");
    }
  }
}

// RFC 8446 4.2.3: RSA signs by PSS on TLS 1.3; old peers of 1.2 know PKCS #1.
TEST(HttpServerKeysTest, RsaKeysSignAsThePeerKnows) {
  TestHttpsServer server({.server_key = KeyType::kRsa2048});
  const auto s_client = [&](const std::string& arguments) {
    return RunShell(absl::StrCat(
        "timeout 20 openssl s_client -connect localhost:", server.port(), " ",
        arguments));
  };
  // As openssl 3.0 says it, and 3.5.
  const auto pss =
      AnyOf(HasSubstr("Peer signature type: RSA-PSS\n"),
            HasSubstr("Peer signature type: rsa_pss_rsae_sha256\n"));
  const auto pkcs1 =
      AnyOf(HasSubstr("Peer signature type: RSA\n"),
            HasSubstr("Peer signature type: rsa_pkcs1_sha256\n"));
  EXPECT_THAT(s_client("-tls1_3").text, pss);
  EXPECT_THAT(s_client("-tls1_2").text, pss);
  EXPECT_THAT(s_client("-tls1_2 -sigalgs RSA+SHA256").text, pkcs1);
  EXPECT_THAT(s_client("-tls1_3 -sigalgs RSA+SHA256").text,
              Not(HasSubstr("Peer signature type")));
}

}  // namespace
}  // namespace bestow
