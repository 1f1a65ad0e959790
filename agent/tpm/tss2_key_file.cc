#include "agent/tpm/tss2_key_file.h"

#include "absl/strings/str_cat.h"
#include "agent/tpm/tpm_public.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/pem.h"

namespace bestow::agent {
namespace {

constexpr std::string_view kLabel = "TSS2 PRIVATE KEY";
// A TPM2B_PRIVATE of any chip is well under this.
constexpr size_t kMaxBlobBytes = 2048;

const der::Oid& LoadableKey() {
  static const auto* const oid =
      new der::Oid(der::OidLiteral("2.23.133.10.1.3"));
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

}  // namespace

absl::StatusOr<TpmKey> ParseTss2KeyDer(ByteView der) {
  der::Reader input(der);
  der::Reader key(ByteView{});
  if (!input.ExpectSequence(&key) || !input.Finish()) {
    return Malformed("not one DER SEQUENCE");
  }
  ByteView type;
  if (!key.ExpectOid(&type)) return Malformed("no type");
  if (type != ByteView(LoadableKey().content)) {
    return Malformed(absl::StrCat("type ", der::OidToDotted(type),
                                  " is not a loadable key's"));
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
  absl::StatusOr<TpmEccPublic> point = ParseTpmEccPublic(public_blob);
  if (!point.ok()) return point.status();
  return TpmKey{.public_blob = ToBytes(public_blob),
                .private_blob = ToBytes(private_blob),
                .parent = static_cast<uint32_t>(parent)};
}

absl::StatusOr<Bytes> SerializeTss2KeyDer(const TpmKey& key) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& out) {
    out.AddOid(LoadableKey());
    out.Add(Explicit(0), [](der::Writer& auth) { auth.AddBoolean(true); });
    out.AddUint(key.parent);
    out.AddOctetString(key.public_blob);
    out.AddOctetString(key.private_blob);
  });
  return writer.Finish();
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

}  // namespace bestow::agent
