#include "agent/enroll/testing/est_test_server.h"

#include <unistd.h>

#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/base64.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"

namespace bestow::agent {
namespace {

template <typename T>
T Must(absl::StatusOr<T> value) {
  CHECK_OK(value.status());
  return *std::move(value);
}

HttpResponse CertsOnlyReply(const std::vector<Bytes>& certificates) {
  HttpResponse reply;
  reply.headers = {{"Content-Type", std::string(est::kCertsOnlyMediaType)},
                   {"Content-Transfer-Encoding", "base64"}};
  reply.body = est::EncodeBody(Must(SerializeCertsOnlyDer(certificates)));
  return reply;
}

}  // namespace

EstTestServer::EstTestServer(EventLoop& loop, TlsVersions versions) {
  TlsServerOptions options;
  options.versions = versions;
  options.credential = ca_.Credential(TestServerLeaf());
  options.client_anchors = ca_.anchors();
  tls_ = Must(TlsContext::CreateServer(std::move(options), clock_));
  fd_ = Must(OpenListeningSocket("127.0.0.1:0"));
  HttpServer::Options http;
  http.tls = [this] { return tls_; };
  http.handler = [this](const HttpRequest& request, const HttpPeer& peer,
                        HttpServer::Reply reply) {
    reply(Answer(request, peer));
  };
  http.on_refused = [](const std::string&, const std::string&) {};
  server_ = Must(HttpServer::Create(loop, {fd_}, std::move(http)));
}

EstTestServer::~EstTestServer() {
  server_.reset();
  close(fd_);
}

std::string EstTestServer::url() const {
  return absl::StrCat("https://", LocalAddress(fd_));
}

HttpResponse EstTestServer::Issue(const TestCa& issuer,
                                  const Pkcs10Request& csr,
                                  const Bytes& spki) const {
  TestCa::Leaf leaf = TestClientLeaf();
  leaf.common_name = csr.subject.common_name();
  for (const GeneralName& san : csr.requested_sans) {
    leaf.sans.push_back(san.ToText());
  }
  leaf.not_after = absl::Now() + lifetime;
  return CertsOnlyReply({issuer.Issue(leaf, spki)});
}

HttpResponse EstTestServer::Challenge() const {
  HttpResponse reply{.status = 401, .close = closes_after_challenge};
  for (const std::string& challenge : challenges) {
    reply.headers.emplace_back("WWW-Authenticate", challenge);
  }
  return reply;
}

HttpResponse EstTestServer::Answer(const HttpRequest& request,
                                   const HttpPeer& peer) {
  auto target = est::ParsePath(request.target);
  if (!target) return {.status = 404};
  Seen one{.operation = target->operation, .argument = target->argument};
  one.authorization = FindHeader(request.headers, "Authorization").value_or("");
  const TlsPeer& client = peer.tls->peer();
  if (client.verified()) one.client = client.chain.front().subject.ToText();
  one.binding = EncodeBase64(Must(peer.tls->version() == "TLSv1.2"
                                      ? peer.tls->TlsUnique()
                                      : peer.tls->TlsExporter()));
  if (request.method == "POST") {
    Pkcs10Request csr =
        Must(ParsePkcs10Der(Must(est::DecodeBody(request.body))));
    if (VerifyPkcs10Signature(csr).ok()) one.csr = std::move(csr);
  }
  seen.push_back(one);
  if (override_reply) {
    if (auto reply = override_reply(one)) return *std::move(reply);
  }
  switch (one.operation) {
    case est::Operation::kCaCerts: {
      std::vector<Bytes> certificates = more_cacerts;
      certificates.push_back(ca_.certificate().der);
      return CertsOnlyReply(certificates);
    }
    case est::Operation::kCsrAttrs:
      return {.status = 204};
    case est::Operation::kRenewalInfo:
      return {.status = 404};
    default:
      break;
  }
  if (!one.csr) return {.status = 400, .body = "bad signature\n"};
  if (one.operation == est::Operation::kSimpleEnroll && !challenges.empty() &&
      one.authorization.empty()) {
    return Challenge();
  }
  if (one.operation == est::Operation::kSimpleReenroll && one.client.empty()) {
    return {.status = 403, .body = "no certificate\n"};
  }
  return Issue(ca_, *one.csr, one.csr->spki);
}

std::vector<est::Operation> EstTestServer::Operations() const {
  std::vector<est::Operation> operations;
  for (const Seen& one : seen) operations.push_back(one.operation);
  return operations;
}

std::vector<EstTestServer::Seen> EstTestServer::Of(
    est::Operation operation) const {
  std::vector<Seen> some;
  for (const Seen& one : seen) {
    if (one.operation == operation) some.push_back(one);
  }
  return some;
}

}  // namespace bestow::agent
