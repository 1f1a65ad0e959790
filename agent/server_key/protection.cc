#include "agent/server_key/protection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/config/config.h"
#include "common/cms/algorithm.h"
#include "common/cms/envelop.h"
#include "common/cms/smime_capabilities.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow::agent {
namespace {

absl::StatusOr<Secret> ReadPreSharedKey(const std::string& file) {
  auto text = ReadSecretFile(file);
  if (!text.ok()) return text.status();
  const std::string_view hex = text->text();
  const size_t size = hex.size() / 2;
  if (hex.size() % 2 != 0 || !cms::KeyWrapOfLength(size) ||
      !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, " must hold one line: the key's 32, 48 or 64 hex digits"));
  }
  Bytes key(size);
  for (size_t i = 0; i < size; ++i) {
    auto digit = [](char c) {
      return absl::ascii_isdigit(c) ? c - '0'
                                    : absl::ascii_tolower(c) - 'a' + 10;
    };
    key[i] =
        static_cast<uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  }
  return Secret(std::move(key));
}

absl::StatusOr<KeyProtection> PreShared(const PreSharedKeyOptions& options) {
  if (options.file.empty()) {
    return absl::FailedPreconditionError(
        "there is no pre-shared key: give server_keys.psk_id and psk_file in "
        "the config");
  }
  auto key = ReadPreSharedKey(options.file);
  if (!key.ok()) return key.status();
  return KeyProtection{.kind = KeyProtection::Kind::kPreSharedKey,
                       .identifier = options.identifier,
                       .pre_shared_key = *std::move(key)};
}

absl::StatusOr<KeyProtection> OwnKey(const std::optional<Credential>& current) {
  if (!current) {
    return absl::FailedPreconditionError(
        "this device has no certificate yet whose key could decrypt");
  }
  const Certificate& certificate = current->certificate;
  auto type = KeyTypeOfSpki(certificate.spki);
  if (!type.ok() ||
      (*type != KeyType::kRsa2048 && *type != KeyType::kRsa3072)) {
    return absl::FailedPreconditionError(
        "the device's key is not RSA, and a TPM's EC keys do not decrypt: set "
        "identity.key_type, or a pre-shared key");
  }
  // RFC 7030 4.4.1.2: "the key MUST either explicitly support keyTransport or
  // keyAgreement or its use MUST be unrestricted."
  auto recipient = cms::RecipientOf(certificate);
  if (!recipient.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing may be encrypted to the device's certificate: ",
                     recipient.status().message()));
  }
  KeyProtection out{.kind = KeyProtection::Kind::kOwnKey,
                    .identifier = certificate.subject_key_id};
  if (out.identifier.empty()) out.identifier = KeyIdentifier(certificate.spki);
  return out;
}

// One entry of SMIMECapabilities is written as an AlgorithmIdentifier is.
absl::StatusOr<cms::SmimeCapability> OaepCapability() {
  der::Writer writer;
  cms::AddOaep(writer, cms::Hash::kSha256);
  auto der = writer.Finish();
  if (!der.ok()) return der.status();
  der::Reader reader(*der), fields;
  ByteView oid;
  if (!reader.ExpectSequence(&fields) || !fields.ExpectOid(&oid)) {
    return absl::InternalError("malformed OAEP identifier");
  }
  return cms::SmimeCapability{.id = {ToBytes(oid)},
                              .parameters = ToBytes(fields.rest())};
}

}  // namespace

std::string_view KeyProtection::Describe() const {
  switch (kind) {
    case Kind::kTls:
      break;
    case Kind::kPreSharedKey:
      return "a pre-shared key";
    case Kind::kOwnKey:
      return "the device's own key in the TPM";
  }
  return "TLS alone";
}

absl::StatusOr<KeyProtection> ChooseProtection(
    std::string_view choice, const PreSharedKeyOptions& pre_shared_key,
    const std::optional<Credential>& current) {
  if (choice == "tls") return KeyProtection();
  if (choice == "psk") return PreShared(pre_shared_key);
  if (choice == "tpm") return OwnKey(current);
  if (choice != "auto") {
    return absl::InvalidArgumentError(absl::StrCat(
        "protection \"", choice, "\" is none of auto, tls, psk, tpm"));
  }
  // A configured key that can't be read is a mistake to mend, not a reason to
  // ask for less.
  if (!pre_shared_key.file.empty()) return PreShared(pre_shared_key);
  auto own = OwnKey(current);
  if (own.ok()) return own;
  return KeyProtection();
}

absl::Status AskForProtection(const KeyProtection& protection,
                              Pkcs10Template* request) {
  if (protection.kind == KeyProtection::Kind::kTls) return absl::OkStatus();
  // What is listed is what can be decrypted here: 4.4.2 binds the server to it.
  cms::SmimeCapabilities list;
  for (cms::ContentCipher cipher :
       {cms::ContentCipher::kAes256Cbc, cms::ContentCipher::kAes128Cbc}) {
    list.list.push_back({.id = cms::OidOf(cipher), .parameters = {}});
  }
  if (protection.kind == KeyProtection::Kind::kPreSharedKey) {
    auto wrap = cms::KeyWrapOfLength(protection.pre_shared_key.bytes().size());
    if (!wrap) return absl::InvalidArgumentError("pre-shared key's length");
    list.list.push_back({.id = cms::OidOf(*wrap), .parameters = {}});
    request->decrypt_key_identifier = protection.identifier;
  } else {
    // The TPM does OAEP with SHA-256 (Tpm::RsaOaepDecrypt).
    auto oaep = OaepCapability();
    if (!oaep.ok()) return oaep.status();
    list.list.push_back(*std::move(oaep));
    request->asymmetric_decrypt_key_identifier = protection.identifier;
  }
  auto der = cms::SerializeSmimeCapabilitiesDer(list);
  if (!der.ok()) return der.status();
  request->smime_capabilities = *std::move(der);
  return absl::OkStatus();
}

}  // namespace bestow::agent
