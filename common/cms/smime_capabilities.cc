#include "common/cms/smime_capabilities.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

constexpr size_t kMaxCapabilities = 64;

// Who lists one of these has said what may encrypt content. Next to our own:
// AES-192-CBC, AES-GCM, triple DES, RC2, DES.
bool IsContentEncryption(const der::Oid& oid) {
  static const auto* const others =
      new std::array<der::Oid, 7>{der::OidLiteral("2.16.840.1.101.3.4.1.22"),
                                  der::OidLiteral("2.16.840.1.101.3.4.1.6"),
                                  der::OidLiteral("2.16.840.1.101.3.4.1.26"),
                                  der::OidLiteral("2.16.840.1.101.3.4.1.46"),
                                  der::OidLiteral("1.2.840.113549.3.7"),
                                  der::OidLiteral("1.2.840.113549.3.2"),
                                  der::OidLiteral("1.3.14.3.2.7")};
  return oid == oids::Aes128Cbc() || oid == oids::Aes256Cbc() ||
         std::find(others->begin(), others->end(), oid) != others->end();
}

void AddCapability(der::Writer& writer, const SmimeCapability& capability) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddOid(capability.id);
    fields.AddElement(capability.parameters);
  });
}

// The same octets as an AlgorithmIdentifier.
Bytes AsIdentifier(const SmimeCapability& capability) {
  der::Writer writer;
  AddCapability(writer, capability);
  absl::StatusOr<Bytes> der = writer.Finish();
  return der.ok() ? *std::move(der) : Bytes();
}

SmimeCapability FromIdentifier(
    const std::function<void(der::Writer&)>& add_identifier) {
  der::Writer writer;
  add_identifier(writer);
  SmimeCapability out;
  const absl::StatusOr<Bytes> der = writer.Finish();
  if (!der.ok()) return out;
  der::Reader reader(*der), fields;
  ByteView oid;
  if (reader.ExpectSequence(&fields) && fields.ExpectOid(&oid)) {
    out = {{ToBytes(oid)}, ToBytes(fields.rest())};
  }
  return out;
}

absl::Status NothingCommon(std::string_view what, std::string_view ours) {
  return absl::InvalidArgumentError(
      absl::StrCat("SMIMECapabilities: no ", what,
                   " that this server has is listed; list one of ", ours));
}

absl::StatusOr<ContentCipher> ChooseContent(const SmimeCapabilities& listed,
                                            ContentCipher fallback) {
  bool lists_any = false;
  for (const SmimeCapability& capability : listed.list) {
    for (ContentCipher cipher :
         {ContentCipher::kAes128Cbc, ContentCipher::kAes256Cbc}) {
      if (capability.id == OidOf(cipher)) return cipher;
    }
    lists_any |= IsContentEncryption(capability.id);
  }
  if (!lists_any) return fallback;
  return NothingCommon("content encryption", "aes128-CBC, aes256-CBC");
}

// RFC 3560 5 shows the parameters' fields without their tags; both are read.
// No parameters at all do not say which hash: ours, then.
std::optional<Hash> OaepHashOf(const SmimeCapability& capability) {
  if (capability.parameters.empty()) return Hash::kSha256;
  absl::StatusOr<Hash> hash = ParseOaep(AsIdentifier(capability));
  if (hash.ok()) return *hash;
  der::Reader reader(capability.parameters), fields, mask;
  ByteView hash_element, mask_oid;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.ExpectElement(CBS_ASN1_SEQUENCE, &hash_element) ||
      !fields.ExpectSequence(&mask) || !fields.Finish() ||
      !mask.ExpectOid(&mask_oid) || ToBytes(mask_oid) != oids::Mgf1().content ||
      !std::equal(mask.rest().begin(), mask.rest().end(), hash_element.begin(),
                  hash_element.end())) {
    return std::nullopt;
  }
  hash = ParseHash(hash_element);
  if (!hash.ok()) return std::nullopt;
  return *hash;
}

absl::StatusOr<Hash> ChooseOaep(const SmimeCapabilities& listed) {
  std::optional<Hash> sha1;
  for (const SmimeCapability& capability : listed.list) {
    if (capability.id != oids::RsaesOaep()) continue;
    const std::optional<Hash> hash = OaepHashOf(capability);
    if (!hash.has_value()) continue;
    if (*hash != Hash::kSha1) return *hash;
    sha1 = hash;
  }
  if (sha1.has_value()) return *sha1;
  return NothingCommon("key transport", "id-RSAES-OAEP with SHA-256");
}

absl::Status ChooseAgreement(const SmimeCapabilities& listed,
                             EnvelopeAlgorithms* out) {
  // A whole scheme says more than a key wrap alone.
  for (const SmimeCapability& capability : listed.list) {
    const absl::StatusOr<KeyAgreement> agreement =
        ParseKeyAgreement(AsIdentifier(capability));
    if (!agreement.ok() || agreement->kdf == Hash::kSha1) continue;
    out->kdf = agreement->kdf;
    out->key_wrap = agreement->key_wrap;
    return absl::OkStatus();
  }
  for (const SmimeCapability& capability : listed.list) {
    const absl::StatusOr<KeyWrap> wrap = ParseKeyWrap(AsIdentifier(capability));
    if (!wrap.ok()) continue;
    out->key_wrap = *wrap;
    return absl::OkStatus();
  }
  return NothingCommon("key agreement",
                       "dhSinglePass-stdDH-sha256kdf-scheme with "
                       "id-aes128-wrap or id-aes256-wrap");
}

}  // namespace

