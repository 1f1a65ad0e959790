// What /serverkeygen answered, opened and checked (RFC 7030 4.4.2).
#ifndef AGENT_SERVER_KEY_KEY_REPLY_H_
#define AGENT_SERVER_KEY_KEY_REPLY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/server_key/protection.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/cms/decrypt.h"
#include "common/cms/enveloped_data.h"
#include "common/crypto/key_type.h"
#include "common/est_client/trust.h"
#include "common/pki/certificate.h"

namespace bestow::agent {

// The two parts, out of their base64.
struct KeyReplyParts {
  bool encrypted = false;
  Secret key;  // PKCS#8, or a ContentInfo with EnvelopedData when encrypted
  Bytes certs_only;  // as /simpleenroll's
};

// What was asked for, and what opens it.
struct KeyReplyContext {
  const KeyProtection& protection;
  KeyType type;
  const Trust& trust;
  absl::Time now;
  // For KeyProtection::Kind::kOwnKey.
  cms::RecipientNames own_names;
  cms::KeyDecryptor* own_key = nullptr;
};

struct ReceivedKey {
  Secret pkcs8;
  Certificate certificate;
  std::vector<Certificate> chain;  // from its issuer up, without the root
};

// Checked:
// - encrypted exactly when that was asked for: nobody talks us out of it;
// - encrypted: the SignedData inside is signed by who may make keys: a CA with
//   a path to the trust anchors, or a certificate under them with id-kp-cmcRA
//   (RFC 7030 3.6.1), so that no other device can plant a key;
// - the key is whole and of the type that was asked for;
// - the certificate among the second part's is for this key, and has a path to
//   the anchors that is valid now. Its purpose is its software's business.
// Errors say which: kInvalidArgument, kPermissionDenied, kFailedPrecondition,
// or what own_key failed with.
absl::StatusOr<ReceivedKey> OpenKeyReply(const KeyReplyParts& reply,
                                         const KeyReplyContext& context);

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_KEY_REPLY_H_
