// Encrypting content for one recipient (RFC 5652 6, RFC 3565, RFC 5753).
#ifndef COMMON_CMS_ENVELOP_H_
#define COMMON_CMS_ENVELOP_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/cms/algorithm.h"
#include "common/cms/enveloped_data.h"
#include "common/cms/smime_capabilities.h"
#include "common/der/oid.h"
#include "common/pki/certificate.h"

namespace bestow::cms {

// A key that both sides know (RFC 5652 6.2.3).
struct KekRecipient {
  Bytes key_identifier;  // 1 to 255 octets
  Secret key;            // 16, 24 or 32 octets
};

// A certificate's RSA, P-256 or P-384 key.
struct PublicKeyRecipient {
  RecipientId id;
  Bytes spki;
};

// By the certificate's subject key identifier when it has one, else by issuer
// and serial number. kInvalidArgument: its keyUsage forbids it (RSA:
// keyEncipherment, EC: keyAgreement; RFC 7030 4.4.1.2), or its key is weak or
// of another kind. NOT checked: trust, dates.
absl::StatusOr<PublicKeyRecipient> RecipientOf(const Certificate& certificate);

// A DER ContentInfo with EnvelopedData of one recipient, a fresh content key
// and IV. `content` is the value of `content_type`: for id-data the octets, for
// others (id-signedData) their DER without a ContentInfo. kInvalidArgument: an
// empty content, a key of a wrong kind, a key wrap under another key's length.
absl::StatusOr<Bytes> EnvelopForKek(ByteView content,
                                    const der::Oid& content_type,
                                    const KekRecipient& recipient,
                                    ContentCipher cipher);
absl::StatusOr<Bytes> EnvelopForPublicKey(ByteView content,
                                          const der::Oid& content_type,
                                          const PublicKeyRecipient& recipient,
                                          const EnvelopeAlgorithms& algorithms);

}  // namespace bestow::cms

#endif  // COMMON_CMS_ENVELOP_H_
