// For tests: an authenticator over a real store and real CAs.
#ifndef SERVER_AUTH_AUTHENTICATOR_FIXTURE_H_
#define SERVER_AUTH_AUTHENTICATOR_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "common/base/fake_clock.h"
#include "common/crypto/signer.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator.h"
#include "server/ca/certificate_authority.h"
#include "server/store/open_store.h"

namespace bestow::server {

class AuthenticatorFixture : public testing::Test {
 protected:
  static constexpr char kPassword[] = "correct horse";
  static constexpr char kSecret[] = "abcdefghijklmnopqrstuvwxyz234567";
  static constexpr char kDigestSecret[] = "bcdefghijklmnopqrstuvwxyz234567a";
  static constexpr char kTarget[] = "/.well-known/est/simpleenroll";
  static constexpr char kRemote[] = "192.0.2.7:50312";

  struct Ca {
    std::shared_ptr<const CertificateAuthority> authority;
    std::shared_ptr<const TrustAnchors> anchors;
  };

  // Identities, all with kPassword: "gw-17" (with kSecret), "digest" (which may
  // use Digest in rules_.realm, also with kDigestSecret), "plant" (good for the
  // label plant alone), "ra".
  void SetUp() override;
  void Reset(Authenticator::Options options);

  Ca MakeCa(const std::string& name);
  // A certificate of `ca` for nobody yet.
  Certificate MakeCertificate(const Ca& ca, const std::string& subject,
                              absl::Duration validity = absl::Hours(24));
  // One that is recorded as `identity`'s.
  Certificate IssueTo(const std::string& identity, const Ca& ca,
                      const std::string& label = "");
  static TlsPeer Show(const Certificate& certificate,
                      absl::Status verification = absl::OkStatus());

  static std::string Basic(const std::string& name,
                           const std::string& password);
  // The answer of a client that was given `nonce`.
  DigestCredentials DigestOf(
      const std::string& name, const std::string& password,
      const std::string& nonce, uint32_t nc = 1,
      DigestAlgorithm algorithm = DigestAlgorithm::kMd5) const;
  static std::string Text(const DigestCredentials& credentials) {
    return FormatDigestAuthorization(credentials);
  }
  // Of a challenge that the authenticator makes now.
  std::string FreshNonce();

  // Waits for the answer. `authorization` "": none.
  absl::StatusOr<Principal> Ask(const std::string& authorization,
                                const TlsPeer& peer = {},
                                const std::string& remote = kRemote);
  AuthFailure::Kind KindOf(const absl::StatusOr<Principal>& principal);

  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<const SecretSealer> sealer_;
  Ca ca_;
  std::unique_ptr<SoftwareSigner> device_;
  AuthRules rules_;
  std::unique_ptr<Authenticator> authenticator_;
};

}  // namespace bestow::server

#endif  // SERVER_AUTH_AUTHENTICATOR_FIXTURE_H_
