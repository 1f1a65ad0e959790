#include "common/tls/tls_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "absl/log/check.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/tls/test_ca.h"

namespace bestow {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// The functions that a stream posts, until its thread runs them.
class Mailbox {
 public:
  void Post(std::function<void()> fn) {
    std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(fn));
    changed_.notify_all();
  }
  // Waits for one, runs it. False after ten seconds.
  bool RunOne() {
    std::function<void()> fn;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (!changed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return !posted_.empty(); })) {
        return false;
      }
      fn = std::move(posted_.front());
      posted_.pop_front();
    }
    fn();
    return true;
  }
  bool empty() {
    std::lock_guard<std::mutex> lock(mutex_);
    return posted_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> posted_;
};

// Signs on a thread of its own, like a TPM; may be held back or fail.
class ThreadSigner : public Signer {
 public:
  explicit ThreadSigner(std::shared_ptr<Signer> inner)
      : inner_(std::move(inner)) {}
  ~ThreadSigner() override {
    for (std::thread& t : threads_) t.join();
  }
  const Bytes& public_key_spki() const override {
    return inner_->public_key_spki();
  }
  SignatureAlgorithm algorithm() const override { return inner_->algorithm(); }
  void Sign(SignatureAlgorithm algorithm, ByteView message,
            Done done) override {
    ++signatures;
    last_algorithm = algorithm;
    threads_.emplace_back(
        [this, algorithm, copy = ToBytes(message), done = std::move(done)] {
          if (!failure.ok()) return done(failure);
          inner_->Sign(algorithm, copy, done);
        });
  }
  int signatures = 0;
  std::optional<SignatureAlgorithm> last_algorithm;
  absl::Status failure;

 private:
  std::shared_ptr<Signer> inner_;
  std::vector<std::thread> threads_;
};

// An RSA key that knows PKCS #1 alone, as some TPMs' do.
class Pkcs1Signer : public ThreadSigner {
 public:
  using ThreadSigner::ThreadSigner;
  std::vector<SignatureAlgorithm> tls_algorithms() const override {
    return {SignatureAlgorithm::kRsaPkcs1Sha256};
  }
};

// Both sides, and bytes carried between them.
struct Pair {
  std::unique_ptr<TlsStream> client, server;
  absl::Status client_status, server_status;
  Mailbox mailbox;

  TlsStream::Hooks HooksFor(std::unique_ptr<TlsStream>* stream,
                            absl::Status* status) {
    return {
        .post = [this](auto fn) { mailbox.Post(std::move(fn)); },
        .on_progress = [stream, status] { *status = (*stream)->Advance(); }};
  }

  Pair(std::shared_ptr<const TlsContext> client_context,
       std::shared_ptr<const TlsContext> server_context,
       const std::string& host = "localhost") {
    auto c = TlsStream::CreateClient(client_context, host,
                                     HooksFor(&client, &client_status));
    auto s = TlsStream::CreateServer(server_context,
                                     HooksFor(&server, &server_status));
    CHECK(c.ok()) << c.status();
    CHECK(s.ok()) << s.status();
    client = *std::move(c);
    server = *std::move(s);
    client_status = client->Advance();
    server_status = server->Advance();
  }

  // Carries bytes, `step` at a time, until nothing moves.
  void Carry(size_t step = SIZE_MAX) {
    for (bool moved = true; moved;) {
      moved = false;
      moved |= CarryOneWay(*client, *server, server_status, step);
      moved |= CarryOneWay(*server, *client, client_status, step);
      // A quick signer's answer is in the mailbox when nobody waits any more.
      if (client->waiting_for_signer() || server->waiting_for_signer() ||
          !mailbox.empty()) {
        ASSERT_TRUE(mailbox.RunOne()) << "the signer never answered";
        moved = true;
      }
    }
  }

  static bool CarryOneWay(TlsStream& from, TlsStream& to, absl::Status& status,
                          size_t step) {
    const Bytes bytes = from.TakeOutput();
    ByteView rest = bytes;
    while (!rest.empty()) {
      const ByteView piece = rest.subspan(0, step);
      status = to.Feed(piece);
      rest.remove_prefix(piece.size());
    }
    return !bytes.empty();
  }
};

class TlsStreamTest : public ::testing::TestWithParam<int> {
 protected:
  TlsVersions Versions() const {
    return {.allow_1_2 = GetParam() == 2, .allow_1_3 = GetParam() == 3};
  }

