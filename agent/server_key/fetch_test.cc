#include "agent/server_key/fetch.h"

#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/credentials/credential_store.h"
#include "agent/credentials/state_folder.h"
#include "agent/enroll/testing/est_test_server.h"
#include "agent/server_key/server_key_store.h"
#include "agent/server_key/testing/key_server.h"
#include "agent/server_key/testing/key_server_thread.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/est/csr_attrs.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/oids.h"
#include "common/tpm/errors.h"
#include "common/tpm/fake_tpm.h"
#include "common/tpm/tpm_public.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Seen = EstTestServer::Seen;

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() : server_(ca_, TlsVersions{}) { SetUpConfig(server_); }

  void SetUpConfig(const KeyServerThread& server) {
    std::string name =
        ::testing::UnitTest::GetInstance()->current_test_info()->name();
    for (char& c : name) {
      if (c == '/') c = '_';
    }
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", name);
    fs::remove_all(folder_);
    fs::create_directory(folder_);
    Write("ca.pem",
          SerializeCertificatePem(server.est().ca().certificate().der) +
              SerializeCertificatePem(ca_.certificate().der));
    Write("secret", "s3cret\n");
    auto config = ParseConfigToml(
        absl::StrCat("state_dir = \"", folder_, "/state\"\n[server]\nurl = \"",
                     server.est().url(), "\"\nca_file = \"", folder_,
                     "/ca.pem\"\n[identity]\nusername = \"gw-17\"\n"
                     "secret_file = \"",
                     folder_, "/secret\"\n"),
        "agent.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *std::move(config);
    auto fake = std::make_unique<FakeTpm>();
    fake_ = fake.get();
    tpm_ = std::make_unique<TpmWorker>(std::move(fake));
  }

  void Write(const std::string& name, std::string_view content) {
    ASSERT_TRUE(
        WriteFileAtomically(folder_ + "/" + name, AsBytes(content), 0600).ok());
  }
  // Makes the device one that is enrolled.
  void Enroll(KeyType type) {
    Credential credential;
    credential.key = *fake_->CreateKey(type);
    const Bytes spki = *TpmPublicToSpki(credential.key.public_blob);
    // What the TLS server knows and what may be encrypted to are two CAs here.
    TestCa::Leaf leaf = TestClientLeaf();
    credential.certificate =
        *ParseCertificateDer(server_.est().ca().Issue(leaf, spki));
    credential.obtained_at = absl::Now();
    auto store = CredentialStore::Open(IdentityFolder());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Save(credential).ok());
    server_.Know(credential.certificate);
  }
  // Where the one identity lives.
  std::string IdentityFolder() {
    return *(*StateFolder::Open(config_.state_dir))->IdentityFolder("default");
  }
  absl::StatusOr<Secret> Show(const std::string& name = "web") {
    return ShowServerKey(config_, config_.identities[0], name,
                         tpm_->NewQueue());
  }
  absl::Status Fetch(FetchOptions options) {
    SystemClock clock;
    if (options.name.empty()) options.name = "web";
    return FetchServerKey(config_, config_.identities[0], options,
                          tpm_->NewQueue(), clock,
                          [this](const std::string& line) {
                            absl::StrAppend(&log_, line, "\n");
                          });
  }
  // The stored key is the one that the server made last.
  void ExpectStored(const std::string& name = "web") {
    auto pem = Show(name);
    ASSERT_TRUE(pem.ok()) << pem.status();
    auto key = SoftwareSigner::FromPkcs8Pem(*pem);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ((*key)->public_key_spki(), SpkiOf(server_.pkcs8()));
    EXPECT_FALSE(
        fs::exists(IdentityFolder() + "/server-keys/" + name + ".request"));
  }
  void ExpectRefused(const absl::Status& status, const std::string& why) {
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }

  KeyCa ca_{"Key CA"};
  KeyServerThread server_;
  std::string folder_;
  Config config_;
  FakeTpm* fake_ = nullptr;  // belongs to tpm_
  std::unique_ptr<TpmWorker> tpm_;
  std::string log_;
};

TEST_F(FetchTest, ADeviceThatIsNotEnrolledAsksWithItsSecret) {
  for (KeyType type : {KeyType::kRsa2048, KeyType::kEcP384}) {
    const absl::Status status = Fetch({.type = type});
    ASSERT_TRUE(status.ok()) << status;
    ExpectStored();
    EXPECT_EQ(*KeyTypeOfSpki(SpkiOf(server_.pkcs8())), type);
  }
  for (const Seen& seen : server_.requests()) {
    EXPECT_THAT(seen.authorization, HasSubstr("Basic "));
    EXPECT_EQ(seen.client, "");
    EXPECT_EQ(seen.csr->subject.common_name(), "gw-17");
    EXPECT_FALSE(seen.csr->smime_capabilities.has_value());
  }
  EXPECT_THAT(log_, HasSubstr("TLS alone"));
}

