#include "common/pki/pkcs8.h"

#include <utility>

#include "absl/status/status.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/attribute.h"

namespace bestow {
namespace {

constexpr uint64_t kVersion2 = 1;
constexpr der::Tag kAttributesTag =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr der::Tag kPublicKeyTag = CBS_ASN1_CONTEXT_SPECIFIC | 1;

bool AreAttributes(der::Reader list) {
  CsrAttribute attribute;
  while (!list.empty()) {
    if (!ExpectAttribute(&list, &attribute)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<PrivateKeyInfo> ParsePrivateKeyInfoDer(ByteView der) {
  // OneAsymmetricKey ::= SEQUENCE { version INTEGER { v1(0), v2(1) },
  //   privateKeyAlgorithm AlgorithmIdentifier, privateKey OCTET STRING,
  //   attributes [0] IMPLICIT SET OF Attribute OPTIONAL, ...,
  //   [[2: publicKey [1] IMPLICIT BIT STRING OPTIONAL ]], ... }
  der::Reader reader(der), fields, attributes, public_key;
  ByteView algorithm, private_key;
  bool has_attributes = false, has_public_key = false;
  PrivateKeyInfo out;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.ExpectUint(&out.version) || out.version > kVersion2 ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !fields.ExpectOctetString(&private_key) ||
      !fields.Match(kAttributesTag, &attributes, &has_attributes) ||
      !AreAttributes(attributes) ||
      !fields.Match(kPublicKeyTag, &public_key, &has_public_key) ||
      !fields.Finish()) {
    return absl::InvalidArgumentError("PKCS#8: malformed");
  }
  // RFC 5958 2: "If publicKey is present, then version is set to v2".
  if (has_public_key && (out.version != kVersion2 || public_key.empty() ||
                         public_key.rest()[0] != 0)) {
    return absl::InvalidArgumentError("PKCS#8: the public key is malformed");
  }
  out.algorithm = ToBytes(algorithm);
  out.private_key = Secret(ToBytes(private_key));
  if (has_attributes) out.attributes = ToBytes(attributes.rest());
  if (has_public_key) out.public_key = ToBytes(public_key.rest());
  return out;
}

absl::StatusOr<Secret> SerializePrivateKeyInfoDer(const PrivateKeyInfo& key) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddUint(key.version);
    fields.AddElement(key.algorithm);
    fields.AddOctetString(key.private_key.bytes());
    if (key.attributes.has_value()) {
      fields.AddPrimitive(kAttributesTag, *key.attributes);
    }
    if (key.public_key.has_value()) {
      fields.AddPrimitive(kPublicKeyTag, *key.public_key);
    }
  });
  // The writer's buffer is BoringSSL's, which overwrites what it frees.
  absl::StatusOr<Bytes> der = writer.Finish();
  if (!der.ok()) return der.status();
  return Secret(*std::move(der));
}

}  // namespace bestow