  std::shared_ptr<const TlsContext> Server(TlsCredential credential,
                                           bool ask_client = true) {
    TlsServerOptions options;
    options.versions = Versions();
    options.credential = std::move(credential);
    if (ask_client) options.client_anchors = ca_.anchors();
    auto context = TlsContext::CreateServer(std::move(options), clock_);
    CHECK(context.ok()) << context.status();
    return *std::move(context);
  }
  std::shared_ptr<const TlsContext> Server() {
    return Server(ca_.Credential(TestServerLeaf()));
  }

  std::shared_ptr<const TlsContext> Client(
      std::optional<TlsCredential> credential = std::nullopt) {
    TlsClientOptions options;
    options.versions = Versions();
    options.credential = std::move(credential);
    options.server_anchors = ca_.anchors();
    return Client(std::move(options));
  }
  std::shared_ptr<const TlsContext> Client(TlsClientOptions options) {
    auto context = TlsContext::CreateClient(std::move(options), clock_);
    CHECK(context.ok()) << context.status();
    return *std::move(context);
  }

  void ExpectRefused(std::shared_ptr<const TlsContext> client,
                     std::shared_ptr<const TlsContext> server,
                     const std::string& host, const std::string& reason) {
    Pair pair(client, server, host);
    pair.Carry();
    EXPECT_EQ(pair.client_status.code(), absl::StatusCode::kPermissionDenied)
        << pair.client_status;
    EXPECT_THAT(std::string(pair.client_status.message()), HasSubstr(reason));
    EXPECT_FALSE(pair.client->handshake_done());
    // The alert told the server.
    EXPECT_EQ(pair.server_status.code(), absl::StatusCode::kPermissionDenied)
        << pair.server_status;
    EXPECT_FALSE(pair.client->Feed(AsBytes("x")).ok()) << "it is over";
  }

  const SystemClock clock_;
  const TestCa ca_{"Test CA"};
  const TestCa foreign_ca_{"Foreign CA"};
};

