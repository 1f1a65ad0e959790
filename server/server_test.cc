// The server on a real socket with many workers, asked by our own client.
#include "server/server.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "common/crypto/base64.h"
#include "common/crypto/signer.h"
#include "common/est/transfer_encoding.h"
#include "common/net/http_client.h"
#include "common/pki/certs_only.h"
#include "common/pki/path.h"
#include "common/pki/pkcs10.h"
#include "gtest/gtest.h"
#include "server/admin/init.h"
#include "server/admin/new_ca.h"
#include "server/admin/state_store.h"
#include "server/auth/password.h"
#include "server/auth/sealed_secret.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// One HTTPS connection on a loop of its own.
class Client {
 public:
  Client(uint16_t port, std::shared_ptr<const TlsContext> tls)
      : loop_(*EventLoop::Create()),
        http_(*loop_, HttpClient::Options{
                          .host = "127.0.0.1", .port = port, .tls = tls}) {
    std::optional<absl::Status> result;
    http_.Connect([&](absl::Status status) {
      result = status;
      loop_->Stop();
    });
    Run();
    connected_ = result.value_or(absl::DeadlineExceededError("no answer"));
  }

  const absl::Status& connected() const { return connected_; }

  absl::StatusOr<HttpResponse> Post(const std::string& operation,
                                    const std::string& body,
                                    const std::string& authorization) {
    HttpRequest request{.method = "POST",
                        .target = "/.well-known/est/" + operation,
                        .headers = {{"Content-Type", "application/pkcs10"}},
                        .body = body};
    if (!authorization.empty()) {
      request.headers.emplace_back("Authorization", authorization);
    }
    // Shared with a reply that comes after patience is over.
    auto result =
        std::make_shared<std::optional<absl::StatusOr<HttpResponse>>>();
    http_.Send(std::move(request),
               [result, this](absl::StatusOr<HttpResponse> response) {
                 *result = std::move(response);
                 loop_->Stop();
               });
    Run();
    if (!result->has_value()) return absl::DeadlineExceededError("no answer");
    return *std::move(*result);
  }

  Bytes ChannelBinding() const {
    const TlsStream& tls = *http_.tls();
    auto binding =
        tls.version() == "TLSv1.3" ? tls.TlsExporter() : tls.TlsUnique();
    EXPECT_TRUE(binding.ok()) << binding.status();
    return binding.value_or(Bytes{});
  }

 private:
  void Run() {
    auto guard = loop_->RunAfter(kPatience, [this] { loop_->Stop(); });
    loop_->Run();
  }

  std::unique_ptr<EventLoop> loop_;
  HttpClient http_;
  absl::Status connected_;
};

std::string MakeCsr(Signer& signer, const std::string& subject,
                    const Bytes& channel_binding = {}) {
  Pkcs10Template wanted;
  wanted.subject = *Name::FromText(subject);
  wanted.spki = signer.public_key_spki();
  if (!channel_binding.empty()) {
    wanted.challenge_password = EncodeBase64(channel_binding);
  }
  const Bytes info = *SerializePkcs10InfoDer(wanted);
  return est::EncodeBody(
      *AssemblePkcs10Der(info, signer.algorithm(), *SignAndWait(signer, info)));
}

