// For tests: the whole server below HTTP, with real parts, in memory but for
// the database.
#ifndef SERVER_EST_SERVICE_FIXTURE_H_
#define SERVER_EST_SERVICE_FIXTURE_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/fake_clock.h"
#include "common/crypto/signer.h"
#include "common/net/http_message.h"
#include "common/pki/certificate.h"
#include "common/pki/pkcs10.h"
#include "gtest/gtest.h"
#include "server/audit/audit_trail.h"
#include "server/auth/authenticator.h"
#include "server/auth/sealed_secret.h"
#include "server/ca/ca_bundle.h"
#include "server/ca/certificate_authority.h"
#include "server/config/config.h"
#include "server/est/est_service.h"
#include "server/store/audit_entry.h"
#include "server/store/open_store.h"

namespace bestow::server {

// What other threads post runs on the thread that waits here.
class TestLoop {
 public:
  void Post(std::function<void()> fn);
  // Runs one posted function; waits for it.
  void RunOne();

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
};

class ServiceFixture : public testing::Test {
 protected:
  static constexpr char kPassword[] = "correct horse";
  static constexpr char kSecret[] = "abcdefghijklmnopqrstuvwxyz234567";

  void SetUp() override;
  void TearDown() override;
  // Serves with this config from now on.
  void Configure(const Config& config);

  // Opens the database again with these options.
  void ConfigureStore(StoreOptions options);

  // An identity "gw-17" has kPassword and the one-time secret kSecret.
  std::string Basic(const std::string& name, const std::string& password);

  HttpResponse Send(const HttpRequest& request, const ClientInfo& client);
  HttpResponse Get(const std::string& path);
  HttpResponse Enroll(const std::string& body,
                      const std::string& authorization = "");
  HttpResponse Enroll(const std::string& body, const std::string& authorization,
                      const ClientInfo& client);
  // To /.well-known/est/<path>, as an enrollment.
  HttpResponse Post(const std::string& path, const std::string& body,
                    const std::string& authorization, const ClientInfo& client);
  HttpResponse Post(const std::string& path, const std::string& body,
                    const std::string& authorization);
  HttpResponse Reenroll(const std::string& body, const ClientInfo& client);

  // As the TLS layer hands a client on: `verification` is its verdict.
  ClientInfo ClientWith(const Certificate& certificate,
                        absl::Status verification = absl::OkStatus());
  ClientInfo Anonymous();

  // The password of an identity that is made, or gets more labels or rights.
  void AddUser(const std::string& name, const std::string& password,
               const IdentityOptions& options = {},
               const std::vector<DigestSecret>& digest = {});
  // `wanted`, signed by `signer` and encoded for a body.
  static std::string MakeCsr(Signer& signer, const Pkcs10Template& wanted);
  static Pkcs10Template Wish(const Signer& signer, const std::string& subject);
  static Bytes MakeCsrDer(Signer& signer, const Pkcs10Template& wanted);
  static std::string MakeCsr(Signer& signer, const std::string& subject);
  // The one certificate of an enrollment's reply; fails the test otherwise.
  static Certificate IssuedBy(const HttpResponse& response);
  static std::string HeaderOf(const HttpResponse& response,
                              const std::string& name);
  size_t RecordCount();
  // The database, but for the audit log.
  std::string Dump();
  // What the audit log has behind that entry, when all is written.
  std::vector<AuditRecord> AuditAfter(int64_t sequence);
  // Asks for what is refused for that problem: nothing in the database changes
  // but the audit log, which has an entry that says so, without a secret.
  void ExpectNothingButAudited(const std::function<HttpResponse()>& ask,
                               std::string_view problem);

  std::string database_;
  FakeClock clock_;
  TestLoop loop_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const SecretSealer> sealer_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<AuditTrail> audit_;
  std::shared_ptr<const CertificateAuthority> ca_;  // "ca"
  // Beside it, for Configure(): "cas/NAME".
  std::map<std::string, CaBundle> other_cas_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<EstService> service_;
  std::unique_ptr<SoftwareSigner> device_;
  std::vector<std::string> log_;
};

}  // namespace bestow::server

#endif  // SERVER_EST_SERVICE_FIXTURE_H_
