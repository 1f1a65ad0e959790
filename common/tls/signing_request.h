// A private key operation of a handshake, done by a Signer: BoringSSL asks,
// suspends the handshake, and asks again.
#ifndef COMMON_TLS_SIGNING_REQUEST_H_
#define COMMON_TLS_SIGNING_REQUEST_H_

#include <openssl/ssl.h>

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"

namespace bestow {

// One connection's. Belongs to one thread; the signer may answer on any.
class SigningRequest {
 public:
  // `on_thread` carries a call to this request's thread, `on_ready` is called
  // there when a suspended Start() has its result.
  SigningRequest(Signer* signer,
                 std::function<void(std::function<void()>)> on_thread,
                 std::function<void()> on_ready);
  // A signer that answers later does no harm.
  ~SigningRequest();
  SigningRequest(const SigningRequest&) = delete;
  SigningRequest& operator=(const SigningRequest&) = delete;

  // What SSL_PRIVATE_KEY_METHOD's sign and complete do.
  ssl_private_key_result_t Start(uint8_t* out, size_t* out_size, size_t max_out,
                                 uint16_t algorithm, ByteView message);
  ssl_private_key_result_t Poll(uint8_t* out, size_t* out_size, size_t max_out);
  // The signer is at work, on_ready is still to come.
  bool waiting() const;
  // Why the signer failed; OK when it did not.
  const absl::Status& failure() const { return failure_; }

  // Calls the SigningRequest that SetFor() tied to the connection.
  static const SSL_PRIVATE_KEY_METHOD* Method();
  static void SetFor(SSL* ssl, SigningRequest* request);

 private:
  struct Shared;
  Signer* signer_;
  std::function<void()> on_ready_;
  absl::Status failure_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace bestow

#endif  // COMMON_TLS_SIGNING_REQUEST_H_