TEST_F(FetchTest, AnEnrolledOneAsksWithItsCertificateAndNoSecret) {
  Enroll(KeyType::kEcP256);
  fs::remove(folder_ + "/secret");
  const absl::Status status = Fetch({.type = KeyType::kEcP256});
  ASSERT_TRUE(status.ok()) << status;
  ExpectStored();
  ASSERT_EQ(server_.requests().size(), 1u);
  EXPECT_EQ(server_.requests()[0].authorization, "");
  EXPECT_EQ(server_.requests()[0].client, "CN=gw-17");
}

TEST_F(FetchTest, APreSharedKeyProtectsTheKey) {
  Write("psk", std::string(64, 'a') + "\n");
  config_.identities[0].psk_id = {1, 2, 3};
  config_.identities[0].psk_file = folder_ + "/psk";
  server_.Share(Secret(Bytes(32, 0xaa)));
  absl::Status status = Fetch({.type = KeyType::kEcP256});
  ASSERT_TRUE(status.ok()) << status;
  ExpectStored();
  EXPECT_EQ(server_.requests()[0].csr->decrypt_key_identifier,
            config_.identities[0].psk_id);
  // The server has another key under that name: what is stored stays.
  const Secret before = *Show();
  server_.Share(Secret(Bytes(32, 0xab)));
  ExpectRefused(Fetch({.type = KeyType::kEcP256}), "decrypting the key");
  EXPECT_EQ(Show()->bytes(), before.bytes());
}

TEST_F(FetchTest, TheTpmsRsaKeyProtectsTheKey) {
  Enroll(KeyType::kRsa2048);
  // TestCa's certificates are for signatures alone (ProtectionTest).
  ExpectRefused(Fetch({.type = KeyType::kEcP256, .protection = "tpm"}),
                "nothing may be encrypted");
  auto store = CredentialStore::Open(IdentityFolder());
  ASSERT_TRUE(store.ok()) << store.status();
  Credential credential = **(*store)->Current();
  credential.certificate = ca_.Issue("gw-17", credential.certificate.spki);
  ASSERT_TRUE((*store)->Save(credential).ok());
  store->reset();
  server_.Know(credential.certificate);
  server_.ServeAnyone();  // the other CA's is not verified there
  const absl::Status status = Fetch({.type = KeyType::kEcP256});
  ASSERT_TRUE(status.ok()) << status;
  ExpectStored();
  EXPECT_EQ(server_.requests().back().csr->asymmetric_decrypt_key_identifier,
            credential.certificate.subject_key_id);
  EXPECT_THAT(log_, HasSubstr("own key in the TPM"));
}

TEST_F(FetchTest, ARequestThatWaitsGoesOnWithTheSameKey) {
  std::vector<Bytes> keys;
  server_.Bend([&keys](const Seen& seen) -> std::optional<HttpResponse> {
    if (seen.operation != est::Operation::kServerKeyGen) return std::nullopt;
    keys.push_back(seen.csr->spki);
    if (keys.size() >= 3) return std::nullopt;
    HttpResponse wait{.status = 202};
    wait.headers = {{"Retry-After", "3600"}};
    return wait;
  });
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = Fetch({.type = KeyType::kEcP256});
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    ExpectRefused(status, "in 1h");
    EXPECT_TRUE(absl::IsNotFound(Show().status()));
  }
  ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  ExpectStored();
  server_.Bend(nullptr);
  EXPECT_EQ(keys[0], keys[1]);
  EXPECT_EQ(keys[1], keys[2]);
  // The next one is a new request.
  ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  EXPECT_NE(server_.requests().back().csr->spki, keys[2]);
}

TEST_F(FetchTest, AnswersAChallengeThatEndsTheConnection) {
  server_.Bend([](const Seen& seen) -> std::optional<HttpResponse> {
    if (!seen.authorization.empty()) return std::nullopt;
    return HttpResponse{.status = 401,
                        .headers = {{"WWW-Authenticate",
                                     "Digest realm=\"r\", nonce=\"n\", "
                                     "qop=\"auth\""}},
                        .close = true};
  });
  const absl::Status status = Fetch({.type = KeyType::kEcP256});
  ASSERT_TRUE(status.ok()) << status;
  ExpectStored();
  EXPECT_THAT(server_.requests()[0].authorization, HasSubstr("Digest "));
}

