#include "common/cms/algorithm.h"

#include <array>
#include <string_view>

#include "absl/log/log.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

constexpr size_t kIvBytes = 16;
constexpr der::Tag kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;

constexpr std::array<Hash, 4> kHashes = {Hash::kSha1, Hash::kSha256,
                                         Hash::kSha384, Hash::kSha512};
constexpr std::array<ContentCipher, 2> kCiphers = {ContentCipher::kAes128Cbc,
                                                   ContentCipher::kAes256Cbc};
constexpr std::array<KeyWrap, 3> kWraps = {KeyWrap::kAes128, KeyWrap::kAes192,
                                           KeyWrap::kAes256};

const der::Oid& OidOf(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return oids::Sha1();
    case Hash::kSha256:
      return oids::Sha256();
    case Hash::kSha384:
      return oids::Sha384();
    case Hash::kSha512:
      return oids::Sha512();
  }
  LOG(FATAL) << "no hash";
}

// AlgorithmIdentifier ::= SEQUENCE { algorithm OID, parameters ANY OPTIONAL }
struct Identifier {
  der::Oid oid;
  ByteView parameters;  // one element; empty: absent
};

bool ReadIdentifier(ByteView algorithm, Identifier* out) {
  der::Reader reader(algorithm), fields;
  ByteView oid;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.ExpectOid(&oid) ||
      (!fields.empty() && !fields.ExpectAny(&out->parameters)) ||
      !fields.Finish()) {
    return false;
  }
  out->oid.content = ToBytes(oid);
  return true;
}

bool IsAbsentOrNull(ByteView parameters) {
  der::Reader reader(parameters);
  return parameters.empty() || (reader.ExpectNull() && reader.Finish());
}

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("CMS: the ", what, " is malformed"));
}

absl::Status NotTaken(std::string_view what, const der::Oid& oid) {
  return absl::InvalidArgumentError(absl::StrCat(
      "CMS: the ", what, " ", der::OidToDotted(oid.content), " is not taken"));
}

// RSAES-OAEP-params ::= SEQUENCE {
//   hashFunc [0] DEFAULT sha1, maskGenFunc [1] DEFAULT mgf1SHA1,
//   pSourceFunc [2] DEFAULT pSpecifiedEmpty }
// RFC 4055 4.1 asks to take explicit defaults too.
bool ReadOaepParameters(ByteView parameters, Hash* hash) {
  der::Reader reader(parameters), fields, field;
  ByteView element;
  bool present = false;
  *hash = Hash::kSha1;
  if (!reader.ExpectSequence(&fields) || !reader.Finish() ||
      !fields.Match(kContext | 0, &field, &present)) {
    return false;
  }
  if (present) {
    absl::StatusOr<Hash> found = ParseHash(field.rest());
    if (!found.ok()) return false;
    *hash = *found;
  }
  if (!fields.Match(kContext | 1, &field, &present)) return false;
  Hash mask_hash = Hash::kSha1;
  if (present) {
    Identifier mask;
    if (!ReadIdentifier(field.rest(), &mask) || mask.oid != oids::Mgf1()) {
      return false;
    }
    absl::StatusOr<Hash> found = ParseHash(mask.parameters);
    if (!found.ok()) return false;
    mask_hash = *found;
  }
  if (mask_hash != *hash || !fields.Match(kContext | 2, &field, &present)) {
    return false;
  }
  if (present) {
    Identifier source;
    if (!ReadIdentifier(field.rest(), &source) ||
        source.oid != oids::PSpecified()) {
      return false;
    }
    der::Reader label(source.parameters);
    if (!label.ExpectOctetString(&element) || !label.Finish() ||
        !element.empty()) {
      return false;
    }
  }
  return fields.Finish();
}

}  // namespace

size_t HashBytes(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return 20;
    case Hash::kSha256:
      return 32;
    case Hash::kSha384:
      return 48;
    case Hash::kSha512:
      return 64;
  }
  LOG(FATAL) << "no hash";
}

size_t KeyBytes(ContentCipher cipher) {
  return cipher == ContentCipher::kAes128Cbc ? 16 : 32;
}

size_t KeyBytes(KeyWrap wrap) {
  switch (wrap) {
    case KeyWrap::kAes128:
      return 16;
    case KeyWrap::kAes192:
      return 24;
    case KeyWrap::kAes256:
      return 32;
  }
  LOG(FATAL) << "no key wrap";
}

std::optional<KeyWrap> KeyWrapOfLength(size_t key_bytes) {
  for (KeyWrap wrap : kWraps) {
    if (KeyBytes(wrap) == key_bytes) return wrap;
  }
  return std::nullopt;
}

absl::StatusOr<Hash> ParseHash(ByteView algorithm) {
  Identifier id;
  if (!ReadIdentifier(algorithm, &id) || !IsAbsentOrNull(id.parameters)) {
    return Malformed("hash algorithm");
  }
  for (Hash hash : kHashes) {
    if (id.oid == OidOf(hash)) return hash;
  }
  return NotTaken("hash algorithm", id.oid);
}

