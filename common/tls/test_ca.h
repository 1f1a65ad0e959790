// Certificates for tests: a root CA with its key, and what it issues.
#ifndef COMMON_TLS_TEST_CA_H_
#define COMMON_TLS_TEST_CA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/crypto/key_type.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "common/pki/path.h"
#include "common/tls/tls_context.h"

namespace bestow {

class FixedClock : public Clock {
 public:
  explicit FixedClock(absl::Time now) : now_(now) {}
  absl::Time Now() const override { return now_; }

 private:
  absl::Time now_;
};

// CHECK-fails instead of returning errors.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name,
                  KeyType type = KeyType::kEcP256);

  struct Leaf {
    std::string common_name = "leaf";
    std::vector<std::string> sans;  // "dns:localhost", "ip:127.0.0.1"
    bool server = true;             // EKU serverAuth, else clientAuth
    bool client_too = false;        // and clientAuth
    absl::Time not_before = absl::Now() - absl::Hours(1);
    absl::Time not_after = absl::Now() + absl::Hours(24);
  };
  Bytes Issue(const Leaf& leaf, const Bytes& spki) const;
  // With a key in memory of its own; the chain has the root too.
  TlsCredential Credential(const Leaf& leaf,
                           KeyType type = KeyType::kEcP256) const;

  const Certificate& certificate() const { return certificate_; }
  std::shared_ptr<const TrustAnchors> anchors() const;

 private:
  std::unique_ptr<SoftwareSigner> signer_;
  Certificate certificate_;
};

// "localhost" and 127.0.0.1.
TestCa::Leaf TestServerLeaf();
TestCa::Leaf TestClientLeaf();

}  // namespace bestow

#endif  // COMMON_TLS_TEST_CA_H_
