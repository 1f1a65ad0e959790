#include "agent/server_key/server_key_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"

namespace bestow::agent {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNameChars = 64;
constexpr size_t kMaxFileBytes = 256 * 1024;
constexpr size_t kMaxChainCertificates = 16;
constexpr mode_t kFolderMode = 0700;
// A name has no dot, so that these are never a key's own.
constexpr std::string_view kRequestSuffix = ".request";

absl::Status FailpointError(std::string_view name) {
  return absl::InternalError(absl::StrCat("failpoint ", name));
}

#define RETURN_IF_FAILPOINT(name) \
  if (Failpoint(name)) return FailpointError(name)

std::string FolderOf(const std::string& identity_folder) {
  return identity_folder + "/server-keys";
}

absl::Status Damaged(const std::string& path, std::string_view why) {
  return absl::DataLossError(absl::StrCat(path, " is damaged: ", why));
}

absl::StatusOr<std::string> ReadPart(const std::string& path) {
  auto text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return Damaged(path, text.status().message());
  return text;
}

absl::StatusOr<ServerKey> ReadFolder(const std::string& folder) {
  auto key_pem = ReadPart(folder + "/key.sealed");
  if (!key_pem.ok()) return key_pem.status();
  auto key = ParseSealedKeyPem(*key_pem);
  if (!key.ok()) return Damaged(folder + "/key.sealed", key.status().message());
  auto cert_pem = ReadPart(folder + "/cert.pem");
  if (!cert_pem.ok()) return cert_pem.status();
  auto certificate = ParseCertificatesPem(*cert_pem, 1);
  if (!certificate.ok()) {
    return Damaged(folder + "/cert.pem", certificate.status().message());
  }
  auto chain_pem = ReadPart(folder + "/chain.pem");
  if (!chain_pem.ok()) return chain_pem.status();
  ServerKey out{.key = *std::move(key),
                .certificate = std::move(certificate->front())};
  if (chain_pem->empty()) return out;
  auto chain = ParseCertificatesPem(*chain_pem, kMaxChainCertificates);
  if (!chain.ok()) {
    return Damaged(folder + "/chain.pem", chain.status().message());
  }
  out.chain = *std::move(chain);
  return out;
}

absl::Status WritePart(const std::string& folder, std::string_view name,
                       std::string_view content, mode_t mode) {
  RETURN_IF_FAILPOINT(absl::StrCat("server_key.write.", name));
  if (content.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " would be longer than ", kMaxFileBytes,
                     " bytes, which the state folder does not give back"));
  }
  return WriteFileAtomically(absl::StrCat(folder, "/", name), AsBytes(content),
                             mode);
}

// N of "NAME.N"; 0 for anything else.
uint64_t GenerationOf(std::string_view file, std::string_view name) {
  uint64_t number = 0;
  if (!absl::ConsumePrefix(&file, name) || !absl::ConsumePrefix(&file, ".")) {
    return 0;
  }
  return absl::SimpleAtoi(file, &number) ? number : 0;
}

}  // namespace

absl::Status CheckServerKeyName(std::string_view name) {
  const bool ok = !name.empty() && name.size() <= kMaxNameChars &&
                  absl::ascii_isalnum(name.front()) &&
                  std::all_of(name.begin(), name.end(), [](char c) {
                    return absl::ascii_isalnum(c) || c == '-' || c == '_';
                  });
  // The lock's own name has no dot either.
  if (ok && name != "lock") return absl::OkStatus();
  return absl::InvalidArgumentError(
      "a server key's name has up to 64 letters, digits, - and _, and begins "
      "with a letter or a digit (and is not \"lock\")");
}

absl::StatusOr<ServerKey> ReadServerKey(const std::string& identity_folder,
                                        std::string_view name) {
  if (absl::Status s = CheckServerKeyName(name); !s.ok()) return s;
  const std::string folder = FolderOf(identity_folder);
  const std::string link = absl::StrCat(folder, "/", name);
  // Another process may switch between two reads: resolve the link once, and
  // look again when what it named is gone.
  for (int attempt = 0;; ++attempt) {
    std::error_code error;
    const fs::path target = fs::read_symlink(link, error);
    if (error == std::errc::no_such_file_or_directory) {
      return absl::NotFoundError(
          absl::StrCat("there is no server key ", name, " in ", folder,
                       ": fetch it with bestow-agent server-key get ", name));
    }
    if (error) return Damaged(link, error.message());
    auto key = ReadFolder(absl::StrCat(folder, "/", target.string()));
    if (key.ok()) return key;
    if (attempt == 3 || fs::read_symlink(link, error) == target) {
      return key.status();
    }
  }
}

std::string ServerKeyStore::Path(std::string_view name) const {
  return absl::StrCat(folder_, "/", name);
}

