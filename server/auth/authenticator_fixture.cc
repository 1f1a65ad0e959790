#include "server/auth/authenticator_fixture.h"

#include <unistd.h>

#include <cstdlib>
#include <future>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/pki/oids.h"
#include "server/auth/sealed_records.h"
#include "server/store/certificate_record.h"

namespace bestow::server {
namespace {
// Costs nothing: these tests are not about scrypt.
constexpr ScryptCost kCheap = {.log2_n = 4, .r = 1, .p = 1};
}  // namespace

void AuthenticatorFixture::SetUp() {
  static int count = 0;
  const std::string path = absl::StrCat(getenv("TEST_TMPDIR"), "/auth",
                                        getpid(), "_", count++, ".db");
  ASSERT_TRUE(CreateStore({.path = path}).ok());
  store_ = *OpenStore({.path = path});
  sealer_ = *SecretSealer::FromKey(
      Secret(Bytes(SecretSealer::kKeyBytes, uint8_t{7})));
  rules_.realm = "Bestow";
  ca_ = MakeCa("Test CA");
  rules_.ca_anchors = ca_.anchors;
  device_ = *SoftwareSigner::Generate();

  const absl::Time now = clock_.Now();
  const absl::Time later = now + absl::Hours(1);
  const std::string hash = *HashPassword(Secret(kPassword), kCheap);
  const auto digest = [&](const char* secret) {
    return *SealDigestSecrets(*sealer_, "digest", {rules_.realm},
                              Secret(secret));
  };
  ASSERT_TRUE(store_->SetPassword("gw-17", hash, false, now).ok());
  ASSERT_TRUE(
      store_->AddSecret("gw-17", HashOneTimeSecret(Secret(kSecret)), now, later)
          .ok());
  ASSERT_TRUE(
      store_->SetPassword("digest", hash, false, now, {}, digest(kPassword))
          .ok());
  ASSERT_TRUE(store_
                  ->AddSecret("digest",
                              HashOneTimeSecret(Secret(kDigestSecret)), now,
                              later, {}, digest(kDigestSecret))
                  .ok());
  ASSERT_TRUE(
      store_->SetPassword("plant", hash, false, now, {{"plant"}, {}}).ok());
  ASSERT_TRUE(store_->SetPassword("ra", hash, false, now, {{}, true}).ok());
  Reset({});
}

void AuthenticatorFixture::Reset(Authenticator::Options options) {
  options.cost = kCheap;
  options.sealer = sealer_;
  authenticator_.reset();
  authenticator_ = *Authenticator::Create(*store_, clock_, options);
}

AuthenticatorFixture::Ca AuthenticatorFixture::MakeCa(const std::string& name) {
  std::shared_ptr<Signer> signer = *SoftwareSigner::Generate();
  auto root = CreateRootCertificate(name, *signer, clock_.Now(),
                                    absl::Hours(24 * 3650));
  EXPECT_TRUE(root.ok()) << root.status();
  auto authority = CertificateAuthority::Create(*root, signer);
  EXPECT_TRUE(authority.ok()) << authority.status();
  return Ca{*authority, *TrustAnchors::Create({*root})};
}

Certificate AuthenticatorFixture::MakeCertificate(const Ca& ca,
                                                  const std::string& subject,
                                                  absl::Duration validity) {
  SubscriberContents contents;
  contents.subject = *Name::FromText(subject);
  contents.key_usage = kDigitalSignature;
  contents.extended_key_usage = {oids::KpClientAuth()};
  contents.validity = validity;
  absl::StatusOr<Certificate> made = absl::UnknownError("not made");
  ca.authority->Issue(
      contents, device_->public_key_spki(), clock_.Now(),
      [&](absl::StatusOr<Certificate> issued) { made = std::move(issued); });
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

Certificate AuthenticatorFixture::IssueTo(const std::string& identity,
                                          const Ca& ca,
                                          const std::string& label) {
  // No name in it is read.
  const Certificate certificate = MakeCertificate(ca, "CN=somebody");
  Issuance issuance;
  issuance.record = RecordOf(certificate);
  issuance.record.identity_id = store_->FindIdentity(identity)->id;
  issuance.record.label = label;
  issuance.record.operation = "simpleenroll";
  issuance.record.issued_at = clock_.Now();
  std::promise<absl::Status> promise;
  store_->Issue(issuance, [&](absl::StatusOr<Issued> issued) {
    promise.set_value(issued.status());
  });
  EXPECT_TRUE(promise.get_future().get().ok());
  return certificate;
}

TlsPeer AuthenticatorFixture::Show(const Certificate& certificate,
                                   absl::Status verification) {
  TlsPeer peer;
  peer.chain = {certificate};
  peer.verification = std::move(verification);
  return peer;
}

std::string AuthenticatorFixture::Basic(const std::string& name,
                                        const std::string& password) {
  return absl::StrCat("Basic ",
                      absl::Base64Escape(absl::StrCat(name, ":", password)));
}

DigestCredentials AuthenticatorFixture::DigestOf(
    const std::string& name, const std::string& password,
    const std::string& nonce, uint32_t nc, DigestAlgorithm algorithm) const {
  DigestCredentials credentials;
  credentials.username = name;
  credentials.realm = rules_.realm;
  credentials.nonce = nonce;
  credentials.uri = kTarget;
  credentials.cnonce = "0a4f113b";
  credentials.nc = nc;
  credentials.algorithm = algorithm;
  credentials.response = DigestResponse(
      algorithm, DigestHa1(algorithm, name, rules_.realm, Secret(password)),
      "POST", kTarget, nonce, nc, credentials.cnonce);
  return credentials;
}

std::string AuthenticatorFixture::FreshNonce() {
  const auto parsed =
      ParseChallenges(authenticator_->Challenges(rules_, false));
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  auto challenge = ReadDigestChallenge(parsed->back());
  EXPECT_TRUE(challenge.ok()) << challenge.status();
  return challenge->nonce;
}

absl::StatusOr<Principal> AuthenticatorFixture::Ask(
    const std::string& authorization, const TlsPeer& peer,
    const std::string& remote) {
  std::promise<absl::StatusOr<Principal>> promise;
  Authenticator::Request request{rules_,       "POST", kTarget,
                                 std::nullopt, peer,   remote};
  if (!authorization.empty()) request.authorization = authorization;
  authenticator_->Authenticate(request,
                               [&](absl::StatusOr<Principal> principal) {
                                 promise.set_value(std::move(principal));
                               });
  return promise.get_future().get();
}

AuthFailure::Kind AuthenticatorFixture::KindOf(
    const absl::StatusOr<Principal>& principal) {
  EXPECT_FALSE(principal.ok());
  return AuthFailureOf(principal.status()).kind;
}

}  // namespace bestow::server