absl::StatusOr<Certificate> IssuedBy(
    const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) return response.status();
  if (response->status != 200) {
    return absl::InternalError(
        absl::StrCat(response->status, " ", response->body));
  }
  absl::StatusOr<Bytes> der = est::DecodeBody(response->body);
  if (!der.ok()) return der.status();
  absl::StatusOr<CertsOnly> certs = ParseCertsOnlyDer(*der);
  if (!certs.ok()) return certs.status();
  return certs->certificates.at(0);
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    static int count = 0;
    folder_ =
        absl::StrCat(getenv("TEST_TMPDIR"), "/server", getpid(), "_", count++);
    ASSERT_TRUE(InitState({folder_, {"127.0.0.1"}, {"127.0.0.1:0"}, "Test CA"},
                          clock_.Now())
                    .ok());
    const StatePaths paths(folder_);
    auto state = LoadState(paths);
    ASSERT_TRUE(state.ok()) << state.status();
    state->config.workers = 4;
    ca_ = state->ca_certificate();
    auto store = OpenStateStore(paths);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = store->get();
    auto fd = OpenListeningSocket("127.0.0.1:0");
    ASSERT_TRUE(fd.ok()) << fd.status();
    fd_ = *fd;
    const std::string address = LocalAddress(fd_);
    int port = 0;
    ASSERT_TRUE(
        absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    port_ = static_cast<uint16_t>(port);
    auto server = Server::Create(*std::move(state), *std::move(store), {fd_},
                                 clock_, [](const std::string&) {});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::thread([this] { server_->Run(); });
  }

  void TearDown() override {
    if (server_ != nullptr) Stop();  // else SetUp() has said why
    server_.reset();
    if (fd_ >= 0) close(fd_);
  }

  void Stop() {
    server_->Stop();
    if (thread_.joinable()) thread_.join();
  }

  std::string AddSecret(const std::string& name) {
    const Secret secret = GenerateOneTimeSecret();
    EXPECT_TRUE(store_
                    ->AddSecret(name, HashOneTimeSecret(secret), clock_.Now(),
                                clock_.Now() + absl::Hours(1))
                    .ok());
    return absl::StrCat(
        "Basic ", absl::Base64Escape(absl::StrCat(name, ":", secret.text())));
  }

  std::shared_ptr<const TlsContext> ClientTls(
      TlsVersions versions,
      std::optional<TlsCredential> credential = std::nullopt) {
    TlsClientOptions options;
    options.versions = versions;
    options.credential = std::move(credential);
    options.server_anchors = *TrustAnchors::Create({ca_});
    auto context = TlsContext::CreateClient(std::move(options), clock_);
    EXPECT_TRUE(context.ok()) << context.status();
    return *context;
  }

  size_t RecordCount() {
    size_t count = 0;
    EXPECT_TRUE(
        store_->ForEachCertificate([&](const CertificateRecord&) { ++count; })
            .ok());
    return count;
  }

  void AddToConfig(const std::string& text) {
    std::ofstream(StatePaths(folder_).config, std::ios::app) << text;
  }
  absl::StatusOr<std::vector<std::string>> Reload() {
    absl::StatusOr<ServerState> state = LoadState(StatePaths(folder_));
    if (!state.ok()) return state.status();
    return server_->Reload(*state);
  }

  std::string folder_;
  SystemClock clock_;
  Certificate ca_;
  Store* store_ = nullptr;  // the server's
  int fd_ = -1;
  uint16_t port_ = 0;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

// RFC 7030 3.3.2, 3.5, 4.2: from a one-time secret to a re-enrollment with the
// certificate, each request linked to its own session, on both versions.
TEST_F(ServerTest, EnrollsAndReenrollsLinkedToItsSession) {
  for (const TlsVersions versions :
       {TlsVersions{true, false}, TlsVersions{false, true}}) {
    const std::string name = versions.allow_1_3 ? "gw-13" : "gw-12";
    const std::string subject = absl::StrCat("CN=", name);
    std::shared_ptr<SoftwareSigner> key = *SoftwareSigner::Generate();
    Client first(port_, ClientTls(versions));
    ASSERT_TRUE(first.connected().ok()) << first.connected();
    auto issued = IssuedBy(first.Post(
        "simpleenroll", MakeCsr(*key, subject, first.ChannelBinding()),
        AddSecret(name)));
    ASSERT_TRUE(issued.ok()) << issued.status();
    EXPECT_EQ(issued->subject.ToText(), subject);

    // Another session's binding does not do, and is the last word in this one
    // (RFC 9266 4.1).
    const auto with_certificate =
        ClientTls(versions, TlsCredential{{issued->der}, key});
    Client wrong(port_, with_certificate);
    ASSERT_TRUE(wrong.connected().ok()) << wrong.connected();
    auto refused = wrong.Post(
        "simplereenroll", MakeCsr(*key, subject, first.ChannelBinding()), "");
    ASSERT_TRUE(refused.ok()) << refused.status();
    EXPECT_EQ(refused->status, 400) << refused->body;
    EXPECT_TRUE(refused->close);

    Client second(port_, with_certificate);
    ASSERT_TRUE(second.connected().ok()) << second.connected();
    auto renewed = IssuedBy(second.Post(
        "simplereenroll", MakeCsr(*key, subject, second.ChannelBinding()), ""));
    ASSERT_TRUE(renewed.ok()) << renewed.status();
    EXPECT_EQ(renewed->subject, issued->subject);
    EXPECT_NE(renewed->serial, issued->serial);
  }
}

