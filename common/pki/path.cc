#include "common/pki/path.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/errors.h"

namespace bestow {
namespace {

constexpr int kMaxDepth = 8;
constexpr size_t kMaxIntermediates = 64;
constexpr int kMinRsaBits = 2048;

bssl::UniquePtr<X509> ToX509(const Certificate& certificate) {
  const uint8_t* data = certificate.der.data();
  bssl::UniquePtr<X509> out(
      d2i_X509(nullptr, &data, static_cast<long>(certificate.der.size())));
  ERR_clear_error();
  return out;
}

// What X509_verify_cert does not judge: it refuses MD5, yet takes SHA-1, and
// keys of any size.
bool IsStrong(X509* certificate) {
  switch (X509_get_signature_nid(certificate)) {
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ED25519:
      break;
    default:
      return false;
  }
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(certificate));
  ERR_clear_error();
  if (key == nullptr) return false;
  if (EVP_PKEY_id(key.get()) == EVP_PKEY_RSA) {
    return EVP_PKEY_bits(key.get()) >= kMinRsaBits;
  }
  if (EVP_PKEY_id(key.get()) == EVP_PKEY_ED25519) return true;
  if (EVP_PKEY_id(key.get()) != EVP_PKEY_EC) return false;
  const EC_KEY* ec_key = EVP_PKEY_get0_EC_KEY(key.get());
  switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(ec_key))) {
    case NID_X9_62_prime256v1:
    case NID_secp384r1:
    case NID_secp521r1:
      return true;
    default:
      return false;
  }
}

bool SetPurpose(X509_VERIFY_PARAM* param, PathPurpose purpose) {
  switch (purpose) {
    case PathPurpose::kTlsClient:
      return X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
    case PathPurpose::kTlsServer:
      return X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    case PathPurpose::kAny:
      return true;
  }
  return false;
}

absl::Status Refused(std::string_view why) {
  return absl::PermissionDeniedError(absl::StrCat("certificate path: ", why));
}

}  // namespace

struct TrustAnchors::Store {
  bssl::UniquePtr<X509_STORE> x509;
};

TrustAnchors::TrustAnchors(std::vector<Certificate> anchors,
                           std::unique_ptr<Store> store)
    : anchors_(std::move(anchors)), store_(std::move(store)) {}

TrustAnchors::~TrustAnchors() = default;

absl::StatusOr<std::shared_ptr<const TrustAnchors>> TrustAnchors::Create(
    std::vector<Certificate> anchors) {
  if (anchors.empty()) {
    return absl::InvalidArgumentError("trust anchors: there is none");
  }
  auto store = std::make_unique<Store>();
  store->x509.reset(X509_STORE_new());
  if (store->x509 == nullptr) return CryptoError("making a trust store");
  for (const Certificate& anchor : anchors) {
    const bssl::UniquePtr<X509> x509 = ToX509(anchor);
    if (x509 == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("trust anchors: BoringSSL can't read the certificate '",
                       anchor.subject.ToText(), "'"));
    }
    if (!X509_STORE_add_cert(store->x509.get(), x509.get())) {
      return CryptoError("adding a trust anchor");
    }
  }
  return std::shared_ptr<const TrustAnchors>(
      new TrustAnchors(std::move(anchors), std::move(store)));
}

absl::Status TrustAnchors::Verify(const Certificate& leaf,
                                  const std::vector<Certificate>& intermediates,
                                  PathPurpose purpose, absl::Time now) const {
  if (intermediates.size() > kMaxIntermediates) {
    return Refused("too many intermediates");
  }
  const bssl::UniquePtr<X509> x509 = ToX509(leaf);
  if (x509 == nullptr) return Refused("the certificate is malformed");
  if (!IsStrong(x509.get())) {
    return Refused("the certificate's signature algorithm or key is too weak");
  }
  // Weak ones are left out instead of refused: another path may do without,
  // and the chain that a peer sends often ends with its old root.
  const bssl::UniquePtr<STACK_OF(X509)> untrusted(sk_X509_new_null());
  const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (untrusted == nullptr || context == nullptr) {
    return CryptoError("verifying a path");
  }
  for (const Certificate& intermediate : intermediates) {
    bssl::UniquePtr<X509> issuer = ToX509(intermediate);
    if (issuer == nullptr || !IsStrong(issuer.get())) continue;
    if (!bssl::PushToStack(untrusted.get(), std::move(issuer))) {
      return CryptoError("verifying a path");
    }
  }
  if (!X509_STORE_CTX_init(context.get(), store_->x509.get(), x509.get(),
                           untrusted.get())) {
    return CryptoError("verifying a path");
  }
  X509_VERIFY_PARAM* const param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(param, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_depth(param, kMaxDepth);
  if (!X509_VERIFY_PARAM_set_flags(
          param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST) ||
      !SetPurpose(param, purpose)) {
    return CryptoError("verifying a path");
  }
  const int result = X509_verify_cert(context.get());
  ERR_clear_error();
  if (result == 1) return absl::OkStatus();
  return Refused(
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

bool MatchesHost(const Certificate& certificate, std::string_view host) {
  const bssl::UniquePtr<X509> x509 = ToX509(certificate);
  if (x509 == nullptr || host.empty() ||
      host.find('\0') != std::string_view::npos) {
    return false;
  }
  const std::string text(host);
  uint8_t octets[16];
  const bool is_address = inet_pton(AF_INET, text.c_str(), octets) == 1 ||
                          inet_pton(AF_INET6, text.c_str(), octets) == 1;
  const int result =
      is_address
          ? X509_check_ip_asc(x509.get(), text.c_str(), 0)
          : X509_check_host(x509.get(), text.data(), text.size(),
                            X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr);
  ERR_clear_error();
  return result == 1;
}

}  // namespace bestow
