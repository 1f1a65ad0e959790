// What the server keeps: identities, one-time secrets, issued certificates.
#ifndef SERVER_STORE_STORE_H_
#define SERVER_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"

namespace bestow::server {

struct Identity {
  int64_t id = 0;
  std::string name;
  std::string password_hash;  // as auth/password.h writes it; "": no password
};

// A one-time secret, as far as it is stored: by its hash.
struct SecretRecord {
  int64_t id = 0;
  int64_t identity_id = 0;
  absl::Time expires_at;
};

struct CertificateRecord {
  Bytes serial;  // INTEGER content octets
  int64_t identity_id = 0;
  std::string identity;   // filled when read
  std::string operation;  // "simpleenroll"
  std::string subject;    // for people
  absl::Time not_before;
  absl::Time not_after;
  absl::Time issued_at;
  Bytes key_sha256;  // over the SubjectPublicKeyInfo
  Bytes certificate;
};

// An issuance to be made durable.
struct Issuance {
  CertificateRecord record;
  // The one-time secret that authenticated it. It becomes bound to the
  // record's key in the same transaction.
  std::optional<int64_t> secret_id;
  // For how long after its first use a secret gives the same certificate.
  absl::Duration secret_retry_window;
};

struct Issued {
  Bytes certificate;
  // The certificate is an older one: a one-time secret came again with the
  // key that it is bound to. Nothing was written.
  bool repeated = false;
};

// Thread-safe. kUnavailable and kResourceExhausted mean "try again later".
class Store {
 public:
  virtual ~Store() = default;

  // `done` is called once, on a thread of the store, and only after the record
  // is on the disk (or has failed). Errors beside the two above:
  // kPermissionDenied: the secret has served another key, its time to be
  // repeated is over, or it expired unused (the message says which).
  // kAlreadyExists: the serial number is taken; take another.
  using IssueDone = std::function<void(absl::StatusOr<Issued>)>;
  virtual void Issue(Issuance issuance, IssueDone done) = 0;

  // Reads. Short, on the caller's thread; never wait for a writer.
  // kNotFound when there is none.
  virtual absl::StatusOr<Identity> FindIdentity(const std::string& name) = 0;
  virtual absl::StatusOr<SecretRecord> FindSecret(int64_t identity_id,
                                                  ByteView secret_sha256) = 0;
  virtual absl::StatusOr<CertificateRecord> FindCertificate(
      ByteView serial) = 0;
};

}  // namespace bestow::server

#endif  // SERVER_STORE_STORE_H_
