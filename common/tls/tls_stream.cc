#include "common/tls/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <limits>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/crypto/errors.h"
#include "common/tls/peer_verification.h"
#include "common/tls/signing_request.h"
#include "common/tls/tls_internal.h"

namespace bestow {
namespace {

constexpr size_t kReadChunkBytes = 16 * 1024;  // one TLS record
constexpr size_t kMaxTlsUniqueBytes = 64;
constexpr size_t kTlsExporterBytes = 32;
constexpr char kTlsExporterLabel[] = "EXPORTER-Channel-Binding";

bool IsAddressLiteral(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool IsAboutOurCertificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

// The failure of an SSL_* call, from the error queue.
absl::Status TlsError(bool handshake) {
  const uint32_t error = ERR_peek_error();
  const int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && alert >= 0) {
    ERR_clear_error();
    const char* text = SSL_alert_desc_string_long(alert);
    if (IsAboutOurCertificate(alert)) {
      return absl::PermissionDeniedError(absl::StrCat(
          "the peer refused our certificate (TLS alert: ", text, ")"));
    }
    return absl::UnavailableError(
        absl::StrCat("the peer ended TLS (alert: ", text, ")"));
  }
  return CryptoError(handshake ? "TLS handshake" : "TLS",
                     absl::StatusCode::kUnavailable);
}

}  // namespace

struct TlsStream::Impl {
  Impl(std::shared_ptr<const TlsContext> context_in, Hooks hooks)
      : context(std::move(context_in)),
        signing(context->impl().signer.get(), std::move(hooks.post),
                std::move(hooks.on_progress)) {}

  static absl::StatusOr<std::unique_ptr<TlsStream>> Create(
      std::shared_ptr<const TlsContext> context, std::string host, Hooks hooks);
  static ssl_verify_result_t VerifyTrampoline(SSL* ssl, uint8_t* out_alert) {
    return static_cast<Impl*>(SSL_get_app_data(ssl))->Verify(out_alert);
  }
  ssl_verify_result_t Verify(uint8_t* out_alert);

  absl::Status Handshake();
  absl::Status ReadAll();
  absl::Status Go();

  std::shared_ptr<const TlsContext> context;
  std::string host;  // a client's
  SigningRequest signing;
  TlsPeer peer;
  absl::Status denied;  // why Verify() refused the peer
  absl::Status broken;  // what ended the connection
  bool done = false;
  Bytes plaintext;
  bssl::UniquePtr<SSL> ssl;  // goes first: it calls into the others
};

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::Impl::Create(
    std::shared_ptr<const TlsContext> context, std::string host, Hooks hooks) {
  auto impl = std::make_unique<Impl>(std::move(context), std::move(hooks));
  const TlsContext::Impl& settings = impl->context->impl();
  impl->host = std::string(absl::StripSuffix(host, "."));
  impl->ssl.reset(SSL_new(settings.ssl_ctx.get()));
  SSL* ssl = impl->ssl.get();
  bssl::UniquePtr<BIO> in(BIO_new(BIO_s_mem())), out(BIO_new(BIO_s_mem()));
  if (ssl == nullptr || in == nullptr || out == nullptr) {
    return CryptoError("can't make a TLS connection");
  }
  // An empty BIO means "later", not the end.
  BIO_set_mem_eof_return(in.get(), -1);
  BIO_set_mem_eof_return(out.get(), -1);
  SSL_set_bio(ssl, in.release(), out.release());
  CHECK_EQ(SSL_set_app_data(ssl, impl.get()), 1);
  SigningRequest::SetFor(ssl, &impl->signing);
  if (settings.is_server) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
    if (!IsAddressLiteral(impl->host) &&
        !SSL_set_tlsext_host_name(ssl, impl->host.c_str())) {
      ERR_clear_error();
      return absl::InvalidArgumentError(
          absl::StrCat("\"", impl->host, "\" is no host name"));
    }
  }
  const bool asks = !settings.is_server || settings.anchors != nullptr;
  SSL_set_custom_verify(ssl, asks ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                        &Impl::VerifyTrampoline);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(impl)));
}

ssl_verify_result_t TlsStream::Impl::Verify(uint8_t* out_alert) {
  const TlsContext::Impl& settings = context->impl();
  absl::StatusOr<std::vector<Certificate>> chain = PeerChain(ssl.get());
  if (!chain.ok()) {
    *out_alert = SSL_AD_BAD_CERTIFICATE;
    denied = absl::PermissionDeniedError(chain.status().message());
    return ssl_verify_invalid;
  }
  peer.chain = *std::move(chain);
  const absl::Time now = settings.clock->Now();
  if (settings.is_server) {
    // The handler decides: EST answers over HTTP who lacks a certificate.
    if (!peer.chain.empty()) {
      peer.verification = VerifyClient(settings, peer.chain, now);
    }
    return ssl_verify_ok;
  }
  peer.verification = VerifyServer(settings, peer.chain, host, now);
  if (peer.verification.ok()) return ssl_verify_ok;
  denied = peer.verification;
  *out_alert = SSL_AD_CERTIFICATE_UNKNOWN;
  return ssl_verify_invalid;
}

absl::Status TlsStream::Impl::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl.get());
  if (result == 1) {
    done = true;
    return absl::OkStatus();
  }
  switch (SSL_get_error(ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_PRIVATE_KEY_OPERATION:
      return absl::OkStatus();
    default:
      break;
  }
  if (!denied.ok()) return denied;
  if (!signing.failure().ok()) {
    return absl::Status(signing.failure().code(),
                        absl::StrCat("TLS: the private key did not sign: ",
                                     signing.failure().message()));
  }
  return TlsError(/*handshake=*/true);
}

