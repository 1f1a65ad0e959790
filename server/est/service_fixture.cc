#include "server/est/service_fixture.h"

#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "server/auth/password.h"
#include "server/store/database_dump.h"
#include "server/store/listing.h"

namespace bestow::server {
namespace {
// Costs nothing: these tests are not about scrypt.
constexpr ScryptCost kCheap = {.log2_n = 4, .r = 1, .p = 1};
}  // namespace

void TestLoop::Post(std::function<void()> fn) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(fn));
  wake_.notify_one();
}

void TestLoop::RunOne() {
  std::function<void()> fn;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [this] { return !queue_.empty(); });
    fn = std::move(queue_.front());
    queue_.pop_front();
  }
  fn();
}

void ServiceFixture::SetUp() {
  static int count = 0;
  database_ = absl::StrCat(getenv("TEST_TMPDIR"), "/service", getpid(), "_",
                           count++, ".db");
  ASSERT_TRUE(CreateStore({.path = database_}).ok());
  sealer_ = *SecretSealer::FromKey(Secret(Bytes(SecretSealer::kKeyBytes, 7)));
  ConfigureStore({});
  auto hash = HashPassword(Secret(kPassword), kCheap);
  ASSERT_TRUE(hash.ok());
  ASSERT_TRUE(store_->SetPassword("gw-17", *hash, false, clock_.Now()).ok());
  ASSERT_TRUE(store_
                  ->AddSecret("gw-17", HashOneTimeSecret(Secret(kSecret)),
                              clock_.Now(), clock_.Now() + absl::Hours(1))
                  .ok());

  std::shared_ptr<Signer> signer = *SoftwareSigner::Generate();
  auto root = CreateRootCertificate("Test CA", *signer, clock_.Now(),
                                    absl::Hours(24 * 3650));
  ASSERT_TRUE(root.ok()) << root.status();
  auto ca = CertificateAuthority::Create(*root, signer);
  ASSERT_TRUE(ca.ok()) << ca.status();
  ca_ = *ca;
  device_ = *SoftwareSigner::Generate();
  Configure(Config{});
}

void ServiceFixture::ConfigureStore(StoreOptions options) {
  ServiceFixture::TearDown();
  options.path = database_;
  auto store = OpenStore(options);
  ASSERT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  auto authenticator = Authenticator::Create(
      *store_, clock_, {.cost = kCheap, .sealer = sealer_});
  ASSERT_TRUE(authenticator.ok());
  authenticator_ = *std::move(authenticator);
  AuditTrail::Options audit_options;
  audit_options.one.burst = 0;  // no limit
  audit_options.unknown.burst = 0;
  audit_ = std::make_unique<AuditTrail>(*store_, clock_, audit_options);
  service_ = std::make_unique<EstService>(EstService::Options{
      [this] { return snapshot_; },
      {store_.get(), authenticator_.get(), &clock_, sealer_.get(),
       audit_.get()},
      [this](const std::string& line) { log_.push_back(line); }});
}

void ServiceFixture::TearDown() {
  service_.reset();
  audit_.reset();
  authenticator_.reset();
  store_.reset();
}

std::string ServiceFixture::Dump() {
  return *DumpDatabase(database_, /*but_for=*/"audit_log");
}

std::vector<AuditRecord> ServiceFixture::AuditAfter(int64_t sequence) {
  // Writes nothing, after what is in the queue.
  EXPECT_TRUE(store_->AppendAndWait({}).ok());
  auto records = store_->ReadAudit(sequence, kMaxPage);
  EXPECT_TRUE(records.ok()) << records.status();
  return *records;
}

void ServiceFixture::ExpectNothingButAudited(
    const std::function<HttpResponse()>& ask, std::string_view problem) {
  const std::string before = Dump();
  const int64_t sequence = AuditAfter(0).size();
  ask();
  EXPECT_EQ(Dump(), before);
  const std::vector<AuditRecord> audited = AuditAfter(sequence);
  const std::string& line = log_.back();
  // What was not understood as an enrollment, or did not say who asks, is no
  // decision.
  const bool is_enrollment = absl::StrContains(line, "op=simple") ||
                             absl::StrContains(line, "op=serverkeygen");
  if (!is_enrollment || problem == "no-credentials" ||
      problem == "unknown-label" || problem == "wrong-method") {
    EXPECT_TRUE(audited.empty()) << audited.front().entry.detail;
    return;
  }
  ASSERT_EQ(audited.size(), 1u) << line;
  const AuditEntry& entry = audited.front().entry;
  EXPECT_EQ(entry.outcome,
            problem == "busy" || problem == "internal" ? "failed" : "refused");
  EXPECT_TRUE(absl::StrContains(entry.detail, absl::StrCat(problem, ": ")))
      << entry.detail;
  EXPECT_EQ(entry.source, "192.0.2.7");
  EXPECT_TRUE(absl::StrContains(line, absl::StrCat("op=", entry.action)));
  EXPECT_EQ(absl::StrContains(line, " identity="), !entry.actor.empty());
  EXPECT_FALSE(absl::StrContains(entry.detail, kPassword));
  EXPECT_FALSE(absl::StrContains(entry.detail, kSecret));
}

