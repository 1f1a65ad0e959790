// /serverkeygen on a thread of its own, over real TLS, for a test to bend.
#ifndef AGENT_SERVER_KEY_TESTING_KEY_SERVER_THREAD_H_
#define AGENT_SERVER_KEY_TESTING_KEY_SERVER_THREAD_H_

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "agent/enroll/testing/est_test_server.h"
#include "agent/server_key/testing/key_server.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/est/multipart.h"
#include "common/net/http_message.h"
#include "common/pki/certificate.h"
#include "common/pki/pkcs10.h"

namespace bestow::agent {

// Makes keys as a server should, with certificates by `ca`; CHECK-fails where
// it can't.
class KeyServerThread {
 public:
  using Seen = EstTestServer::Seen;

  KeyServerThread(KeyCa& ca, TlsVersions versions);
  ~KeyServerThread();

  const EstTestServer& est() const { return *server_; }
  // What came to /serverkeygen from who said who they are.
  std::vector<Seen> requests();
  // The key that was made last.
  Secret pkcs8();
  // What it does otherwise than it should; nullopt: as it should.
  void Bend(std::function<std::optional<HttpResponse>(const Seen&)> instead);
  // The key to wrap keys with, whatever DecryptKeyIdentifier says.
  void Share(Secret key);
  // Whose key AsymmetricDecryptKeyIdentifier may name.
  void Know(const Certificate& device);
  // From now on nobody has to say who they are.
  void ServeAnyone();

  // multipart/mixed of these, with a preamble and an epilogue.
  static HttpResponse Mixed(const std::vector<est::MultipartPart>& parts);
  static est::MultipartPart Part(std::string_view type, ByteView content);

 private:
  std::optional<HttpResponse> Reply(const Seen& seen);
  est::MultipartPart KeyPart(const Pkcs10Request& csr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  KeyCa& ca_;
  std::function<std::optional<HttpResponse>(const Seen&)> instead_
      ABSL_GUARDED_BY(mutex_);
  std::vector<Seen> requests_ ABSL_GUARDED_BY(mutex_);
  bool anyone_ ABSL_GUARDED_BY(mutex_) = false;
  Secret pkcs8_ ABSL_GUARDED_BY(mutex_);
  Secret shared_ ABSL_GUARDED_BY(mutex_);
  std::optional<Certificate> device_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<EstTestServer> server_;
  std::thread thread_;
};

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_TESTING_KEY_SERVER_THREAD_H_
