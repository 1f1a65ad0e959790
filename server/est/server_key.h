// Making a client's key and wrapping it up for it (RFC 7030 4.4).
#ifndef SERVER_EST_SERVER_KEY_H_
#define SERVER_EST_SERVER_KEY_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/key_type.h"
#include "server/est/exchange.h"
#include "server/est/key_maker.h"
#include "server/est/key_recipient.h"

namespace bestow::server {

// Cleansed when it goes; the server keeps no copy.
struct ServerKey {
  Bytes spki;
  bool is_encrypted = false;
  // PKCS#8; when encrypted a DER ContentInfo with EnvelopedData over SignedData
  // (by the label's CA, with its chain) over an AsymmetricKeyPackage (4.4.2).
  Secret key;
};

// All of it on `maker`'s thread, or the signer's; `done` is called on the
// loop's, once. Failures mean kInternal or kBusy.
using ServerKeyDone =
    std::function<void(absl::StatusOr<std::shared_ptr<ServerKey>>)>;
void MakeServerKey(KeyMaker& maker, std::shared_ptr<Exchange> exchange,
                   KeyType type, KeyRecipient recipient, absl::Time now,
                   ServerKeyDone done);

}  // namespace bestow::server

#endif  // SERVER_EST_SERVER_KEY_H_
