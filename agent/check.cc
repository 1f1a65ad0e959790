#include "agent/check.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/credentials/credential_store.h"
#include "agent/credentials/state_folder.h"
#include "agent/exit_code.h"
#include "common/base/file.h"
#include "common/crypto/key_type.h"
#include "common/pki/certificate.h"
#include "common/tpm/tpm_public.h"

namespace bestow::agent {
namespace {

constexpr size_t kMaxCaFileBytes = 256 * 1024;
constexpr size_t kMaxCas = 64;

class Checklist {
 public:
  explicit Checklist(std::string* out) : out_(out) {}

  // What the next checks are of: "web: ".
  void Begin(std::string prefix) { prefix_ = std::move(prefix); }

  void Add(std::string_view what, const absl::Status& status,
           int exit_code_if_wrong) {
    absl::StrAppend(out_, status.ok() ? "ok     " : "WRONG  ", prefix_, what);
    if (!status.ok()) absl::StrAppend(out_, ": ", status.message());
    absl::StrAppend(out_, "\n");
    if (!status.ok() && exit_code_ == kExitOk) exit_code_ = exit_code_if_wrong;
  }
  int exit_code() const { return exit_code_; }

 private:
  std::string* out_;
  std::string prefix_;
  int exit_code_ = kExitOk;
};

absl::Status CheckCaFile(const std::string& path) {
  auto pem = ReadFile(path, kMaxCaFileBytes);
  if (!pem.ok()) return pem.status();
  return ParseCertificatesPem(*pem, kMaxCas).status();
}

absl::Status CheckSecretFile(const std::string& path) {
  auto secret = ReadSecretFile(path);
  if (!secret.ok()) return secret.status();
  struct stat st;
  if (stat(path.c_str(), &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("others may read it: chmod 600 ", path));
  }
  return absl::OkStatus();
}

// Writable, or to be made in a folder that is.
absl::Status CheckStateFolder(const std::string& folder) {
  std::string writable = folder;
  struct stat st;
  if (stat(folder.c_str(), &st) != 0) {
    writable = folder.substr(0, folder.rfind('/'));
    if (writable.empty()) writable = "/";
  } else if (!S_ISDIR(st.st_mode)) {
    return absl::FailedPreconditionError("it is not a folder");
  }
  if (access(writable.c_str(), W_OK | X_OK) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("can't write in ", writable,
                            " (give state_dir to the agent's user)"));
  }
  return absl::OkStatus();
}

absl::Status CheckKey(Tpm& tpm, const IdentityConfig& identity,
                      const std::optional<Credential>& credential) {
  auto protection = ReadKeyProtection(identity);
  if (!protection.ok()) return protection.status();
  std::optional<TpmKey> key;
  if (credential) {
    key = credential->key;
    if (key->wants_auth) key->auth = protection->auth;
  } else {
    auto made = tpm.CreateKey(identity.key_type, *protection);
    if (!made.ok()) return made.status();
    key = *std::move(made);
  }
  auto spki = TpmPublicToSpki(key->public_blob);
  if (!spki.ok()) return spki.status();
  auto type = KeyTypeOfSpki(*spki);
  if (!type.ok()) return type.status();
  return tpm
      .Sign(*key, SignatureAlgorithmOf(*type), AsBytes("bestow-agent check"))
      .status();
}

// The credential, if there is one that can be read.
std::optional<Credential> CheckFiles(const Config& config,
                                     const IdentityConfig& identity,
                                     Checklist& list) {
  if (!identity.ca_file.empty()) {
    list.Add(absl::StrCat("CA file ", identity.ca_file),
             CheckCaFile(identity.ca_file), kExitConfigOrState);
  }
  std::optional<Credential> credential;
  auto folder = FindIdentityFolder(config.state_dir, identity.name);
  if (folder.ok()) {
    auto current = CredentialReader(*std::move(folder)).Current();
    list.Add("credential on disk", current.status(), kExitConfigOrState);
    if (current.ok()) credential = *std::move(current);
  }
  // A device that is enrolled may do without.
  absl::Status secret = CheckSecretFile(identity.secret_file);
  if (credential && absl::IsNotFound(secret)) secret = absl::OkStatus();
  list.Add(absl::StrCat("secret file ", identity.secret_file), secret,
           kExitConfigOrState);
  return credential;
}

}  // namespace

int RunCheck(const Config& config, Tpm& tpm, std::string* out) {
  Checklist list(out);
  list.Add("config", absl::OkStatus(), kExitConfigOrState);
  list.Add(absl::StrCat("state folder ", config.state_dir),
           CheckStateFolder(config.state_dir), kExitConfigOrState);
  auto any = FindIdentityFolder(config.state_dir, kDefaultIdentity);
  if (!any.ok() && !absl::IsNotFound(any.status())) {
    list.Add("state folder's format", any.status(), kExitConfigOrState);
  }
  const absl::Status reachable = tpm.Check();
  list.Add(absl::StrCat("TPM at ", config.tpm.tcti), reachable, kExitFailed);
  for (const IdentityConfig& identity : config.identities) {
    if (config.identities.size() > 1) list.Begin(identity.name + ": ");
    const auto credential = CheckFiles(config, identity, list);
    if (!reachable.ok()) continue;
    list.Add(credential ? "the credential's key signs in the TPM"
                        : "the TPM makes a key and signs with it",
             CheckKey(tpm, identity, credential), kExitFailed);
  }
  return list.exit_code();
}

}  // namespace bestow::agent
