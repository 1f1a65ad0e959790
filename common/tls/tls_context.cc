#include "common/tls/tls_context.h"

#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/stack.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/errors.h"
#include "common/tls/signing_request.h"
#include "common/tls/tls_internal.h"

namespace bestow {
namespace {

constexpr size_t kSha256Bytes = 32;
// A peer's Certificate message. Devices' chains are a few KiB.
constexpr size_t kMaxPeerChainBytes = 64 * 1024;
constexpr size_t kMaxOwnChain = 10;

// RFC 9325 4.2: ECDHE with AEAD. Those of TLS 1.3 are all such.
constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kGroups[] = "X25519:P-256:P-384";

// BoringSSL's default has SHA-1 in it, for TLS 1.2.
constexpr uint16_t kPeerSignatures[] = {
    SSL_SIGN_ECDSA_SECP256R1_SHA256,
    SSL_SIGN_RSA_PSS_RSAE_SHA256,
    SSL_SIGN_RSA_PKCS1_SHA256,
    SSL_SIGN_ECDSA_SECP384R1_SHA384,
    SSL_SIGN_RSA_PSS_RSAE_SHA384,
    SSL_SIGN_RSA_PKCS1_SHA384,
    SSL_SIGN_RSA_PSS_RSAE_SHA512,
    SSL_SIGN_RSA_PKCS1_SHA512,
    // For certificates that a CA's Ed25519 key signed (RFC 8446 4.2.3: without
    // signature_algorithms_cert this list is about them too).
    SSL_SIGN_ED25519,
};

bssl::UniquePtr<CRYPTO_BUFFER> MakeBuffer(ByteView bytes) {
  return bssl::UniquePtr<CRYPTO_BUFFER>(
      CRYPTO_BUFFER_new(bytes.data(), bytes.size(), nullptr));
}

absl::StatusOr<bssl::UniquePtr<SSL_CTX>> MakeContext(TlsVersions versions) {
  if (!versions.allow_1_2 && !versions.allow_1_3) {
    return absl::InvalidArgumentError(
        "TLS needs at least one of the versions 1.2 and 1.3");
  }
  bssl::UniquePtr<SSL_CTX> ctx(SSL_CTX_new(TLS_with_buffers_method()));
  if (ctx == nullptr ||
      !SSL_CTX_set_min_proto_version(
          ctx.get(), versions.allow_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION) ||
      !SSL_CTX_set_max_proto_version(
          ctx.get(), versions.allow_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) ||
      !SSL_CTX_set_strict_cipher_list(ctx.get(), kTls12Ciphers) ||
      !SSL_CTX_set1_groups_list(ctx.get(), kGroups) ||
      !SSL_CTX_set_verify_algorithm_prefs(
          ctx.get(), kPeerSignatures,
          sizeof(kPeerSignatures) / sizeof(kPeerSignatures[0]))) {
    return CryptoError("can't set up TLS");
  }
  // No resumption: neither tickets nor a session cache.
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(ctx.get(), kMaxPeerChainBytes);
  return ctx;
}

absl::Status SetCredential(SSL_CTX* ctx, const TlsCredential& credential) {
  if (credential.chain.empty() || credential.signer == nullptr) {
    return absl::InvalidArgumentError(
        "a TLS credential needs a certificate and its key");
  }
  if (credential.chain.size() > kMaxOwnChain) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a TLS credential of more than ", kMaxOwnChain, " certificates"));
  }
  absl::StatusOr<Certificate> leaf = ParseCertificateDer(credential.chain[0]);
  if (!leaf.ok()) return leaf.status();
  if (leaf->spki != credential.signer->public_key_spki()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate of ", leaf->subject.ToText(),
                     " is not for this private key"));
  }
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> owned;
  std::vector<CRYPTO_BUFFER*> chain;
  for (const Bytes& der : credential.chain) {
    owned.push_back(MakeBuffer(der));
    chain.push_back(owned.back().get());
  }
  std::vector<uint16_t> algorithms;
  for (SignatureAlgorithm algorithm : credential.signer->tls_algorithms()) {
    algorithms.push_back(static_cast<uint16_t>(algorithm));
  }
  if (!SSL_CTX_set_chain_and_key(ctx, chain.data(), chain.size(), nullptr,
                                 SigningRequest::Method()) ||
      !SSL_CTX_set_signing_algorithm_prefs(ctx, algorithms.data(),
                                           algorithms.size())) {
    return CryptoError(absl::StrCat("TLS can't use the certificate of ",
                                    leaf->subject.ToText()),
                       absl::StatusCode::kInvalidArgument);
  }
  return absl::OkStatus();
}

// CertificateRequest's certificate_authorities: whom a client may show.
absl::Status SetAcceptableCas(SSL_CTX* ctx, const TrustAnchors& anchors) {
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> names(sk_CRYPTO_BUFFER_new_null());
  if (names == nullptr) return CryptoError("TLS client CAs");
  for (const Certificate& anchor : anchors.certificates()) {
    if (!bssl::PushToStack(names.get(), MakeBuffer(anchor.subject.der()))) {
      return CryptoError("TLS client CAs");
    }
  }
  SSL_CTX_set0_client_CAs(ctx, names.release());
  return absl::OkStatus();
}

}  // namespace

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::CreateServer(
    TlsServerOptions options, const Clock& clock) {
  absl::StatusOr<bssl::UniquePtr<SSL_CTX>> ctx = MakeContext(options.versions);
  if (!ctx.ok()) return ctx.status();
  absl::Status status = SetCredential(ctx->get(), options.credential);
  if (!status.ok()) return status;
  if (options.client_anchors != nullptr) {
    status = SetAcceptableCas(ctx->get(), *options.client_anchors);
    if (!status.ok()) return status;
  }
  auto impl = std::make_unique<Impl>();
  impl->ssl_ctx = *std::move(ctx);
  impl->is_server = true;
  impl->signer = std::move(options.credential.signer);
  impl->clock = &clock;
  impl->anchors = std::move(options.client_anchors);
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::CreateClient(
    TlsClientOptions options, const Clock& clock) {
  if (options.server_anchors == nullptr && !options.pinned_ca_sha256) {
    return absl::InvalidArgumentError(
        "a TLS client needs trust anchors or a pinned CA certificate");
  }
  if (options.pinned_ca_sha256 &&
      options.pinned_ca_sha256->size() != kSha256Bytes) {
    return absl::InvalidArgumentError(
        "the pin of a CA certificate is its SHA-256, 32 octets");
  }
  absl::StatusOr<bssl::UniquePtr<SSL_CTX>> ctx = MakeContext(options.versions);
  if (!ctx.ok()) return ctx.status();
  auto impl = std::make_unique<Impl>();
  if (options.credential) {
    absl::Status status = SetCredential(ctx->get(), *options.credential);
    if (!status.ok()) return status;
    impl->signer = std::move(options.credential->signer);
  }
  impl->ssl_ctx = *std::move(ctx);
  impl->clock = &clock;
  impl->anchors = std::move(options.server_anchors);
  impl->pinned_ca_sha256 = std::move(options.pinned_ca_sha256);
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

}  // namespace bestow