// A one-time secret is bound to the key of the request that was answered: as
// long as the TPM may open it again, no other key takes its place.
TEST_F(FetchTest, ARequestsKeyOutlivesATpmThatIsBusyOrLockedOut) {
  for (TpmAction action : {TpmAction::kRetry, TpmAction::kUnreachable,
                           TpmAction::kFreeMemory, TpmAction::kLockedOut}) {
    SCOPED_TRACE(static_cast<int>(action));
    std::vector<Bytes> keys;
    server_.Bend([&keys](const Seen& seen) -> std::optional<HttpResponse> {
      if (seen.operation != est::Operation::kServerKeyGen) return std::nullopt;
      keys.push_back(seen.csr->spki);
      if (keys.size() >= 2) return std::nullopt;
      return HttpResponse{.status = 202};
    });
    EXPECT_FALSE(Fetch({.type = KeyType::kEcP256}).ok());
    fake_->FailAfter(0, TpmStatus(action, "not now"));
    EXPECT_EQ(TpmActionOf(Fetch({.type = KeyType::kEcP256})), action);
    ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
    server_.Bend(nullptr);
    ASSERT_GE(keys.size(), 2u);  // and one that a challenge answers
    for (const Bytes& key : keys) EXPECT_EQ(key, keys[0]);
  }
}

TEST_F(FetchTest, ARequestsKeyThatCantBeReadIsNotReplaced) {
  ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  const size_t before = server_.requests().size();
  const std::string path = IdentityFolder() + "/server-keys/web.request";
  fs::create_directory(path);
  ExpectRefused(Fetch({.type = KeyType::kEcP256}), "web.request");
  EXPECT_EQ(server_.requests().size(), before);
  fs::remove(path);
  EXPECT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
}

TEST_F(FetchTest, AnotherTypeIsAnotherRequest) {
  server_.Bend([](const Seen& seen) -> std::optional<HttpResponse> {
    if (seen.operation != est::Operation::kServerKeyGen ||
        *KeyTypeOfSpki(seen.csr->spki) == KeyType::kEcP384) {
      return std::nullopt;
    }
    return HttpResponse{.status = 202};
  });
  EXPECT_FALSE(Fetch({.type = KeyType::kEcP256}).ok());
  EXPECT_TRUE(Fetch({.type = KeyType::kEcP384}).ok());
}

TEST_F(FetchTest, SaysWhatTheServerSays) {
  ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  const Secret before = *Show();
  struct {
    int status;
    std::string body;
    std::string says;
  } const kCases[] = {
      {401, "", "username and secret_file"},
      {403, "no such profile\n", "403: no such profile"},
      {404, "", "may not make keys"},
      {501, "not here\n", "may not make keys"},
      {500, "", "answered 500"},
      {503, "", "try again"},
  };
  for (const auto& c : kCases) {
    server_.Bend([&c](const Seen& seen) -> std::optional<HttpResponse> {
      if (seen.operation != est::Operation::kServerKeyGen) return std::nullopt;
      return HttpResponse{.status = c.status, .body = c.body};
    });
    ExpectRefused(Fetch({.type = KeyType::kEcP256}), c.says);
    EXPECT_EQ(Show()->bytes(), before.bytes());
  }
}

TEST_F(FetchTest, ReadsRepliesUpToALimit) {
  for (const auto& [bytes, why] : std::vector<std::pair<size_t, std::string>>{
           {192 * 1024, "Content-Type"}, {192 * 1024 + 1, "longer than"}}) {
    server_.Bend([size = bytes](const Seen&) {
      return HttpResponse{.status = 200, .body = std::string(size, ' ')};
    });
    ExpectRefused(Fetch({.type = KeyType::kEcP256}), why);
  }
  server_.Bend(nullptr);
}