absl::StatusOr<ContentEncryption> ParseContentEncryption(ByteView algorithm) {
  Identifier id;
  if (!ReadIdentifier(algorithm, &id)) return Malformed("content encryption");
  for (ContentCipher cipher : kCiphers) {
    if (id.oid != OidOf(cipher)) continue;
    // AES-IV ::= OCTET STRING (SIZE(16))
    der::Reader reader(id.parameters);
    ByteView iv;
    if (!reader.ExpectOctetString(&iv) || !reader.Finish() ||
        iv.size() != kIvBytes) {
      return Malformed("content encryption's IV");
    }
    return ContentEncryption{.cipher = cipher, .iv = ToBytes(iv)};
  }
  return NotTaken("content encryption", id.oid);
}

absl::StatusOr<KeyWrap> ParseKeyWrap(ByteView algorithm) {
  Identifier id;
  if (!ReadIdentifier(algorithm, &id) || !IsAbsentOrNull(id.parameters)) {
    return Malformed("key wrap algorithm");
  }
  for (KeyWrap wrap : kWraps) {
    if (id.oid == OidOf(wrap)) return wrap;
  }
  return NotTaken("key wrap algorithm", id.oid);
}

absl::StatusOr<Hash> ParseOaep(ByteView algorithm) {
  Identifier id;
  if (!ReadIdentifier(algorithm, &id)) return Malformed("key transport");
  if (id.oid != oids::RsaesOaep()) return NotTaken("key transport", id.oid);
  Hash hash = Hash::kSha1;
  if (!ReadOaepParameters(id.parameters, &hash)) {
    return absl::InvalidArgumentError(
        "CMS: RSAES-OAEP is taken with MGF1 of the same hash and no label");
  }
  return hash;
}

absl::StatusOr<KeyAgreement> ParseKeyAgreement(ByteView algorithm) {
  Identifier id;
  if (!ReadIdentifier(algorithm, &id)) return Malformed("key agreement");
  for (Hash hash : kHashes) {
    if (id.oid != KeyAgreementOid(hash)) continue;
    absl::StatusOr<KeyWrap> wrap = ParseKeyWrap(id.parameters);
    if (!wrap.ok()) return wrap.status();
    return KeyAgreement{.kdf = hash,
                        .key_wrap_algorithm = ToBytes(id.parameters),
                        .key_wrap = *wrap};
  }
  return NotTaken("key agreement", id.oid);
}

void AddHash(der::Writer& writer, Hash hash) {
  writer.AddSequence([&](der::Writer& fields) { fields.AddOid(OidOf(hash)); });
}

void AddContentEncryption(der::Writer& writer,
                          const ContentEncryption& encryption) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddOid(OidOf(encryption.cipher));
    fields.AddOctetString(encryption.iv);
  });
}

void AddKeyWrap(der::Writer& writer, KeyWrap wrap) {
  writer.AddSequence([&](der::Writer& fields) { fields.AddOid(OidOf(wrap)); });
}

// RFC 4055 4.1: the defaults are left out, the label's always. 2.1: here hashes
// have a NULL.
void AddOaep(der::Writer& writer, Hash hash) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddOid(oids::RsaesOaep());
    fields.AddSequence([&](der::Writer& params) {
      if (hash == Hash::kSha1) return;
      const auto add_hash = [&](der::Writer& w) {
        w.AddSequence([&](der::Writer& identifier) {
          identifier.AddOid(OidOf(hash));
          identifier.AddNull();
        });
      };
      params.Add(kContext | 0, add_hash);
      params.Add(kContext | 1, [&](der::Writer& mask) {
        mask.AddSequence([&](der::Writer& mgf1) {
          mgf1.AddOid(oids::Mgf1());
          add_hash(mgf1);
        });
      });
    });
  });
}

void AddKeyAgreement(der::Writer& writer, Hash kdf, KeyWrap wrap) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddOid(KeyAgreementOid(kdf));
    AddKeyWrap(fields, wrap);
  });
}

const der::Oid& OidOf(ContentCipher cipher) {
  return cipher == ContentCipher::kAes128Cbc ? oids::Aes128Cbc()
                                             : oids::Aes256Cbc();
}

const der::Oid& OidOf(KeyWrap wrap) {
  switch (wrap) {
    case KeyWrap::kAes128:
      return oids::Aes128Wrap();
    case KeyWrap::kAes192:
      return oids::Aes192Wrap();
    case KeyWrap::kAes256:
      return oids::Aes256Wrap();
  }
  LOG(FATAL) << "no key wrap";
}

const der::Oid& KeyAgreementOid(Hash kdf) {
  switch (kdf) {
    case Hash::kSha1:
      return oids::StdDhSha1Kdf();
    case Hash::kSha256:
      return oids::StdDhSha256Kdf();
    case Hash::kSha384:
      return oids::StdDhSha384Kdf();
    case Hash::kSha512:
      return oids::StdDhSha512Kdf();
  }
  LOG(FATAL) << "no hash";
}

}  // namespace bestow::cms
