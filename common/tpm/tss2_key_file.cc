#include "common/tpm/tss2_key_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/pem.h"
#include "common/tpm/tpm_public.h"

namespace bestow {
namespace {

constexpr std::string_view kLabel = "TSS2 PRIVATE KEY";
// A TPM2B_PRIVATE of any chip is well under this.
constexpr size_t kMaxBlobBytes = 2048;

const der::Oid& LoadableKey() {
  static const auto* const oid =
      new der::Oid(der::OidLiteral("2.23.133.10.1.3"));
  return *oid;
}

const der::Oid& SealedData() {
  static const auto* const oid =
      new der::Oid(der::OidLiteral("2.23.133.10.1.5"));
  return *oid;
}

constexpr der::Tag Explicit(unsigned number) {
  return CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | number;
}

// tpm2-openssl writes TRUE as 01, DER knows only FF.
bool ExpectLooseBoolean(der::Reader* in, bool* value) {
  der::Reader content{ByteView{}};
  if (!in->Expect(CBS_ASN1_BOOLEAN, &content) || content.rest().size() != 1) {
    return false;
  }
  *value = content.rest().front() != 0;
  return true;
}

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not a TPM key file: ", why));
}

bool SizeFits(ByteView blob) {
  return blob.size() > 2 && blob.size() <= kMaxBlobBytes &&
         static_cast<size_t>(blob[0] << 8 | blob[1]) == blob.size() - 2;
}

// The two types differ in the OID and the public part alone.
absl::StatusOr<TpmKey> ParseObject(const der::Oid& wanted_type, ByteView der) {
  der::Reader input(der);
  der::Reader key(ByteView{});
  if (!input.ExpectSequence(&key) || !input.Finish()) {
    return Malformed("not one DER SEQUENCE");
  }
  ByteView type;
  if (!key.ExpectOid(&type)) return Malformed("no type");
  if (type != ByteView(wanted_type.content)) {
    return Malformed(absl::StrCat("type ", der::OidToDotted(type), ", not ",
                                  der::OidToDotted(wanted_type.content)));
  }
  der::Reader field(ByteView{});
  bool present = false;
  bool empty_auth = false;
  if (!key.Match(Explicit(0), &field, &present) ||
      (present &&
       (!ExpectLooseBoolean(&field, &empty_auth) || !field.Finish()))) {
    return Malformed("emptyAuth");
  }
  if (!empty_auth) return Malformed("the key wants a password");
  for (unsigned tag : {1u, 2u, 3u}) {
    if (key.NextIs(Explicit(tag))) {
      return Malformed("keys with a policy or an import secret are not for us");
    }
  }
  if (!key.Match(Explicit(4), &field, &present)) {
    return Malformed("description");
  }
  bool rsa_parent = false;
  if (!key.Match(Explicit(5), &field, &present) ||
      (present &&
       (!ExpectLooseBoolean(&field, &rsa_parent) || !field.Finish()))) {
    return Malformed("rsaParent");
  }
  if (rsa_parent) return Malformed("its parent is an RSA primary");
  uint64_t parent = 0;
  ByteView public_blob, private_blob;
  if (!key.ExpectUint(&parent) || parent > 0xFFFFFFFFu) {
    return Malformed("parent");
  }
  if (!key.ExpectOctetString(&public_blob) ||
      !key.ExpectOctetString(&private_blob) || !key.Finish()) {
    return Malformed("blobs");
  }
  if (!SizeFits(private_blob)) return Malformed("privkey has a wrong size");
  return TpmKey{.public_blob = ToBytes(public_blob),
                .private_blob = ToBytes(private_blob),
                .parent = static_cast<uint32_t>(parent)};
}

absl::StatusOr<Bytes> SerializeObject(const der::Oid& type, uint32_t parent,
                                      ByteView public_blob,
                                      ByteView private_blob) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& out) {
    out.AddOid(type);
    out.Add(Explicit(0), [](der::Writer& auth) { auth.AddBoolean(true); });
    out.AddUint(parent);
    out.AddOctetString(public_blob);
    out.AddOctetString(private_blob);
  });
  return writer.Finish();
}

}  // namespace

absl::StatusOr<TpmKey> ParseTss2KeyDer(ByteView der) {
  absl::StatusOr<TpmKey> key = ParseObject(LoadableKey(), der);
  if (!key.ok()) return key.status();
  absl::StatusOr<TpmPublic> pub = ParseTpmPublic(key->public_blob);
  if (!pub.ok()) return pub.status();
  return key;
}

absl::StatusOr<Bytes> SerializeTss2KeyDer(const TpmKey& key) {
  return SerializeObject(LoadableKey(), key.parent, key.public_blob,
                         key.private_blob);
}

absl::StatusOr<SealedBlob> ParseTss2SealedDer(ByteView der) {
  absl::StatusOr<TpmKey> object = ParseObject(SealedData(), der);
  if (!object.ok()) return object.status();
  if (absl::Status s = CheckTpmSealedPublic(object->public_blob); !s.ok()) {
    return s;
  }
  return SealedBlob{.public_blob = std::move(object->public_blob),
                    .private_blob = std::move(object->private_blob),
                    .parent = object->parent};
}

absl::StatusOr<Bytes> SerializeTss2SealedDer(const SealedBlob& blob) {
  return SerializeObject(SealedData(), blob.parent, blob.public_blob,
                         blob.private_blob);
}

absl::StatusOr<TpmKey> ParseTss2KeyPem(std::string_view pem) {
  auto blocks = ParsePem(pem, 1);
  if (!blocks.ok()) return Malformed(blocks.status().message());
  if (blocks->empty() || blocks->front().label != kLabel) {
    return Malformed("no TSS2 PRIVATE KEY block");
  }
  return ParseTss2KeyDer(blocks->front().content);
}

absl::StatusOr<std::string> SerializeTss2KeyPem(const TpmKey& key) {
  absl::StatusOr<Bytes> der = SerializeTss2KeyDer(key);
  if (!der.ok()) return der.status();
  return SerializePem(kLabel, *der);
}

}  // namespace bestow