absl::StatusOr<SmimeCapabilities> ParseSmimeCapabilitiesDer(ByteView der) {
  // SMIMECapabilities ::= SEQUENCE OF SMIMECapability
  // SMIMECapability ::= SEQUENCE { capabilityID OID, parameters ANY OPTIONAL }
  der::Reader reader(der), list, fields;
  if (!reader.ExpectSequence(&list) || !reader.Finish()) {
    return absl::InvalidArgumentError("SMIMECapabilities: not one SEQUENCE");
  }
  SmimeCapabilities out;
  while (!list.empty()) {
    ByteView oid, parameters;
    if (!list.ExpectSequence(&fields) || !fields.ExpectOid(&oid) ||
        (!fields.empty() && !fields.ExpectAny(&parameters)) ||
        !fields.Finish()) {
      return absl::InvalidArgumentError(
          "SMIMECapabilities: an entry is malformed");
    }
    if (out.list.size() == kMaxCapabilities) {
      return absl::InvalidArgumentError("SMIMECapabilities: over 64 entries");
    }
    out.list.push_back({{ToBytes(oid)}, ToBytes(parameters)});
  }
  return out;
}

absl::StatusOr<Bytes> SerializeSmimeCapabilitiesDer(
    const SmimeCapabilities& capabilities) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) {
    for (const SmimeCapability& capability : capabilities.list) {
      AddCapability(list, capability);
    }
  });
  return writer.Finish();
}

SmimeCapabilities OurCapabilities() {
  SmimeCapabilities out;
  for (const auto& [kdf, wrap] : {std::pair(Hash::kSha384, KeyWrap::kAes256),
                                  std::pair(Hash::kSha256, KeyWrap::kAes256),
                                  std::pair(Hash::kSha256, KeyWrap::kAes128)}) {
    out.list.push_back(
        FromIdentifier([&](der::Writer& w) { AddKeyAgreement(w, kdf, wrap); }));
  }
  out.list.push_back(
      FromIdentifier([](der::Writer& w) { AddOaep(w, Hash::kSha256); }));
  for (KeyWrap wrap : {KeyWrap::kAes256, KeyWrap::kAes192, KeyWrap::kAes128}) {
    out.list.push_back({OidOf(wrap), {}});
  }
  for (ContentCipher cipher :
       {ContentCipher::kAes256Cbc, ContentCipher::kAes128Cbc}) {
    out.list.push_back({OidOf(cipher), {}});
  }
  return out;
}

absl::StatusOr<EnvelopeAlgorithms> ChooseForKek(
    const SmimeCapabilities* capabilities, size_t key_bytes) {
  const std::optional<KeyWrap> wrap = KeyWrapOfLength(key_bytes);
  if (!wrap.has_value()) {
    return absl::InvalidArgumentError(
        "CMS: a key-encryption key has 16, 24 or 32 octets");
  }
  EnvelopeAlgorithms out;
  out.key_wrap = *wrap;
  out.content = *wrap == KeyWrap::kAes128 ? ContentCipher::kAes128Cbc
                                          : ContentCipher::kAes256Cbc;
  if (capabilities == nullptr) return out;
  const bool listed = std::any_of(
      capabilities->list.begin(), capabilities->list.end(),
      [&](const SmimeCapability& c) { return c.id == OidOf(*wrap); });
  if (!listed) {
    return NothingCommon("key wrap", absl::StrCat("id-aes", 8 * key_bytes,
                                                  "-wrap, which fits the key"));
  }
  absl::StatusOr<ContentCipher> content =
      ChooseContent(*capabilities, out.content);
  if (!content.ok()) return content.status();
  out.content = *content;
  return out;
}

absl::StatusOr<EnvelopeAlgorithms> ChooseForPublicKey(
    const SmimeCapabilities* capabilities, ByteView spki) {
  if (absl::Status s = CheckPublicKeyStrength(spki); !s.ok()) return s;
  // What is neither EC nor of a KeyType's size is RSA of up to 4096 bits.
  const absl::StatusOr<KeyType> type = KeyTypeOfSpki(spki);
  const bool is_p256 = type.ok() && *type == KeyType::kEcP256;
  const bool is_p384 = type.ok() && *type == KeyType::kEcP384;
  // RFC 7030 4.4.2: "The cryptographic strength of the symmetric encryption key
  // SHOULD be equivalent to the client-specified asymmetric key."
  EnvelopeAlgorithms out;
  out.content = is_p384 || !type.ok() ? ContentCipher::kAes256Cbc
                                      : ContentCipher::kAes128Cbc;
  out.key_wrap = is_p384 ? KeyWrap::kAes256 : KeyWrap::kAes128;
  out.kdf = is_p384 ? Hash::kSha384 : Hash::kSha256;
  if (capabilities == nullptr) return out;
  absl::StatusOr<ContentCipher> content =
      ChooseContent(*capabilities, out.content);
  if (!content.ok()) return content.status();
  out.content = *content;
  if (is_p256 || is_p384) {
    if (absl::Status s = ChooseAgreement(*capabilities, &out); !s.ok()) {
      return s;
    }
    return out;
  }
  absl::StatusOr<Hash> oaep = ChooseOaep(*capabilities);
  if (!oaep.ok()) return oaep.status();
  out.oaep_hash = *oaep;
  return out;
}

}  // namespace bestow::cms
