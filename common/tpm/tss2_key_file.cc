#include "common/tpm/tss2_key_file.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/pem.h"
#include "common/tpm/key_policy.h"
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

// One TPMPolicy.
bool ExpectPolicyCommand(der::Reader* in, uint64_t* code,
                         ByteView* parameters) {
  der::Reader command(ByteView{}), field(ByteView{});
  return in->ExpectSequence(&command) && command.Expect(Explicit(0), &field) &&
         field.ExpectUint(code) && field.Finish() &&
         command.Expect(Explicit(1), &field) &&
         field.ExpectOctetString(parameters) && field.Finish() &&
         command.Finish();
}

absl::StatusOr<PcrPolicy> ReadPolicy(der::Reader* in, bool with_auth) {
  const absl::Status other = Malformed(
      "the key's policy is another than PolicyPCR, and PolicyAuthValue where "
      "it has a password");
  der::Reader field(ByteView{}), commands(ByteView{});
  uint64_t code = 0;
  ByteView parameters;
  if (!in->Expect(Explicit(1), &field) || !field.ExpectSequence(&commands) ||
      !field.Finish() || !ExpectPolicyCommand(&commands, &code, &parameters) ||
      code != kCommandPolicyPcr) {
    return other;
  }
  auto policy = ParsePcrPolicy(parameters);
  if (!policy.ok()) return Malformed(policy.status().message());
  if (with_auth && (!ExpectPolicyCommand(&commands, &code, &parameters) ||
                    code != kCommandPolicyAuthValue || !parameters.empty())) {
    return other;
  }
  if (!commands.Finish()) return other;
  return policy;
}

// The two types differ in the OID and the public part alone.
absl::StatusOr<TpmKey> ParseObject(const der::Oid& wanted_type, ByteView der,
                                   bool may_be_protected = false) {
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
  if (!empty_auth && !may_be_protected) {
    return Malformed("the key wants a password");
  }
  std::optional<PcrPolicy> policy;
  if (may_be_protected && key.NextIs(Explicit(1))) {
    auto read = ReadPolicy(&key, /*with_auth=*/!empty_auth);
    if (!read.ok()) return read.status();
    policy = *std::move(read);
  }
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
  TpmKey out;
  out.public_blob = ToBytes(public_blob);
  out.private_blob = ToBytes(private_blob);
  out.parent = static_cast<uint32_t>(parent);
  out.wants_auth = !empty_auth;
  out.pcr_policy = std::move(policy);
  return out;
}

void AddPolicyCommand(der::Writer& policy, uint32_t code, ByteView parameters) {
  policy.AddSequence([&](der::Writer& command) {
    command.Add(Explicit(0), [&](der::Writer& out) { out.AddUint(code); });
    command.Add(Explicit(1),
                [&](der::Writer& out) { out.AddOctetString(parameters); });
  });
}

absl::StatusOr<Bytes> SerializeObject(const der::Oid& type, const TpmKey& key) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& out) {
    out.AddOid(type);
    out.Add(Explicit(0),
            [&](der::Writer& auth) { auth.AddBoolean(!key.wants_auth); });
    if (key.pcr_policy) {
      out.Add(Explicit(1), [&](der::Writer& field) {
        field.AddSequence([&](der::Writer& policy) {
          AddPolicyCommand(policy, kCommandPolicyPcr,
                           SerializePcrPolicy(*key.pcr_policy));
          if (key.wants_auth) {
            AddPolicyCommand(policy, kCommandPolicyAuthValue, {});
          }
        });
      });
    }
    out.AddUint(key.parent);
    out.AddOctetString(key.public_blob);
    out.AddOctetString(key.private_blob);
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> ReadBlock(std::string_view pem) {
  auto blocks = ParsePem(pem, 1);
  if (!blocks.ok()) return Malformed(blocks.status().message());
  if (blocks->empty() || blocks->front().label != kLabel) {
    return Malformed("no TSS2 PRIVATE KEY block");
  }
  return std::move(blocks->front().content);
}

absl::StatusOr<TpmKey> ParseKey(ByteView der, bool may_be_protected) {
  absl::StatusOr<TpmKey> key =
      ParseObject(LoadableKey(), der, may_be_protected);
  if (!key.ok()) return key.status();
  absl::StatusOr<TpmPublic> pub = ParseTpmPublic(key->public_blob);
  if (!pub.ok()) return pub.status();
  if (key->pcr_policy &&
      pub->policy != PolicyDigest(*key->pcr_policy, key->wants_auth)) {
    return Malformed("the policy is not the one that the key has");
  }
  return key;
}

}  // namespace

absl::StatusOr<TpmKey> ParseTss2KeyDer(ByteView der) {
  return ParseKey(der, /*may_be_protected=*/false);
}

absl::StatusOr<TpmKey> ParseProtectedTss2KeyDer(ByteView der) {
  return ParseKey(der, /*may_be_protected=*/true);
}

absl::StatusOr<Bytes> SerializeTss2KeyDer(const TpmKey& key) {
  return SerializeObject(LoadableKey(), key);
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
  TpmKey object;
  object.public_blob = blob.public_blob;
  object.private_blob = blob.private_blob;
  object.parent = blob.parent;
  return SerializeObject(SealedData(), object);
}

absl::StatusOr<TpmKey> ParseTss2KeyPem(std::string_view pem) {
  auto der = ReadBlock(pem);
  if (!der.ok()) return der.status();
  return ParseTss2KeyDer(*der);
}

absl::StatusOr<TpmKey> ParseProtectedTss2KeyPem(std::string_view pem) {
  auto der = ReadBlock(pem);
  if (!der.ok()) return der.status();
  return ParseProtectedTss2KeyDer(*der);
}

absl::StatusOr<std::string> SerializeTss2KeyPem(const TpmKey& key) {
  absl::StatusOr<Bytes> der = SerializeTss2KeyDer(key);
  if (!der.ok()) return der.status();
  return SerializePem(kLabel, *der);
}

}  // namespace bestow
