// Whom a private key that the server makes is encrypted to (RFC 7030 4.4.1).
#ifndef SERVER_EST_KEY_RECIPIENT_H_
#define SERVER_EST_KEY_RECIPIENT_H_

#include <cstdint>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/cms/envelop.h"
#include "common/cms/smime_capabilities.h"
#include "common/pki/pkcs10.h"
#include "server/auth/sealed_secret.h"
#include "server/store/store.h"

namespace bestow::server {

// Move-only: it may hold a shared key.
struct KeyRecipient {
  // monostate: nobody asked for more than TLS.
  std::variant<std::monostate, cms::KekRecipient, cms::PublicKeyRecipient> key;
  cms::EnvelopeAlgorithms algorithms;
};

// By DecryptKeyIdentifier a pre-shared key of the identity; by
// AsymmetricDecryptKeyIdentifier the key of a certificate that this server
// issued to it and that is valid at `now`, named by its subject key identifier
// or the SHA-256 of its SubjectPublicKeyInfo; and the algorithms that the
// request's SMIMECapabilities list. RFC 7030: without such a key "the request
// MUST be terminated and an error returned".
// `sealer` is asked for shared keys alone.
// Refuse()s: kUnknownKeyId, kNoCommonAlgorithm, kBadRequest (both identifiers,
// or malformed capabilities); or the store's failures.
absl::StatusOr<KeyRecipient> FindKeyRecipient(Store& store,
                                              const SecretSealer* sealer,
                                              int64_t identity_id,
                                              const Pkcs10Request& request,
                                              absl::Time now);

}  // namespace bestow::server

#endif  // SERVER_EST_KEY_RECIPIENT_H_