absl::StatusOr<std::unique_ptr<ServerKeyStore>> ServerKeyStore::Open(
    std::string identity_folder) {
  const std::string folder = FolderOf(identity_folder);
  if (absl::Status s = MakeDirectory(folder, kFolderMode); !s.ok()) return s;
  const std::string lock = folder + "/lock";
  int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't write in ", folder));
  }
  auto store = std::unique_ptr<ServerKeyStore>(new ServerKeyStore(folder, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(absl::StrCat(
        "another bestow-agent fetches a key into ", folder, " right now"));
  }
  store->ClearLeftovers();
  return store;
}

ServerKeyStore::~ServerKeyStore() { close(lock_fd_); }

absl::Status ServerKeyStore::SaveRequestKey(std::string_view name,
                                            const SealedKey& key) {
  if (absl::Status s = CheckServerKeyName(name); !s.ok()) return s;
  auto pem = SerializeSealedKeyPem(key);
  if (!pem.ok()) return pem.status();
  return WritePart(folder_, absl::StrCat(name, kRequestSuffix), *pem, 0600);
}

absl::StatusOr<std::optional<SealedKey>> ServerKeyStore::RequestKey(
    std::string_view name) const {
  if (absl::Status s = CheckServerKeyName(name); !s.ok()) return s;
  auto pem = ReadFile(Path(absl::StrCat(name, kRequestSuffix)), kMaxFileBytes);
  if (absl::IsNotFound(pem.status())) return std::nullopt;
  // Too long is not told from out of descriptors: both are left alone.
  if (!pem.ok()) return pem.status();
  auto key = ParseSealedKeyPem(*pem);
  if (!key.ok()) return std::nullopt;
  return *std::move(key);
}

void ServerKeyStore::DropRequestKey(std::string_view name) {
  if (!CheckServerKeyName(name).ok()) return;
  unlink(Path(absl::StrCat(name, kRequestSuffix)).c_str());
}

void ServerKeyStore::ClearLeftovers() {
  std::vector<fs::path> leftovers;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string file = entry.path().filename().string();
    const size_t dot = file.find('.');
    if (dot == file.npos) continue;
    if (absl::EndsWith(file, kRequestSuffix) &&
        dot == file.size() - kRequestSuffix.size()) {
      continue;
    }
    std::error_code no_link;
    const fs::path current =
        fs::read_symlink(Path(file.substr(0, dot)), no_link);
    // An error of the disk must not make the one in use look left over.
    if (no_link && no_link != std::errc::no_such_file_or_directory) continue;
    if (file != current.string()) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove_all(path, error);
}

absl::Status ServerKeyStore::Save(std::string_view name, const ServerKey& key) {
  if (absl::Status s = CheckServerKeyName(name); !s.ok()) return s;
  if (key.chain.size() > kMaxChainCertificates) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chain has more than ", kMaxChainCertificates,
                     " certificates, which the state folder does not give "
                     "back"));
  }
  auto key_pem = SerializeSealedKeyPem(key.key);
  if (!key_pem.ok()) return key_pem.status();
  std::string chain_pem;
  for (const Certificate& certificate : key.chain) {
    absl::StrAppend(&chain_pem, SerializeCertificatePem(certificate.der));
  }

  uint64_t number = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    number =
        std::max(number, GenerationOf(entry.path().filename().string(), name));
  }
  ++number;
  const std::string made_name = absl::StrCat(name, ".", number);
  const std::string made = Path(made_name);
  const std::string making = made + ".new";
  fs::remove_all(making, error);
  RETURN_IF_FAILPOINT("server_key.make_folder");
  if (auto s = MakeDirectory(making, kFolderMode); !s.ok()) return s;
  if (auto s = WritePart(making, "key.sealed", *key_pem, 0600); !s.ok()) {
    return s;
  }
  if (auto s = WritePart(making, "cert.pem",
                         SerializeCertificatePem(key.certificate.der), 0644);
      !s.ok()) {
    return s;
  }
  if (auto s = WritePart(making, "chain.pem", chain_pem, 0644); !s.ok()) {
    return s;
  }
  RETURN_IF_FAILPOINT("server_key.publish");
  if (rename(making.c_str(), made.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't make ", made));
  }
  const std::string link = Path(absl::StrCat(name, ".link"));
  unlink(link.c_str());
  RETURN_IF_FAILPOINT("server_key.link");
  if (symlink(made_name.c_str(), link.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't make ", link));
  }
  // What the link is going to name has to be durable before it is named.
  if (auto s = SyncDirectory(folder_); !s.ok()) return s;
  RETURN_IF_FAILPOINT("server_key.switch");
  if (rename(link.c_str(), Path(name).c_str()) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("can't switch ", Path(name)));
  }
  // The switch is seen by all from here on; should the disk refuse to say that
  // it is durable, then a power cut shows the old one, whole.
  if (auto s = SyncDirectory(folder_); !s.ok()) return absl::OkStatus();
  if (!Failpoint("server_key.prune")) {
    DropRequestKey(name);
    ClearLeftovers();
  }
  return absl::OkStatus();
}

}  // namespace bestow::agent
