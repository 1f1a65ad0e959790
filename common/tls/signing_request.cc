#include "common/tls/signing_request.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/log/check.h"

namespace bestow {

// What the signer's thread touches. It outlives the request.
struct SigningRequest::Shared {
  std::mutex mutex;
  // All guarded by mutex.
  std::optional<absl::StatusOr<Bytes>> result;
  bool started = false;
  bool suspended = false;  // Start() has returned without a result
  std::function<void(std::function<void()>)> on_thread;  // null: gone
  // Only for the request's thread, null when it is gone.
  SigningRequest* owner = nullptr;
};

SigningRequest::SigningRequest(
    Signer* signer, std::function<void(std::function<void()>)> on_thread,
    std::function<void()> on_ready)
    : signer_(signer),
      on_ready_(std::move(on_ready)),
      shared_(std::make_shared<Shared>()) {
  shared_->on_thread = std::move(on_thread);
  shared_->owner = this;
}

SigningRequest::~SigningRequest() {
  shared_->owner = nullptr;
  std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->on_thread = nullptr;
}

ssl_private_key_result_t SigningRequest::Start(uint8_t* out, size_t* out_size,
                                               size_t max_out,
                                               uint16_t algorithm,
                                               ByteView message) {
  const auto asked = static_cast<SignatureAlgorithm>(algorithm);
  if (signer_ == nullptr || !CheckSignatureAlgorithm(*signer_, asked).ok()) {
    failure_ = absl::InternalError("TLS asks for a signature of another kind");
    return ssl_private_key_failure;
  }
  {
    std::lock_guard<std::mutex> lock(shared_->mutex);
    CHECK(!shared_->started) << "two signatures at once";
    shared_->started = true;
    shared_->suspended = false;
    shared_->result.reset();
  }
  signer_->Sign(asked, message,
                [shared = shared_](absl::StatusOr<Bytes> result) {
                  std::lock_guard<std::mutex> lock(shared->mutex);
                  shared->result = std::move(result);
                  if (!shared->suspended || shared->on_thread == nullptr)
                    return;
                  // Under the lock: whoever destroys the request (and then
                  // perhaps its thread's loop) waits for this call.
                  shared->on_thread([shared] {
                    if (shared->owner != nullptr) shared->owner->on_ready_();
                  });
                });
  {
    std::lock_guard<std::mutex> lock(shared_->mutex);
    if (!shared_->result.has_value()) {
      shared_->suspended = true;
      return ssl_private_key_retry;
    }
  }
  return Poll(out, out_size, max_out);
}

ssl_private_key_result_t SigningRequest::Poll(uint8_t* out, size_t* out_size,
                                              size_t max_out) {
  std::lock_guard<std::mutex> lock(shared_->mutex);
  if (!shared_->started) return ssl_private_key_failure;
  if (!shared_->result.has_value()) return ssl_private_key_retry;
  absl::StatusOr<Bytes> result = *std::move(shared_->result);
  shared_->result.reset();
  shared_->started = false;
  if (!result.ok()) {
    failure_ = result.status();
    return ssl_private_key_failure;
  }
  if (result->size() > max_out) {
    failure_ = absl::InternalError("the signature is too long");
    return ssl_private_key_failure;
  }
  std::copy(result->begin(), result->end(), out);
  *out_size = result->size();
  return ssl_private_key_success;
}

bool SigningRequest::waiting() const {
  std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->started && !shared_->result.has_value();
}

namespace {

int ExDataIndex() {
  static const int index =
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

SigningRequest* Of(SSL* ssl) {
  return static_cast<SigningRequest*>(SSL_get_ex_data(ssl, ExDataIndex()));
}

ssl_private_key_result_t Sign(SSL* ssl, uint8_t* out, size_t* out_size,
                              size_t max_out, uint16_t algorithm,
                              const uint8_t* in, size_t in_size) {
  return Of(ssl)->Start(out, out_size, max_out, algorithm,
                        ByteView(in, in_size));
}

// RSA key transport: no cipher suite of ours has it.
ssl_private_key_result_t Decrypt(SSL*, uint8_t*, size_t*, size_t,
                                 const uint8_t*, size_t) {
  return ssl_private_key_failure;
}

ssl_private_key_result_t Complete(SSL* ssl, uint8_t* out, size_t* out_size,
                                  size_t max_out) {
  return Of(ssl)->Poll(out, out_size, max_out);
}

}  // namespace

const SSL_PRIVATE_KEY_METHOD* SigningRequest::Method() {
  static const SSL_PRIVATE_KEY_METHOD method = {&Sign, &Decrypt, &Complete};
  return &method;
}

void SigningRequest::SetFor(SSL* ssl, SigningRequest* request) {
  CHECK_EQ(SSL_set_ex_data(ssl, ExDataIndex(), request), 1);
}

}  // namespace bestow
