#include "server/policy/key_rules.h"

#include "common/der/oid.h"
#include "common/der/reader.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"

namespace bestow::server {
namespace {

enum class KeyKind { kEc, kRsa, kOther };

// SubjectPublicKeyInfo ::= SEQUENCE {
//   algorithm SEQUENCE { OBJECT IDENTIFIER, ... }, subjectPublicKey }
KeyKind KindOf(ByteView spki) {
  der::Reader reader(spki), fields, algorithm;
  ByteView oid;
  if (!reader.ExpectSequence(&fields) || !fields.ExpectSequence(&algorithm) ||
      !algorithm.ExpectOid(&oid)) {
    return KeyKind::kOther;
  }
  const der::Oid id{Bytes(oid.begin(), oid.end())};
  if (id == oids::EcPublicKey()) return KeyKind::kEc;
  if (id == oids::RsaEncryption()) return KeyKind::kRsa;
  return KeyKind::kOther;
}

}  // namespace

absl::StatusOr<uint32_t> UsageOfKey(uint32_t key_usage, ByteView spki) {
  switch (KindOf(spki)) {
    case KeyKind::kEc:
      key_usage &= ~(kKeyEncipherment | kDataEncipherment);
      break;
    case KeyKind::kRsa:
      key_usage &= ~kKeyAgreement;
      break;
    case KeyKind::kOther:
      return absl::PermissionDeniedError("neither an EC nor an RSA key");
  }
  if (key_usage == 0) {
    return absl::PermissionDeniedError(
        "the profile's key_usage has nothing that a key of this kind can do: "
        "ask with a key of another kind");
  }
  return key_usage;
}

}  // namespace bestow::server
