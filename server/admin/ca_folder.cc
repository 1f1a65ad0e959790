#include "server/admin/ca_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "server/admin/file_swap.h"
#include "server/admin/state_files.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxChain = 10;
// Ten years of yearly rollovers whose keys nobody retired.
constexpr size_t kMaxFormer = 16;
constexpr int kMaxFormerNumber = 1'000'000;
constexpr size_t kMaxDateBytes = 100;

absl::Status Problem(const std::string& path, const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", status.message()));
}

// Of one folder alone.
absl::StatusOr<CaBundle> LoadOne(const std::string& folder,
                                 const CaKeyOptions& keys) {
  const std::string key_path = SwapPath(folder, "ca.key.pem");
  absl::StatusOr<std::shared_ptr<Signer>> key = OpenCaKey(key_path, keys);
  if (!key.ok()) return key.status();
  const std::string certificate = SwapPath(folder, "ca.pem");
  absl::StatusOr<std::vector<Certificate>> chain =
      LoadCertificatesPem(certificate, kMaxChain);
  if (!chain.ok()) return chain.status();
  if (chain->front().spki != (*key)->public_key_spki()) {
    return absl::FailedPreconditionError(absl::StrCat(
        key_path, " is not the key of the first certificate in ", certificate,
        ": put two there that belong together, from one backup"));
  }
  absl::StatusOr<CaBundle> without = MakeCaBundle(*chain, {}, *key);
  if (!without.ok()) return Problem(certificate, without.status());
  const std::string path = SwapPath(folder, "rollover.pem");
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  // Empty: a swap removes it (file_swap.h).
  if (error == std::errc::no_such_file_or_directory || bytes == 0) {
    return without;
  }
  absl::StatusOr<std::vector<Certificate>> rollover =
      LoadCertificatesPem(path, kMaxChain);
  if (!rollover.ok()) return rollover.status();
  absl::StatusOr<CaBundle> with = MakeCaBundle(*chain, *rollover, *key);
  if (!with.ok()) return Problem(path, with.status());
  return with;
}

bool HasSameKey(const CaBundle& a, const CaBundle& b) {
  return a.authority->certificate().spki == b.authority->certificate().spki;
}

absl::StatusOr<absl::Time> LoadSwitchAt(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxDateBytes);
  if (absl::IsNotFound(text.status())) return absl::InfiniteFuture();
  if (!text.ok()) return absl::FailedPreconditionError(text.status().message());
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, absl::StripAsciiWhitespace(*text),
                       &time, &error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": must be a time like 2027-01-31T00:00:00Z: ", error));
  }
  return time;
}

absl::Status LoadFormer(const CaPaths& paths, const CaKeyOptions& keys,
                        CaBundle& ca) {
  absl::StatusOr<std::vector<int>> numbers = ListFormer(paths);
  if (!numbers.ok()) return numbers.status();
  for (int number : *numbers) {
    const std::string folder = absl::StrCat(paths.former_folder, "/", number);
    absl::StatusOr<CaBundle> former = LoadOne(folder, keys);
    if (!former.ok()) return former.status();
    // The first step of a switch that has not happened.
    if (HasSameKey(*former, ca)) continue;
    absl::Status status = AddFormer(*former, ca);
    if (!status.ok()) return Problem(folder, status);
  }
  return absl::OkStatus();
}

absl::Status LoadNext(const CaPaths& paths, const CaKeyOptions& keys,
                      CaBundle& ca) {
  if (!PathExists(CaPaths(paths.next_folder).certificate)) {
    return absl::OkStatus();
  }
  absl::StatusOr<CaBundle> next = LoadOne(paths.next_folder, keys);
  if (!next.ok()) return next.status();
  // The last step of a switch is to remove it.
  if (HasSameKey(*next, ca)) return absl::OkStatus();
  absl::StatusOr<absl::Time> switch_at = LoadSwitchAt(paths.switch_at);
  if (!switch_at.ok()) return switch_at.status();
  absl::Status status = SetNext(*next, *switch_at, ca);
  if (!status.ok()) return Problem(paths.next_folder, status);
  return absl::OkStatus();
}

}  // namespace

CaPaths::CaPaths(const std::string& folder)
    : folder(folder),
      key(folder + "/ca.key.pem"),
      certificate(folder + "/ca.pem"),
      rollover(folder + "/rollover.pem"),
      former_folder(folder + "/former"),
      next_folder(folder + "/next"),
      switch_at(next_folder + "/switch_at") {}

std::string FolderOfCa(const std::string& state_folder,
                       const std::string& name) {
  return name[0] == '/' ? name : absl::StrCat(state_folder, "/", name);
}

absl::StatusOr<CaBundle> LoadCa(const std::string& folder,
                                const CaKeyOptions& keys) {
  absl::StatusOr<FolderLock> lock =
      FolderLock::Take(folder, /*exclusive=*/false);
  if (!lock.ok()) {
    return absl::FailedPreconditionError(lock.status().message());
  }
  const CaPaths paths(folder);
  absl::StatusOr<CaBundle> ca = LoadOne(folder, keys);
  if (!ca.ok()) return ca;
  absl::Status status = LoadFormer(paths, keys, *ca);
  if (status.ok()) status = LoadNext(paths, keys, *ca);
  if (!status.ok()) return status;
  return ca;
}

absl::StatusOr<std::vector<int>> ListFormer(const CaPaths& paths) {
  std::vector<int> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator it(paths.former_folder, error), end;
       !error && it != end; it.increment(error)) {
    int number = 0;
    // Others are half-made or half-removed.
    if (absl::SimpleAtoi(it->path().filename().string(), &number) &&
        number > 0 && number <= kMaxFormerNumber) {
      numbers.push_back(number);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return absl::FailedPreconditionError(absl::StrCat(
        "can't read ", paths.former_folder, ": ", error.message()));
  }
  if (numbers.size() > kMaxFormer) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.former_folder, " holds more than ", kMaxFormer,
                     " keys: retire those that are over (`bestow-server ca "
                     "retire`)"));
  }
  std::sort(numbers.rbegin(), numbers.rend());
  return numbers;
}

absl::StatusOr<std::shared_ptr<Signer>> LoadKeyPem(const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxFileBytes);
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  const Secret secret{std::string_view(*pem)};
  Cleanse(pem->data(), pem->size());
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> signer =
      SoftwareSigner::FromPkcs8Pem(secret);
  if (!signer.ok()) return Problem(path, signer.status());
  return std::shared_ptr<Signer>(*std::move(signer));
}

absl::StatusOr<std::vector<Certificate>> LoadCertificatesPem(
    const std::string& path, size_t max_count) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxFileBytes);
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  absl::StatusOr<std::vector<Certificate>> certificates =
      ParseCertificatesPem(*pem, max_count);
  if (!certificates.ok()) return Problem(path, certificates.status());
  return certificates;
}

}  // namespace bestow::server