void ServiceFixture::Configure(const Config& config) {
  Snapshot::Materials materials;
  // The part that ServerNames reads.
  materials.tls_certificate.sans = {*GeneralName::Dns("est.example")};
  materials.cas = {{"ca", {ca_, {ca_->certificate()}, {}}}};
  materials.cas.insert(other_cas_.begin(), other_cas_.end());
  auto snapshot = Snapshot::Create(config, materials);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  snapshot_ = *snapshot;
}

std::string ServiceFixture::Basic(const std::string& name,
                                  const std::string& password) {
  return absl::StrCat("Basic ",
                      absl::Base64Escape(absl::StrCat(name, ":", password)));
}

HttpResponse ServiceFixture::Send(const HttpRequest& request,
                                  const ClientInfo& client) {
  std::optional<HttpResponse> response;
  service_->Handle(
      request, client,
      [this](std::function<void()> fn) { loop_.Post(std::move(fn)); },
      [&](HttpResponse got) {
        EXPECT_FALSE(response.has_value()) << "answered twice";
        response = std::move(got);
      });
  while (!response.has_value()) loop_.RunOne();
  return *response;
}

HttpResponse ServiceFixture::Get(const std::string& path) {
  return Send({.method = "GET", .target = path}, Anonymous());
}

HttpResponse ServiceFixture::Enroll(const std::string& body,
                                    const std::string& authorization) {
  return Enroll(body, authorization, Anonymous());
}

HttpResponse ServiceFixture::Enroll(const std::string& body,
                                    const std::string& authorization,
                                    const ClientInfo& client) {
  return Post("simpleenroll", body, authorization, client);
}

HttpResponse ServiceFixture::Post(const std::string& path,
                                  const std::string& body,
                                  const std::string& authorization) {
  return Post(path, body, authorization, Anonymous());
}

HttpResponse ServiceFixture::Post(const std::string& path,
                                  const std::string& body,
                                  const std::string& authorization,
                                  const ClientInfo& client) {
  HttpRequest request{.method = "POST",
                      .target = absl::StrCat("/.well-known/est/", path),
                      .headers = {{"Content-Type", "application/pkcs10"}},
                      .body = body};
  if (!authorization.empty()) {
    request.headers.emplace_back("Authorization", authorization);
  }
  return Send(request, client);
}

HttpResponse ServiceFixture::Reenroll(const std::string& body,
                                      const ClientInfo& client) {
  return Post("simplereenroll", body, "", client);
}

void ServiceFixture::AddUser(const std::string& name,
                             const std::string& password,
                             const IdentityOptions& options,
                             const std::vector<DigestSecret>& digest) {
  auto hash = HashPassword(Secret(password), kCheap);
  ASSERT_TRUE(hash.ok());
  ASSERT_TRUE(
      store_->SetPassword(name, *hash, true, clock_.Now(), options, digest)
          .ok());
}

ClientInfo ServiceFixture::Anonymous() {
  return ClientInfo{"192.0.2.7:50312", TlsPeer{}, Bytes{1, 2, 3, 4}};
}

ClientInfo ServiceFixture::ClientWith(const Certificate& certificate,
                                      absl::Status verification) {
  ClientInfo client = Anonymous();
  client.tls.chain = {certificate};
  client.tls.verification = std::move(verification);
  return client;
}

Pkcs10Template ServiceFixture::Wish(const Signer& signer,
                                    const std::string& subject) {
  Pkcs10Template wanted;
  if (!subject.empty()) wanted.subject = *Name::FromText(subject);
  wanted.spki = signer.public_key_spki();
  return wanted;
}

Bytes ServiceFixture::MakeCsrDer(Signer& signer, const Pkcs10Template& wanted) {
  auto info = SerializePkcs10InfoDer(wanted);
  EXPECT_TRUE(info.ok()) << info.status();
  auto signature = SignAndWait(signer, *info);
  EXPECT_TRUE(signature.ok()) << signature.status();
  auto der = AssemblePkcs10Der(*info, signer.algorithm(), *signature);
  EXPECT_TRUE(der.ok()) << der.status();
  return *der;
}

std::string ServiceFixture::MakeCsr(Signer& signer,
                                    const std::string& subject) {
  return MakeCsr(signer, Wish(signer, subject));
}

std::string ServiceFixture::MakeCsr(Signer& signer,
                                    const Pkcs10Template& wanted) {
  return est::EncodeBody(MakeCsrDer(signer, wanted));
}

Certificate ServiceFixture::IssuedBy(const HttpResponse& response) {
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(HeaderOf(response, "Content-Type"),
            "application/pkcs7-mime; smime-type=certs-only");
  EXPECT_EQ(HeaderOf(response, "Content-Transfer-Encoding"), "base64");
  auto der = est::DecodeBody(response.body);
  EXPECT_TRUE(der.ok()) << der.status();
  auto certs = ParseCertsOnlyDer(der.value_or(Bytes{}));
  EXPECT_TRUE(certs.ok()) << certs.status();
  if (!certs.ok()) return {};
  // RFC 7030 4.2.3: only the certificate that was issued.
  EXPECT_EQ(certs->certificates.size(), 1u);
  return certs->certificates[0];
}

std::string ServiceFixture::HeaderOf(const HttpResponse& response,
                                     const std::string& name) {
  return FindHeader(response.headers, name).value_or("");
}

size_t ServiceFixture::RecordCount() {
  size_t count = 0;
  EXPECT_TRUE(
      store_->ForEachCertificate([&](const CertificateRecord&) { ++count; })
          .ok());
  return count;
}

}  // namespace bestow::server