TEST_F(ServerTest, ServesManyClientsAtOnce) {
  constexpr int kClients = 24;
  const std::shared_ptr<const TlsContext> tls = ClientTls({});
  std::vector<std::string> secrets;
  for (int i = 0; i < kClients; ++i) {
    secrets.push_back(AddSecret(absl::StrCat("d", i)));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      auto key = *SoftwareSigner::Generate();
      Client client(port_, tls);
      ASSERT_TRUE(client.connected().ok()) << client.connected();
      // Twice, as after a lost reply: the same certificate.
      const std::string csr = MakeCsr(*key, "CN=x");
      auto one = IssuedBy(client.Post("simpleenroll", csr, secrets[i]));
      auto two = IssuedBy(client.Post("simpleenroll", csr, secrets[i]));
      ASSERT_TRUE(one.ok()) << one.status();
      ASSERT_TRUE(two.ok()) << two.status();
      EXPECT_EQ(one->der, two->der);
      EXPECT_EQ(one->subject.ToText(), absl::StrCat("CN=d", i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(RecordCount(), static_cast<size_t>(kClients));
}

// Whoever got an answer has a record, also while the server stops.
TEST_F(ServerTest, StopsWhileClientsEnroll) {
  constexpr int kClients = 16;
  const std::shared_ptr<const TlsContext> tls = ClientTls({});
  std::vector<std::string> secrets;
  for (int i = 0; i < kClients; ++i) {
    secrets.push_back(AddSecret(absl::StrCat("d", i)));
  }
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      auto key = *SoftwareSigner::Generate();
      Client client(port_, tls);
      if (!client.connected().ok()) return;
      auto issued = IssuedBy(
          client.Post("simpleenroll", MakeCsr(*key, "CN=x"), secrets[i]));
      if (!issued.ok()) return;
      EXPECT_TRUE(store_->FindCertificate(issued->serial).ok());
      if (++answered == 3) server_->Stop();
    });
  }
  for (std::thread& thread : threads) thread.join();
  Stop();
  EXPECT_GE(answered, 3);
}

// On connections that were there before, too.
TEST_F(ServerTest, ReloadsLabelsAndCas) {
  Client client(port_, ClientTls({}));
  ASSERT_TRUE(client.connected().ok()) << client.connected();
  auto key = *SoftwareSigner::Generate();
  const std::string csr = MakeCsr(*key, "CN=x");
  auto before = client.Post("plant/simpleenroll", csr, "");
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->status, 404) << before->body;

  auto plant = AddCa(StatePaths(folder_), "plant", "Plant CA", KeyType::kEcP384,
                     clock_.Now());
  ASSERT_TRUE(plant.ok()) << plant.status();
  AddToConfig("[labels.plant]\nca = \"cas/plant\"\n");
  auto reloaded = Reload();
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  // The server of this test has a number of workers of its own.
  EXPECT_EQ(*reloaded, std::vector<std::string>{"workers"});
  auto after = client.Post("plant/simpleenroll", csr, "");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->status, 401) << after->body;
}

TEST_F(ServerTest, ABadConfigChangesNothing) {
  AddToConfig("[labels.plant]\nca = \"cas/none\"\n");
  auto reloaded = Reload();
  EXPECT_EQ(reloaded.status().code(), absl::StatusCode::kFailedPrecondition);
  Client client(port_, ClientTls({}));
  ASSERT_TRUE(client.connected().ok()) << client.connected();
  auto key = *SoftwareSigner::Generate();
  const std::string csr = MakeCsr(*key, "CN=x");
  auto unknown = client.Post("plant/simpleenroll", csr, "");
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_EQ(unknown->status, 404);
  EXPECT_TRUE(
      IssuedBy(client.Post("simpleenroll", csr, AddSecret("gw-17"))).ok());
}

TEST_F(ServerTest, SaysWhatNeedsARestart) {
  AddToConfig("[labels.a.limits]\nbody_bytes = 2048\n");
  std::ifstream in(StatePaths(folder_).config);
  std::stringstream text;
  text << in.rdbuf();
  const std::string changed = absl::StrReplaceAll(
      text.str(), {{"127.0.0.1:0", "127.0.0.1:1"},
                   {"queued_issuances = 4096", "queued_issuances = 5"},
                   {"connections = 1000", "connections = 1001"},
                   {"group = \"\"", "group = \"root\""}});
  ASSERT_TRUE(
      WriteFileAtomically(StatePaths(folder_).config, AsBytes(changed), 0600)
          .ok());
  auto reloaded = Reload();
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  EXPECT_EQ(*reloaded,
            (std::vector<std::string>{"listen", "workers", "admin.group",
                                      "limits.queued_issuances"}));
  ASSERT_TRUE(WriteFileAtomically(StatePaths(folder_).seal_key,
                                  Bytes(SecretSealer::kKeyBytes, 7), 0600)
                  .ok());
  reloaded = Reload();
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  EXPECT_EQ(reloaded->back(), "seal.key");
}

TEST_F(ServerTest, StopsAtOnceWithIdleConnections) {
  Client idle(port_, ClientTls({}));
  ASSERT_TRUE(idle.connected().ok()) << idle.connected();
  const absl::Time start = absl::Now();
  Stop();
  Stop();                                            // twice is once
  EXPECT_LT(absl::Now() - start, absl::Seconds(9));  // not the drain's deadline
}

}  // namespace
}  // namespace bestow::server
