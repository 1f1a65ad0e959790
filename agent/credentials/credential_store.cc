#include "agent/credentials/credential_store.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/pki/pem.h"
#include "common/tpm/tss2_key_file.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 256 * 1024;
constexpr size_t kMaxCaCerts = 64;
constexpr mode_t kFolderMode = 0700;

absl::Status FailpointError(std::string_view name) {
  return absl::InternalError(absl::StrCat("failpoint ", name));
}

#define RETURN_IF_FAILPOINT(name) \
  if (Failpoint(name)) return FailpointError(name)

uint64_t GenerationNumber(const std::string& name) {
  uint64_t number = 0;
  return absl::SimpleAtoi(name, &number) ? number : 0;
}

}  // namespace

std::string CredentialReader::Path(std::string_view name) const {
  return absl::StrCat(folder_, "/", name);
}

absl::StatusOr<std::optional<Credential>> CredentialReader::Current() const {
  // The daemon may switch and prune between two reads: resolve the link once,
  // and look again when that generation is gone.
  for (int attempt = 0;; ++attempt) {
    std::error_code error;
    const fs::path target = fs::read_symlink(Path("current"), error);
    if (error == std::errc::no_such_file_or_directory) return std::nullopt;
    if (error) {
      return absl::DataLossError(
          absl::StrCat("can't read ", Path("current"), ": ", error.message()));
    }
    auto credential = ReadCredentialFiles(Path(target.string()));
    if (credential.ok()) return *std::move(credential);
    if (attempt == 3 || fs::read_symlink(Path("current"), error) == target) {
      return credential.status();
    }
  }
}

absl::StatusOr<std::optional<TpmKey>> CredentialReader::PendingKey() const {
  auto pem = ReadFile(Path("pending/key.pem"), kMaxFileBytes);
  if (absl::IsNotFound(pem.status())) return std::nullopt;
  if (!pem.ok()) return pem.status();
  auto key = ParseProtectedTss2KeyPem(*pem);
  if (!key.ok()) {
    return absl::DataLossError(absl::StrCat(
        Path("pending/key.pem"), " is damaged: ", key.status().message()));
  }
  // It became the current one, and only its removal was cut off.
  auto current = Current();
  if (current.ok() && current->has_value() &&
      (*current)->key.public_blob == key->public_blob) {
    return std::nullopt;
  }
  return *std::move(key);
}

absl::StatusOr<std::vector<Certificate>> CredentialReader::CaCerts(
    std::string_view source) const {
  auto pem = ReadFile(Path("cacerts.pem"), kMaxFileBytes);
  if (absl::IsNotFound(pem.status())) return std::vector<Certificate>();
  if (!pem.ok()) return pem.status();
  if (!absl::StartsWith(*pem, absl::StrCat(source, "\n"))) {
    return std::vector<Certificate>();
  }
  auto certificates = ParseCertificatesPem(*pem, kMaxCaCerts);
  if (!certificates.ok()) {
    return absl::DataLossError(absl::StrCat(
        Path("cacerts.pem"), " is damaged: ", certificates.status().message()));
  }
  return certificates;
}

absl::StatusOr<std::unique_ptr<CredentialStore>> CredentialStore::Open(
    std::string folder) {
  auto store =
      std::unique_ptr<CredentialStore>(new CredentialStore(std::move(folder)));
  for (const std::string& made : {store->folder_, store->Path("generations")}) {
    if (auto s = MakeDirectory(made, kFolderMode); !s.ok()) return s;
  }
  store->ClearLeftovers();
  return store;
}

std::optional<uint64_t> CredentialStore::CurrentGeneration() const {
  std::error_code error;
  const fs::path target = fs::read_symlink(Path("current"), error);
  if (error == std::errc::no_such_file_or_directory) return 0;
  const uint64_t number = GenerationNumber(target.filename().string());
  if (error || number == 0) return std::nullopt;
  return number;
}

