#include "server/upstream/upstream_files.h"

#include <errno.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/secret.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxFileBytes = 256 * 1024;
constexpr size_t kMaxChain = 10;
constexpr size_t kMaxCaCerts = 64;
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kSecretMode = 0600;
constexpr char kCredential[] = "ra.pem";
constexpr char kNextKey[] = "next.pem";
constexpr char kCaCerts[] = "cacerts.pem";
constexpr std::string_view kFirstCertificate = "-----BEGIN CERTIFICATE-----";

absl::StatusOr<Secret> ReadSecretFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return text.status();
  Secret secret{std::string_view(*text)};
  Cleanse(text->data(), text->size());
  return secret;
}

absl::Status CantBeUsed(const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " can't be used: ", why));
}

absl::StatusOr<std::shared_ptr<SoftwareSigner>> ReadKey(const std::string& path,
                                                        std::string_view pem) {
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> key =
      SoftwareSigner::FromPkcs8Pem(Secret(pem));
  if (!key.ok()) return CantBeUsed(path, key.status().message());
  return std::shared_ptr<SoftwareSigner>(*std::move(key));
}

}  // namespace

std::string UpstreamFiles::Path(const std::string& name) const {
  return absl::StrCat(folder_, "/", name);
}

absl::Status UpstreamFiles::Write(const std::string& name,
                                  ByteView content) const {
  const std::string above = folder_.substr(0, folder_.rfind('/'));
  absl::Status status = MakeDirectory(above, kFolderMode);
  if (status.ok()) status = MakeDirectory(folder_, kFolderMode);
  if (!status.ok()) return status;
  return WriteFileAtomically(Path(name), content, kSecretMode);
}

absl::StatusOr<OwnCredential> UpstreamFiles::LoadCredential() const {
  const std::string path = Path(kCredential);
  absl::StatusOr<Secret> text = ReadSecretFile(path);
  if (!text.ok()) return text.status();
  const std::string_view pem = text->text();
  const size_t split = pem.find(kFirstCertificate);
  if (split == std::string_view::npos) {
    return CantBeUsed(path, "there is no certificate after the key");
  }
  OwnCredential credential;
  absl::StatusOr<std::shared_ptr<SoftwareSigner>> key =
      ReadKey(path, pem.substr(0, split));
  if (!key.ok()) return key.status();
  credential.key = *std::move(key);
  absl::StatusOr<std::vector<Certificate>> chain =
      ParseCertificatesPem(pem.substr(split), kMaxChain);
  if (!chain.ok()) return CantBeUsed(path, chain.status().message());
  credential.chain = *std::move(chain);
  if (credential.chain.front().spki != credential.key->public_key_spki()) {
    return CantBeUsed(path, "its first certificate is not its key's");
  }
  return credential;
}

absl::Status UpstreamFiles::SaveCredential(
    const OwnCredential& credential) const {
  absl::StatusOr<Secret> key = credential.key->ToPkcs8Pem();
  if (!key.ok()) return key.status();
  std::string certificates;
  for (const Certificate& certificate : credential.chain) {
    absl::StrAppend(&certificates, SerializeCertificatePem(certificate.der));
  }
  Bytes content(key->bytes().begin(), key->bytes().end());
  content.insert(content.end(), certificates.begin(), certificates.end());
  const Secret whole(std::move(content));
  return Write(kCredential, whole.bytes());
}

absl::StatusOr<std::shared_ptr<SoftwareSigner>> UpstreamFiles::LoadNextKey()
    const {
  const std::string path = Path(kNextKey);
  absl::StatusOr<Secret> pem = ReadSecretFile(path);
  if (!pem.ok()) return pem.status();
  return ReadKey(path, pem->text());
}

absl::Status UpstreamFiles::SaveNextKey(const SoftwareSigner& key) const {
  absl::StatusOr<Secret> pem = key.ToPkcs8Pem();
  if (!pem.ok()) return pem.status();
  return Write(kNextKey, pem->bytes());
}

absl::Status UpstreamFiles::RemoveNextKey() const {
  const std::string path = Path(kNextKey);
  if (Failpoint("upstream.before_unlink")) {
    return absl::InternalError("failpoint upstream.before_unlink");
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't remove ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Certificate>> UpstreamFiles::LoadCaCerts(
    const std::string& source) const {
  absl::StatusOr<std::string> text = ReadFile(Path(kCaCerts), kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return std::vector<Certificate>();
  if (!text.ok()) return text.status();
  if (!absl::StartsWith(*text, absl::StrCat(source, "\n"))) {
    return std::vector<Certificate>();
  }
  absl::StatusOr<std::vector<Certificate>> learned =
      ParseCertificatesPem(*text, kMaxCaCerts);
  if (!learned.ok()) {
    return CantBeUsed(Path(kCaCerts), learned.status().message());
  }
  return learned;
}

absl::Status UpstreamFiles::SaveCaCerts(
    const std::string& source, const std::vector<Certificate>& learned) const {
  std::string text = absl::StrCat(source, "\n");
  for (const Certificate& certificate : learned) {
    absl::StrAppend(&text, SerializeCertificatePem(certificate.der));
  }
  return Write(kCaCerts, AsBytes(text));
}

}  // namespace bestow::server
