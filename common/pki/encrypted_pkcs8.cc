#include "common/pki/encrypted_pkcs8.h"

#include <utility>

#include "absl/status/status.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/pkcs8.h"

namespace bestow {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 10;

}  // namespace

absl::StatusOr<EncryptedPrivateKeyInfo> ParseEncryptedPrivateKeyInfoDer(
    ByteView der) {
  // EncryptedPrivateKeyInfo ::= SEQUENCE {
  //   encryptionAlgorithm AlgorithmIdentifier, encryptedData OCTET STRING }
  der::Reader reader(der), fields;
  ByteView algorithm, encrypted;
  if (der.size() > kMaxBytes || !reader.ExpectSequence(&fields) ||
      !reader.Finish() || !ExpectAlgorithmIdentifier(&fields, &algorithm) ||
      !fields.ExpectOctetString(&encrypted) || !fields.Finish()) {
    return absl::InvalidArgumentError("the encrypted PKCS#8 is malformed");
  }
  absl::StatusOr<Pbes2> scheme = ParsePbes2Der(algorithm);
  if (!scheme.ok()) return scheme.status();
  return EncryptedPrivateKeyInfo{ToBytes(algorithm), *std::move(scheme),
                                 ToBytes(encrypted)};
}

absl::StatusOr<Bytes> SerializeEncryptedPrivateKeyInfoDer(
    const EncryptedPrivateKeyInfo& key) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddElement(key.algorithm);
    fields.AddOctetString(key.encrypted);
  });
  return writer.Finish();
}

absl::StatusOr<Secret> DecryptPrivateKeyInfo(const EncryptedPrivateKeyInfo& key,
                                             const Secret& passphrase) {
  absl::StatusOr<Secret> content =
      Pbes2Decrypt(key.scheme, passphrase, key.encrypted);
  if (absl::IsPermissionDenied(content.status()) ||
      // What a wrong passphrase leaves has the right padding once in 256 times.
      (content.ok() && !ParsePrivateKeyInfoDer(content->bytes()).ok())) {
    return absl::PermissionDeniedError(
        "the passphrase is wrong, or the file is damaged");
  }
  return content;
}

absl::StatusOr<Bytes> EncryptPrivateKeyInfo(const Secret& key,
                                            const Secret& passphrase,
                                            const Pbes2& scheme) {
  if (passphrase.empty()) {
    return absl::InvalidArgumentError("an empty passphrase protects nothing");
  }
  EncryptedPrivateKeyInfo out;
  absl::StatusOr<Bytes> algorithm = SerializePbes2Der(scheme);
  if (!algorithm.ok()) return algorithm.status();
  absl::StatusOr<Bytes> encrypted =
      Pbes2Encrypt(scheme, passphrase, key.bytes());
  if (!encrypted.ok()) return encrypted.status();
  out.algorithm = *std::move(algorithm);
  out.encrypted = *std::move(encrypted);
  return SerializeEncryptedPrivateKeyInfoDer(out);
}

}  // namespace bestow