absl::Status TlsStream::Impl::ReadAll() {
  for (;;) {
    const size_t had = plaintext.size();
    plaintext.resize(had + kReadChunkBytes);
    ERR_clear_error();
    const int n = SSL_read(ssl.get(), plaintext.data() + had, kReadChunkBytes);
    plaintext.resize(had + (n > 0 ? static_cast<size_t>(n) : 0));
    if (n > 0) continue;
    switch (SSL_get_error(ssl.get(), n)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_ZERO_RETURN:
        return absl::OkStatus();
      default:
        return TlsError(/*handshake=*/false);
    }
  }
}

absl::Status TlsStream::Impl::Go() {
  if (!broken.ok()) return broken;
  if (!done) broken = Handshake();
  if (broken.ok() && done) broken = ReadAll();
  return broken;
}

TlsStream::TlsStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsStream::~TlsStream() = default;

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::CreateServer(
    std::shared_ptr<const TlsContext> context, Hooks hooks) {
  CHECK(context->impl().is_server);
  return Impl::Create(std::move(context), "", std::move(hooks));
}

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::CreateClient(
    std::shared_ptr<const TlsContext> context, std::string host, Hooks hooks) {
  CHECK(!context->impl().is_server);
  return Impl::Create(std::move(context), std::move(host), std::move(hooks));
}

absl::Status TlsStream::Feed(ByteView ciphertext) {
  if (!impl_->broken.ok()) return impl_->broken;
  CHECK_LE(ciphertext.size(),
           static_cast<size_t>(std::numeric_limits<int>::max()));
  if (!ciphertext.empty()) {
    CHECK_EQ(BIO_write(SSL_get_rbio(impl_->ssl.get()), ciphertext.data(),
                       static_cast<int>(ciphertext.size())),
             static_cast<int>(ciphertext.size()));
  }
  return impl_->Go();
}

absl::Status TlsStream::Advance() { return impl_->Go(); }

Bytes TlsStream::TakeOutput() {
  BIO* out = SSL_get_wbio(impl_->ssl.get());
  const uint8_t* data = nullptr;
  size_t size = 0;
  CHECK_EQ(BIO_mem_contents(out, &data, &size), 1);
  Bytes output(data, data + size);
  CHECK_EQ(BIO_reset(out), 1);
  return output;
}

Bytes TlsStream::TakePlaintext() { return std::exchange(impl_->plaintext, {}); }

absl::Status TlsStream::Write(ByteView plaintext) {
  if (!impl_->broken.ok()) return impl_->broken;
  if (!impl_->done) {
    return absl::FailedPreconditionError("TLS handshake is not done");
  }
  if (plaintext.empty()) return absl::OkStatus();
  CHECK_LE(plaintext.size(),
           static_cast<size_t>(std::numeric_limits<int>::max()));
  ERR_clear_error();
  const int n = SSL_write(impl_->ssl.get(), plaintext.data(),
                          static_cast<int>(plaintext.size()));
  // The BIO takes all that there is.
  if (n == static_cast<int>(plaintext.size())) return absl::OkStatus();
  impl_->broken = TlsError(/*handshake=*/false);
  return impl_->broken;
}

void TlsStream::Shutdown() {
  if (!impl_->done || !impl_->broken.ok()) return;
  ERR_clear_error();
  SSL_shutdown(impl_->ssl.get());
  ERR_clear_error();
}

bool TlsStream::handshake_done() const { return impl_->done; }

bool TlsStream::waiting_for_signer() const { return impl_->signing.waiting(); }

bool TlsStream::peer_closed() const {
  return (SSL_get_shutdown(impl_->ssl.get()) & SSL_RECEIVED_SHUTDOWN) != 0 &&
         impl_->broken.ok();
}

const TlsPeer& TlsStream::peer() const { return impl_->peer; }

std::string TlsStream::version() const {
  return SSL_get_version(impl_->ssl.get());
}

std::string TlsStream::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(impl_->ssl.get());
  return cipher == nullptr ? "" : SSL_CIPHER_standard_name(cipher);
}

absl::StatusOr<Bytes> TlsStream::TlsUnique() const {
  if (!impl_->done) {
    return absl::FailedPreconditionError("TLS handshake is not done");
  }
  if (SSL_version(impl_->ssl.get()) >= TLS1_3_VERSION) {
    return absl::FailedPreconditionError("TLS 1.3 has no tls-unique");
  }
  Bytes value(kMaxTlsUniqueBytes);
  size_t size = 0;
  if (!SSL_get_tls_unique(impl_->ssl.get(), value.data(), &size,
                          value.size())) {
    return CryptoError("tls-unique");
  }
  value.resize(size);
  return value;
}

absl::StatusOr<Bytes> TlsStream::TlsExporter() const {
  if (!impl_->done) {
    return absl::FailedPreconditionError("TLS handshake is not done");
  }
  if (!SSL_get_extms_support(impl_->ssl.get())) {
    return absl::FailedPreconditionError(
        "tls-exporter needs TLS 1.3 or the extended master secret");
  }
  Bytes value(kTlsExporterBytes);
  if (!SSL_export_keying_material(
          impl_->ssl.get(), value.data(), value.size(), kTlsExporterLabel,
          sizeof(kTlsExporterLabel) - 1, nullptr, 0, /*use_context=*/1)) {
    return CryptoError("tls-exporter");
  }
  return value;
}

}  // namespace bestow
