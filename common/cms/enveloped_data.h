// EnvelopedData as a structure (RFC 5652 6, RFC 5753 3.1). See envelop.h and
// decrypt.h for the cryptography.
#ifndef COMMON_CMS_ENVELOPED_DATA_H_
#define COMMON_CMS_ENVELOPED_DATA_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/cms/algorithm.h"
#include "common/der/oid.h"
#include "common/pki/certificate.h"

namespace bestow::cms {

// Which certificate's key: by its key identifier, or by issuer and serial.
struct RecipientId {
  std::optional<Bytes> subject_key_id;
  Bytes issuer;  // DER Name
  Bytes serial;  // INTEGER content octets
  bool operator==(const RecipientId&) const = default;
};

// What a recipient's own key is called in messages. Fields may be empty.
struct RecipientNames {
  Bytes subject_key_id;
  Bytes issuer;  // DER Name
  Bytes serial;  // INTEGER content octets
};
RecipientNames NamesOf(const Certificate& certificate);
bool Matches(const RecipientId& id, const RecipientNames& names);

struct RecipientInfo {
  enum class Kind {
    kKek,           // KEKRecipientInfo, version 4
    kKeyTransport,  // KeyTransRecipientInfo, version 0 or 2: RSAES-OAEP
    kKeyAgreement,  // KeyAgreeRecipientInfo, version 3: ephemeral-static ECDH
    kOther,         // anything else, which nobody here can open
  };
  Kind kind = Kind::kOther;
  Bytes kek_identifier;        // kKek
  RecipientId id;              // kKeyTransport, kKeyAgreement
  Bytes algorithm;             // keyEncryptionAlgorithm, whole
  Bytes originator_algorithm;  // kKeyAgreement: of originatorKey, whole
  Bytes originator_point;      // kKeyAgreement: its BIT STRING, uncompressed
  std::optional<Bytes> ukm;    // kKeyAgreement
  Bytes encrypted_key;
  Bytes other;  // kOther: whole
};

struct EnvelopedData {
  uint64_t version = 2;
  std::vector<RecipientInfo> recipients;
  der::Oid content_type;
  ContentEncryption encryption;
  Bytes ciphertext;
};

// A DER ContentInfo with EnvelopedData and nothing after it. kInvalidArgument:
// not DER, 0 or over 16 recipients, originator information or unprotected
// attributes, detached content, another cipher than AES-CBC, or content that
// is no multiple of its block. A recipient of another kind or with other
// algorithms (RSA PKCS #1 v1.5 among them) is kOther. NOT checked: anything
// that needs a key.
absl::StatusOr<EnvelopedData> ParseEnvelopedDataDer(ByteView der);

// Equal to what ParseEnvelopedDataDer took.
absl::StatusOr<Bytes> SerializeEnvelopedDataDer(const EnvelopedData& data);

}  // namespace bestow::cms

#endif  // COMMON_CMS_ENVELOPED_DATA_H_