TEST_P(TlsStreamTest, CarriesDataBothWaysAndCloses) {
  Pair pair(Client(), Server());
  pair.Carry();
  ASSERT_TRUE(pair.client->handshake_done()) << pair.client_status;
  ASSERT_TRUE(pair.server->handshake_done()) << pair.server_status;
  EXPECT_EQ(pair.client->version(), GetParam() == 3 ? "TLSv1.3" : "TLSv1.2");
  EXPECT_THAT(pair.server->cipher(),
              AnyOf(HasSubstr("GCM"), HasSubstr("CHACHA20")));

  const std::string big(100'000, 'x');
  ASSERT_TRUE(pair.client->Write(AsBytes("ping")).ok());
  ASSERT_TRUE(pair.server->Write(AsBytes(big)).ok());
  pair.Carry();
  EXPECT_EQ(ToText(pair.server->TakePlaintext()), "ping");
  EXPECT_EQ(ToText(pair.client->TakePlaintext()), big);

  EXPECT_FALSE(pair.server->peer_closed());
  pair.client->Shutdown();
  pair.Carry();
  EXPECT_TRUE(pair.server->peer_closed());
  EXPECT_TRUE(pair.server_status.ok());
}

TEST_P(TlsStreamTest, WorksByteByByte) {
  Pair pair(Client(ca_.Credential(TestClientLeaf())), Server());
  pair.Carry(1);
  ASSERT_TRUE(pair.server->handshake_done()) << pair.server_status;
  EXPECT_TRUE(pair.server->peer().verified());
  ASSERT_TRUE(pair.client->Write(AsBytes("ping")).ok());
  pair.Carry(1);
  EXPECT_EQ(ToText(pair.server->TakePlaintext()), "ping");
}

TEST_P(TlsStreamTest, ChannelBindingsAreEqualOnBothSides) {
  Pair pair(Client(), Server());
  EXPECT_FALSE(pair.client->TlsExporter().ok()) << "before the handshake";
  pair.Carry();
  auto client = pair.client->TlsExporter();
  auto server = pair.server->TlsExporter();
  ASSERT_TRUE(client.ok()) << client.status();
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(*client, *server);
  EXPECT_EQ(client->size(), 32u);

  auto client_unique = pair.client->TlsUnique();
  auto server_unique = pair.server->TlsUnique();
  if (GetParam() == 3) {
    EXPECT_EQ(client_unique.status().code(),
              absl::StatusCode::kFailedPrecondition);
  } else {
    ASSERT_TRUE(client_unique.ok()) << client_unique.status();
    ASSERT_TRUE(server_unique.ok()) << server_unique.status();
    EXPECT_EQ(*client_unique, *server_unique);
    EXPECT_EQ(client_unique->size(), 12u);  // RFC 5246: verify_data
  }
  Pair other(Client(), Server());
  other.Carry();
  EXPECT_NE(*other.client->TlsExporter(), *client);
}

TEST_P(TlsStreamTest, SlowSignersOnOtherThreadsAuthenticateBothSides) {
  TlsCredential server_credential = ca_.Credential(TestServerLeaf());
  TlsCredential client_credential = ca_.Credential(TestClientLeaf());
  auto server_signer = std::make_shared<ThreadSigner>(server_credential.signer);
  auto client_signer = std::make_shared<ThreadSigner>(client_credential.signer);
  server_credential.signer = server_signer;
  client_credential.signer = client_signer;
  Pair pair(Client(client_credential), Server(server_credential));
  pair.Carry();
  ASSERT_TRUE(pair.server->handshake_done())
      << pair.server_status << pair.client_status;
  EXPECT_EQ(server_signer->signatures, 1);
  EXPECT_EQ(client_signer->signatures, 1);
  ASSERT_TRUE(pair.server->peer().verified())
      << pair.server->peer().verification;
  EXPECT_EQ(pair.server->peer().chain[0].subject.common_name(), "gw-17");
}

// EC and RSA keys of every size, as a TPM would sign with them.
TEST_P(TlsStreamTest, EveryKeyTypeAuthenticatesBothSides) {
  const bool is_1_3 = GetParam() == 3;
  for (const auto& [type, algorithm] :
       {std::pair(KeyType::kEcP256, SignatureAlgorithm::kEcdsaP256Sha256),
        std::pair(KeyType::kEcP384, SignatureAlgorithm::kEcdsaP384Sha384),
        std::pair(KeyType::kRsa2048, SignatureAlgorithm::kRsaPssSha256),
        std::pair(KeyType::kRsa3072, SignatureAlgorithm::kRsaPssSha256),
        std::pair(KeyType::kEd25519, SignatureAlgorithm::kEd25519)}) {
    SCOPED_TRACE(KeyTypeName(type));
    TlsCredential server_credential = ca_.Credential(TestServerLeaf(), type);
    TlsCredential client_credential = ca_.Credential(TestClientLeaf(), type);
    auto server_signer =
        std::make_shared<ThreadSigner>(server_credential.signer);
    auto client_signer =
        std::make_shared<ThreadSigner>(client_credential.signer);
    server_credential.signer = server_signer;
    client_credential.signer = client_signer;
    Pair pair(Client(client_credential), Server(server_credential));
    pair.Carry();
    ASSERT_TRUE(pair.server->handshake_done())
        << pair.server_status << pair.client_status;
    EXPECT_TRUE(pair.server->peer().verified());
    EXPECT_EQ(server_signer->last_algorithm, algorithm);
    EXPECT_EQ(client_signer->last_algorithm, algorithm);
    EXPECT_EQ(pair.client->version(), is_1_3 ? "TLSv1.3" : "TLSv1.2");
  }
}

// The leaves are P-256's, the CA's key is of every type.
TEST_P(TlsStreamTest, EveryKeyTypeOfTheCaIsTrusted) {
  for (KeyType type : kKeyTypes) {
    SCOPED_TRACE(KeyTypeName(type));
    const TestCa ca("CA", type);
    TlsServerOptions server;
    server.versions = Versions();
    server.credential = ca.Credential(TestServerLeaf());
    server.client_anchors = ca.anchors();
    TlsClientOptions client;
    client.versions = Versions();
    client.credential = ca.Credential(TestClientLeaf());
    client.server_anchors = ca.anchors();
    Pair pair(*TlsContext::CreateClient(client, clock_),
              *TlsContext::CreateServer(server, clock_));
    pair.Carry();
    ASSERT_TRUE(pair.server->handshake_done())
        << pair.server_status << pair.client_status;
    EXPECT_TRUE(pair.server->peer().verified())
        << pair.server->peer().verification;
  }
}

// Old clients and chips without PSS: PKCS #1 on TLS 1.2, nothing on 1.3.
TEST_P(TlsStreamTest, RsaKeyWithoutPssWorksOnTls12Alone) {
  TlsCredential credential =
      ca_.Credential(TestServerLeaf(), KeyType::kRsa2048);
  auto signer = std::make_shared<Pkcs1Signer>(credential.signer);
  credential.signer = signer;
  Pair pair(Client(), Server(credential));
  pair.Carry();
  EXPECT_EQ(pair.server->handshake_done(), GetParam() == 2);
  EXPECT_EQ(pair.server_status.ok(), GetParam() == 2) << pair.server_status;
  EXPECT_EQ(signer->signatures, GetParam() == 2 ? 1 : 0);
}

TEST_P(TlsStreamTest, FailingSignerFailsTheHandshakeWithItsReason) {
  TlsCredential credential = ca_.Credential(TestServerLeaf());
  auto signer = std::make_shared<ThreadSigner>(credential.signer);
  signer->failure = absl::ResourceExhaustedError("the TPM has no memory");
  credential.signer = signer;
  Pair pair(Client(), Server(credential));
  pair.Carry();
  EXPECT_EQ(pair.server_status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(pair.server_status.message()),
              HasSubstr("the TPM has no memory"));
}

TEST_P(TlsStreamTest, StreamMayGoWhileItsSignerIsAtWork) {
  TlsCredential credential = ca_.Credential(TestServerLeaf());
  auto signer = std::make_shared<ThreadSigner>(credential.signer);
  credential.signer = signer;
  auto context = Server(credential);
  for (int i = 0; i < 20; ++i) {
    Pair pair(Client(), context);
    ASSERT_TRUE(pair.server->Feed(pair.client->TakeOutput()).ok());
    // Not before: the answer may be here already, and is dropped too.
    ASSERT_EQ(signer->signatures, i + 1);
    pair.server.reset();
  }
}

TEST_P(TlsStreamTest, ServerRecordsWhatTheClientShowed) {
  struct Case {
    const char* name;
    std::optional<TlsCredential> credential;
    bool verified;
    const char* reason;
  };
  TestCa::Leaf expired = TestClientLeaf();
  expired.not_before = absl::Now() - absl::Hours(3);
  expired.not_after = absl::Now() - absl::Hours(1);
  TestCa::Leaf wrong_purpose = TestClientLeaf();
  wrong_purpose.server = true;
  const Case cases[] = {
      {"good", ca_.Credential(TestClientLeaf()), true, ""},
      {"none", std::nullopt, false, ""},
      {"expired", ca_.Credential(expired), false, "expired"},
      {"foreign", foreign_ca_.Credential(TestClientLeaf()), false,
       "self signed"},
      {"wrong purpose", ca_.Credential(wrong_purpose), false, "purpose"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Pair pair(Client(c.credential), Server());
    pair.Carry();
    // EST answers over HTTP: the handshake goes on.
    ASSERT_TRUE(pair.server->handshake_done()) << pair.server_status;
    const TlsPeer& peer = pair.server->peer();
    EXPECT_EQ(peer.verified(), c.verified) << peer.verification;
    EXPECT_EQ(peer.chain.size(), c.credential ? 2u : 0u);
    if (!c.verified && c.credential) {
      EXPECT_THAT(std::string(peer.verification.message()),
                  HasSubstr(c.reason));
    }
  }
}

TEST_P(TlsStreamTest, UnreadableOrEndlessClientChainFailsTheHandshake) {
  TlsCredential unreadable = ca_.Credential(TestClientLeaf());
  unreadable.chain[1].pop_back();
  TlsCredential longest = ca_.Credential(TestClientLeaf());
  longest.chain.resize(10, ca_.certificate().der);
  for (const auto& [credential, good] :
       {std::pair(unreadable, false), std::pair(longest, true)}) {
    Pair pair(Client(credential), Server());
    pair.Carry();
    EXPECT_EQ(pair.server->handshake_done(), good);
    if (!good) {
      EXPECT_EQ(pair.server_status.code(), absl::StatusCode::kPermissionDenied);
      EXPECT_THAT(std::string(pair.server_status.message()),
                  HasSubstr("certificate 2 of the peer's chain"));
    }
  }
}

TEST_P(TlsStreamTest, ServerThatDoesNotAskGetsNoCertificate) {
  Pair pair(Client(ca_.Credential(TestClientLeaf())),
            Server(ca_.Credential(TestServerLeaf()), /*ask_client=*/false));
  pair.Carry();
  ASSERT_TRUE(pair.server->handshake_done());
  EXPECT_TRUE(pair.server->peer().chain.empty());
  EXPECT_FALSE(pair.server->peer().verified());
}

TEST_P(TlsStreamTest, ClientRefusesForeignExpiredAndMisnamedServers) {
  ExpectRefused(Client(), Server(foreign_ca_.Credential(TestServerLeaf())),
                "localhost", "self signed");
  TestCa::Leaf expired = TestServerLeaf();
  expired.not_before = absl::Now() - absl::Hours(3);
  expired.not_after = absl::Now() - absl::Hours(1);
  ExpectRefused(Client(), Server(ca_.Credential(expired)), "localhost",
                "expired");
  ExpectRefused(Client(), Server(), "est.example", "dns:localhost");
  ExpectRefused(Client(), Server(), "127.0.0.2", "ip:127.0.0.1");
  TestCa::Leaf not_a_server = TestServerLeaf();
  not_a_server.server = false;
  ExpectRefused(Client(), Server(ca_.Credential(not_a_server)), "localhost",
                "purpose");
  Pair by_address(Client(), Server(), "127.0.0.1");
  by_address.Carry();
  EXPECT_TRUE(by_address.client->handshake_done()) << by_address.client_status;
}

TEST_P(TlsStreamTest, PinnedCaMustBeInTheChainAndSignTheServer) {
  const auto pinned = [&](const Certificate& ca) {
    const Sha256Digest digest = Sha256(ca.der);
    TlsClientOptions options;
    options.versions = Versions();
    options.pinned_ca_sha256 = Bytes(digest.begin(), digest.end());
    return Client(std::move(options));
  };
  Pair good(pinned(ca_.certificate()), Server());
  good.Carry();
  EXPECT_TRUE(good.client->handshake_done()) << good.client_status;

  ExpectRefused(pinned(ca_.certificate()), Server(), "est.example",
                "its certificate is for");
  ExpectRefused(pinned(foreign_ca_.certificate()), Server(), "localhost",
                "pinned");
  // In the chain, but it is not what signed the server's certificate.
  TlsCredential fake = foreign_ca_.Credential(TestServerLeaf());
  fake.chain.push_back(ca_.certificate().der);
  ExpectRefused(pinned(ca_.certificate()), Server(fake), "localhost",
                "self signed");
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsStreamTest, ::testing::Values(2, 3),
                         [](const auto& info) {
                           return "Tls1" + std::to_string(info.param);
                         });

TEST(TlsContextTest, RefusesSettingsThatCannotWork) {
  const SystemClock clock;
  const TestCa ca("Test CA");
  TlsServerOptions server;
  EXPECT_FALSE(TlsContext::CreateServer(server, clock).ok()) << "no key";
  server.credential = ca.Credential(TestServerLeaf());
  server.credential.signer = *SoftwareSigner::Generate();
  EXPECT_THAT(
      std::string(TlsContext::CreateServer(server, clock).status().message()),
      HasSubstr("not for this private key"));
  server.credential = ca.Credential(TestServerLeaf());
  server.versions = {.allow_1_2 = false, .allow_1_3 = false};
  EXPECT_FALSE(TlsContext::CreateServer(server, clock).ok());
  server.versions = {};
  server.credential.chain[0].pop_back();
  EXPECT_FALSE(TlsContext::CreateServer(server, clock).ok());
  TlsClientOptions client;
  EXPECT_FALSE(TlsContext::CreateClient(client, clock).ok())
      << "would trust anything";
  client.pinned_ca_sha256 = Bytes(31);
  EXPECT_FALSE(TlsContext::CreateClient(client, clock).ok());
}

TEST(TlsStreamErrorsTest, GarbageFailsTheHandshake) {
  const SystemClock clock;
  const TestCa ca("Test CA");
  TlsServerOptions options;
  options.credential = ca.Credential(TestServerLeaf());
  auto context = TlsContext::CreateServer(options, clock);
  ASSERT_TRUE(context.ok());
  for (const std::string& text : {std::string("GET / HTTP/1.1\r\n\r\n"),
                                  std::string("\x16\x03\x01\xff\xff garbage"),
                                  std::string("\x17\x03\x03\0\1x", 6)}) {
    auto stream = TlsStream::CreateServer(*context, {});
    ASSERT_TRUE(stream.ok());
    EXPECT_EQ((*stream)->Feed(AsBytes(text)).code(),
              absl::StatusCode::kUnavailable);
    EXPECT_EQ((*stream)->Write(AsBytes("x")).code(),
              absl::StatusCode::kUnavailable);
  }
}

TEST(TlsStreamErrorsTest, CorruptedRecordEndsTheConnection) {
  const SystemClock clock;
  const TestCa ca("Test CA");
  TlsServerOptions server;
  server.credential = ca.Credential(TestServerLeaf());
  TlsClientOptions client;
  client.server_anchors = ca.anchors();
  Pair pair(*TlsContext::CreateClient(client, clock),
            *TlsContext::CreateServer(server, clock));
  pair.Carry();
  ASSERT_TRUE(pair.client->Write(AsBytes("secret")).ok());
  Bytes record = pair.client->TakeOutput();
  record.back() ^= 1;
  EXPECT_EQ(pair.server->Feed(record).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(pair.server->TakePlaintext().empty());
}

}  // namespace
}  // namespace bestow