void CredentialStore::ClearLeftovers() {
  const std::optional<uint64_t> current = CurrentGeneration();
  std::error_code error;
  uint64_t previous = 0;
  for (const auto& entry : fs::directory_iterator(Path("generations"), error)) {
    const uint64_t number = GenerationNumber(entry.path().filename().string());
    if (current && number < *current) previous = std::max(previous, number);
  }
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(Path("generations"), error)) {
    const uint64_t number = GenerationNumber(entry.path().filename().string());
    // An error of the disk must not make the one in use look left over.
    if (current &&
        (number == 0 || (number != *current && number != previous))) {
      leftovers.push_back(entry.path());
    }
  }
  for (const std::string& folder : {folder_, Path("pending")}) {
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (absl::StrContains(entry.path().filename().string(), ".tmp.")) {
        leftovers.push_back(entry.path());
      }
    }
  }
  leftovers.push_back(Path("current.new"));
  for (const fs::path& path : leftovers) fs::remove_all(path, error);

  auto pending = PendingKey();
  if (pending.ok() && !pending->has_value()) {
    fs::remove_all(Path("pending"), error);
  }
}

absl::Status CredentialStore::SavePendingKey(const TpmKey& key) {
  RETURN_IF_FAILPOINT("credentials.save_pending_key");
  auto pem = SerializeTss2KeyPem(key);
  if (!pem.ok()) return pem.status();
  if (auto s = MakeDirectory(Path("pending"), kFolderMode); !s.ok()) return s;
  return WriteFileAtomically(Path("pending/key.pem"), AsBytes(*pem), 0600);
}

absl::Status CredentialStore::SavePendingCsr(ByteView csr_der) {
  RETURN_IF_FAILPOINT("credentials.save_pending_csr");
  return WriteFileAtomically(
      Path("pending/csr.pem"),
      AsBytes(SerializePem("CERTIFICATE REQUEST", csr_der)), 0600);
}

absl::Status CredentialStore::DropPending() {
  RETURN_IF_FAILPOINT("credentials.drop_pending");
  std::error_code error;
  fs::remove_all(Path("pending"), error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("can't remove ", Path("pending"), ": ", error.message()));
  }
  return SyncDirectory(folder_);
}

absl::Status CredentialStore::SwitchTo(uint64_t generation) {
  const std::string link = Path("current.new");
  unlink(link.c_str());
  RETURN_IF_FAILPOINT("credentials.link");
  if (symlink(absl::StrCat("generations/", generation).c_str(), link.c_str()) !=
      0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't make ", link));
  }
  RETURN_IF_FAILPOINT("credentials.switch");
  if (rename(link.c_str(), Path("current").c_str()) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("can't switch ", Path("current")));
  }
  return absl::OkStatus();
}

absl::Status CredentialStore::Save(const Credential& credential) {
  uint64_t number = CurrentGeneration().value_or(0);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(Path("generations"), error)) {
    number =
        std::max(number, GenerationNumber(entry.path().filename().string()));
  }
  ++number;
  const std::string made = Path(absl::StrCat("generations/", number));
  const std::string making = made + ".new";
  fs::remove_all(making, error);
  RETURN_IF_FAILPOINT("credentials.make_folder");
  if (auto s = MakeDirectory(making, kFolderMode); !s.ok()) return s;
  if (auto s = WriteCredentialFiles(making, credential); !s.ok()) return s;
  RETURN_IF_FAILPOINT("credentials.publish");
  if (rename(making.c_str(), made.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't make ", made));
  }
  if (auto s = SyncDirectory(Path("generations")); !s.ok()) return s;
  if (auto s = SwitchTo(number); !s.ok()) return s;
  // The switch is seen by all from here on; should the disk refuse to say
  // that it is durable, then a power cut shows the old one, whole.
  if (auto s = SyncDirectory(folder_); !s.ok()) return absl::OkStatus();

  if (DropPending().ok() && !Failpoint("credentials.prune")) ClearLeftovers();
  return absl::OkStatus();
}

absl::Status CredentialStore::SaveCaCerts(
    std::string_view source, const std::vector<Certificate>& certificates) {
  RETURN_IF_FAILPOINT("credentials.save_cacerts");
  // Readers of PEM skip text outside of blocks.
  std::string pem = absl::StrCat(source, "\n");
  for (const Certificate& certificate : certificates) {
    absl::StrAppend(&pem, SerializeCertificatePem(certificate.der));
  }
  if (certificates.size() > kMaxCaCerts || pem.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        "there are more CA certificates than the state folder gives back");
  }
  return WriteFileAtomically(Path("cacerts.pem"), AsBytes(pem), 0644);
}

}  // namespace bestow::agent
