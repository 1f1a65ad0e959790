#include "server/upstream/upstream_fixture.h"

#include <algorithm>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/base64.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"

namespace bestow::server {
namespace {

constexpr std::string_view kPath = "/.well-known/est/";
constexpr int kMaxSleeps = 100'000;  // in one Sleep()

std::string Header(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return std::string(value);
  }
  return "";
}

}  // namespace

FakeUpstream::FakeUpstream(const Clock& clock, absl::Duration lifetime)
    : clock_(clock), lifetime_(lifetime) {
  TestHttpsServer::Options options;
  options.handler = [this](const HttpRequest& request, const HttpPeer& peer,
                           HttpServer::Reply reply) {
    const HttpResponse response = Handle(request, peer);
    if (response.status != 0) return reply(response);
    never_.push_back(std::move(reply));
  };
  server_ = std::make_unique<TestHttpsServer>(std::move(options));
}

ServerUrl FakeUpstream::url() const {
  ServerUrl url;
  url.host = "127.0.0.1";
  url.port = server_->port();
  return url;
}

std::vector<FakeUpstream::Asked> FakeUpstream::asked() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return asked_;
}

int FakeUpstream::requests() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void FakeUpstream::Answer(const std::string& operation,
                          std::optional<HttpResponse> response) {
  std::lock_guard<std::mutex> lock(mutex_);
  answers_.erase(operation);
  if (response.has_value()) answers_[operation] = *std::move(response);
}

void FakeUpstream::LoseNextReply() {
  std::lock_guard<std::mutex> lock(mutex_);
  lose_next_reply_ = true;
}

void FakeUpstream::SetIssue(Issue issue) {
  std::lock_guard<std::mutex> lock(mutex_);
  issue_ = std::move(issue);
}

void FakeUpstream::SetCaCerts(std::vector<Bytes> certificates) {
  std::lock_guard<std::mutex> lock(mutex_);
  ca_certs_ = std::move(certificates);
}

HttpResponse FakeUpstream::Certificates(
    const std::vector<Bytes>& certificates) {
  HttpResponse response;
  response.headers = {
      {"Content-Type", "application/pkcs7-mime; smime-type=certs-only"},
      {"Content-Transfer-Encoding", "base64"}};
  auto der = SerializeCertsOnlyDer(certificates);
  CHECK(der.ok()) << der.status();
  response.body = est::EncodeBody(*der);
  return response;
}

HttpResponse FakeUpstream::Status(int status, const std::string& retry_after) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "text/plain"}};
  if (!retry_after.empty()) {
    response.headers.push_back({"Retry-After", retry_after});
  }
  response.body = absl::StrCat("status ", status, " it is\n");
  return response;
}

HttpResponse FakeUpstream::Handle(const HttpRequest& request,
                                  const HttpPeer& peer) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++requests_;
  if (!absl::StartsWith(request.target, kPath)) return Status(404);
  const std::string operation = request.target.substr(kPath.size());
  const auto answer = answers_.find(operation);
  if (operation == "cacerts" || operation == "csrattrs") {
    if (answer != answers_.end()) return answer->second;
    if (operation == "csrattrs") return Status(404);
    return Certificates(ca_certs_.empty()
                            ? std::vector<Bytes>{ca().certificate().der}
                            : ca_certs_);
  }
  HttpResponse response = Enroll(operation, request, peer);
  // Nobody is told anything before it was asked who they are.
  return answer != answers_.end() && response.status == 200 ? answer->second
                                                            : response;
}

HttpResponse FakeUpstream::Enroll(const std::string& operation,
                                  const HttpRequest& request,
                                  const HttpPeer& peer) {
  Asked asked;
  asked.operation = operation;
  if (peer.tls != nullptr && peer.tls->peer().verified()) {
    asked.client =
        std::string(peer.tls->peer().chain.front().subject.common_name());
  }
  asked.with_secret =
      Header(request.headers, "Authorization") ==
      absl::StrCat("Basic ",
                   EncodeBase64(AsBytes(absl::StrCat(kUser, ":", kSecret))));
  if (asked.client.empty() && !asked.with_secret) {
    HttpResponse who = Status(401);
    who.headers.push_back({"WWW-Authenticate", "Basic realm=\"test\""});
    return who;
  }
  auto der = est::DecodeBody(request.body);
  auto parsed = ParsePkcs10Der(der.ok() ? *der : Bytes());
  if (!parsed.ok()) return Status(400);
  asked.request = *std::move(parsed);
  asked_.push_back(asked);
  const Bytes& spki = asked.request.spki;
  // A secret serves one key, and that again after a lost reply.
  const bool by_secret = asked.client.empty();
  if (by_secret && served_.has_value() && served_->first != spki) {
    return Status(403);
  }
  Bytes certificate;
  if (by_secret && served_.has_value()) {
    certificate = served_->second;
  } else if (issue_ != nullptr) {
    certificate = issue_(asked);
  } else {
    TestCa::Leaf leaf = TestClientLeaf();
    leaf.common_name = std::string(asked.request.subject.common_name());
    // TLS checks it by the system's clock.
    leaf.not_before = std::min(clock_.Now(), absl::Now());
    leaf.not_after = clock_.Now() + lifetime_;
    certificate = ca().Issue(leaf, spki);
  }
  if (by_secret) served_ = {spki, certificate};
  if (std::exchange(lose_next_reply_, false)) return Status(503);
  return Certificates({certificate});
}

KeeperDriver::KeeperDriver() {
  auto loop = EventLoop::Create();
  CHECK(loop.ok()) << loop.status();
  loop_ = *std::move(loop);
}

absl::Status KeeperDriver::Start(UpstreamKeeper::Options options) {
  keeper_.reset();
  options.clock = &clock_;
  options.log = [this](const std::string& line) { log_.push_back(line); };
  options.on_change = [this] { ++changes_; };
  options.sleep = [this](absl::Duration pause, std::function<void()> fn) {
    return Arm(pause, std::move(fn));
  };
  auto keeper = UpstreamKeeper::Create(*loop_, std::move(options));
  if (!keeper.ok()) return keeper.status();
  keeper_ = *std::move(keeper);
  keeper_->Start();
  Run();
  return absl::OkStatus();
}

void KeeperDriver::Run() { loop_->Run(); }

absl::Duration KeeperDriver::Sleep() {
  absl::Duration slept;
  const size_t lines = log_.size();
  for (int i = 0; i < kMaxSleeps && armed_ != nullptr; ++i) {
    const int steps = steps_;
    clock_.Pass(pause_);
    slept += pause_;
    loop_->Post([this] { Fire(); });
    loop_->Run();
    if (log_.size() != lines || steps_ != steps) break;
  }
  return slept;
}

bool KeeperDriver::Logged(const std::string& text) const {
  return std::any_of(log_.begin(), log_.end(), [&](const std::string& line) {
    return absl::StrContains(line, text);
  });
}

std::shared_ptr<void> KeeperDriver::Arm(absl::Duration pause,
                                        std::function<void()> fn) {
  armed_ = std::move(fn);
  pause_ = pause;
  const int number = ++arms_;
  if (pause <= absl::ZeroDuration()) {
    loop_->Post([this] { Fire(); });
    ++steps_;
  } else {
    loop_->Stop();
  }
  return std::shared_ptr<void>(nullptr, [this, number](void*) {
    if (arms_ == number) armed_ = nullptr;
  });
}

void KeeperDriver::Fire() {
  if (armed_ == nullptr) return;
  const std::function<void()> fn = std::exchange(armed_, nullptr);
  fn();
}

}  // namespace bestow::server