TEST_F(FetchTest, RefusesRepliesOfAnotherForm) {
  const Secret pkcs8 = NewPkcs8(KeyType::kEcP256);
  const auto key = KeyServerThread::Part("application/pkcs8", pkcs8.bytes());
  const auto certificates =
      KeyServerThread::Part("application/pkcs7-mime; smime-type=certs-only",
                            CertsOnly({ca_.Issue("web", SpkiOf(pkcs8))}));
  const auto text = KeyServerThread::Part("text/plain", pkcs8.bytes());
  HttpResponse untyped = KeyServerThread::Mixed({key, certificates});
  untyped.headers.clear();
  struct {
    std::string what;
    HttpResponse reply;
    bool accept = false;
  } const kCases[] = {
      {"as it should", KeyServerThread::Mixed({key, certificates}), true},
      {"the other order", KeyServerThread::Mixed({certificates, key}), true},
      {"a key alone", KeyServerThread::Mixed({key})},
      {"certificates alone", KeyServerThread::Mixed({certificates})},
      {"two keys", KeyServerThread::Mixed({key, key})},
      {"three parts", KeyServerThread::Mixed({key, certificates, text})},
      {"a part of another type", KeyServerThread::Mixed({text, certificates})},
      {"no type", untyped},
      {"no multipart",
       HttpResponse{.headers = {{"Content-Type", "application/pkcs8"}},
                    .body = est::EncodeBody(pkcs8.bytes())}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    server_.Bend([&c](const Seen& seen) -> std::optional<HttpResponse> {
      if (seen.operation != est::Operation::kServerKeyGen) return std::nullopt;
      return c.reply;
    });
    EXPECT_EQ(Fetch({.type = KeyType::kEcP256}).ok(), c.accept);
  }
}

// RFC 7030 3.5: the agent links whenever the server asks for it.
TEST_F(FetchTest, LinksTheRequestToItsConnection) {
  for (TlsVersions versions :
       {TlsVersions{.allow_1_3 = false}, TlsVersions{.allow_1_2 = false}}) {
    KeyServerThread server(ca_, versions);
    SetUpConfig(server);
    est::CsrAttrs attrs;
    attrs.items.push_back(oids::ChallengePassword());
    const Bytes der = *est::SerializeCsrAttrsDer(attrs);
    server.Bend([&der](const Seen& seen) -> std::optional<HttpResponse> {
      if (seen.operation != est::Operation::kCsrAttrs) return std::nullopt;
      return HttpResponse{.headers = {{"Content-Type", "application/csrattrs"}},
                          .body = est::EncodeBody(der)};
    });
    const absl::Status status = Fetch({.type = KeyType::kEcP256});
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(server.requests().size(), 1u);
    EXPECT_EQ(server.requests()[0].csr->challenge_password,
              server.requests()[0].binding);
  }
}

TEST_F(FetchTest, MistakesAreSaidBeforeAnythingIsSent) {
  ExpectRefused(Fetch({.name = "../web"}), "name");
  ExpectRefused(Fetch({.protection = "psk"}), "server_keys.psk_id");
  ExpectRefused(Fetch({.protection = "none"}), "none of auto");
  EXPECT_TRUE(absl::IsNotFound(Show().status()));
  config_.identities[0].ca_file.clear();
  config_.identities[0].ca_sha256 = Bytes(32, 1);
  ExpectRefused(Fetch({.type = KeyType::kEcP256}), "enroll first");
  EXPECT_TRUE(server_.requests().empty());
}

// RFC 7030 4.4: "A client MUST authenticate an EST server".
TEST_F(FetchTest, AServerThatIsNotTrustedGetsNothing) {
  int requests = 0;
  server_.Bend([&requests](const Seen&) -> std::optional<HttpResponse> {
    ++requests;
    return std::nullopt;
  });
  const std::string trusted = *ReadFile(folder_ + "/ca.pem", 1 << 20);
  Write("ca.pem", SerializeCertificatePem(ca_.certificate().der));
  for (bool enrolled : {false, true}) {
    if (enrolled) Enroll(KeyType::kEcP256);
    ExpectRefused(Fetch({.type = KeyType::kEcP256}), "connecting to");
  }
  server_.Bend(nullptr);
  EXPECT_EQ(requests, 0);
  Write("ca.pem", trusted);
  EXPECT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
}

TEST_F(FetchTest, AClearedTpmLosesTheKey) {
  ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  fake_->Clear();
  EXPECT_EQ(TpmActionOf(Show().status()), TpmAction::kKeyLost);
  // And can fetch another one.
  ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  ExpectStored();
}

// Whichever TPM command fails, what is stored is the old or the new key.
TEST_F(FetchTest, EveryTpmCommandMayFail) {
  ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  int failures = 0;
  for (int count = 0;; ++count) {
    ASSERT_LT(count, 20);
    const Secret before = server_.pkcs8();
    fake_->FailAfter(count, TpmStatus(TpmAction::kFreeMemory, "no memory"));
    const absl::Status status = Fetch({.type = KeyType::kEcP256});
    fake_->FailAfter(1000, absl::OkStatus());
    if (status.ok()) break;
    ++failures;
    EXPECT_EQ(TpmActionOf(status), TpmAction::kFreeMemory) << status;
    auto pem = Show();
    ASSERT_TRUE(pem.ok()) << pem.status();
    EXPECT_EQ((*SoftwareSigner::FromPkcs8Pem(*pem))->public_key_spki(),
              SpkiOf(before));
    // The failed fetch may have had the server make a key that was dropped.
    ASSERT_TRUE(Fetch({.type = KeyType::kEcP256}).ok());
  }
  EXPECT_GE(failures, 2);  // sealing the request's key, sealing the key
  ExpectStored();
}

}  // namespace
}  // namespace bestow::agent
