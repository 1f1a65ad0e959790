#include "server/admin/state_folder.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/secret.h"
#include "common/crypto/signer.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxChain = 10;
constexpr size_t kMaxIdevidAnchors = 200;  // in one file

absl::Status Problem(const std::string& path, const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", status.message()));
}

// Relative names are below the state folder.
std::string Below(const std::string& folder, const std::string& name) {
  return name[0] == '/' ? name : absl::StrCat(folder, "/", name);
}

absl::StatusOr<std::shared_ptr<Signer>> LoadKey(const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxFileBytes);
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  const Secret secret{std::string_view(*pem)};
  Cleanse(pem->data(), pem->size());
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> signer =
      SoftwareSigner::FromPkcs8Pem(secret);
  if (!signer.ok()) return Problem(path, signer.status());
  return std::shared_ptr<Signer>(*std::move(signer));
}

absl::StatusOr<std::vector<Certificate>> LoadCertificates(
    const std::string& path, size_t max_count) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxFileBytes);
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  absl::StatusOr<std::vector<Certificate>> certificates =
      ParseCertificatesPem(*pem, max_count);
  if (!certificates.ok()) return Problem(path, certificates.status());
  return certificates;
}

}  // namespace

StatePaths::StatePaths(const std::string& folder)
    : folder(folder),
      config(folder + "/bestow-server.toml"),
      database(folder + "/bestow.db"),
      seal_key(folder + "/seal.key"),
      ca_folder(folder + "/ca"),
      ca_key(ca_folder + "/ca.key.pem"),
      ca_certificate(ca_folder + "/ca.pem"),
      cas_folder(folder + "/cas"),
      tls_folder(folder + "/tls"),
      tls_key(tls_folder + "/server.key.pem"),
      tls_certificate(tls_folder + "/server.pem"),
      staging(folder + "/.init") {}

CaPaths::CaPaths(const std::string& folder)
    : key(folder + "/ca.key.pem"),
      certificate(folder + "/ca.pem"),
      rollover(folder + "/rollover.pem") {}

const Certificate& ServerState::ca_certificate() const {
  return materials.cas.at(config.service.ca).authority->certificate();
}

absl::StatusOr<CaBundle> LoadCa(const std::string& folder) {
  const CaPaths paths(folder);
  absl::StatusOr<std::shared_ptr<Signer>> key = LoadKey(paths.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::vector<Certificate>> chain =
      LoadCertificates(paths.certificate, kMaxChain);
  if (!chain.ok()) return chain.status();
  absl::StatusOr<CaBundle> without = MakeCaBundle(*chain, {}, *key);
  if (!without.ok()) return Problem(paths.certificate, without.status());
  if (access(paths.rollover.c_str(), F_OK) != 0) return without;
  absl::StatusOr<std::vector<Certificate>> rollover =
      LoadCertificates(paths.rollover, kMaxChain);
  if (!rollover.ok()) return rollover.status();
  absl::StatusOr<CaBundle> with = MakeCaBundle(*chain, *rollover, *key);
  if (!with.ok()) return Problem(paths.rollover, with.status());
  return with;
}

namespace {

absl::Status LoadTls(const StatePaths& paths, ServerState& state) {
  absl::StatusOr<std::shared_ptr<Signer>> key = LoadKey(paths.tls_key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::vector<Certificate>> chain =
      LoadCertificates(paths.tls_certificate, kMaxChain);
  if (!chain.ok()) return chain.status();
  state.materials.tls_certificate = chain->front();
  if (chain->front().spki != (*key)->public_key_spki()) {
    return absl::FailedPreconditionError(absl::StrCat(
        paths.tls_key, " is not the key of the first certificate in ",
        paths.tls_certificate));
  }
  for (const Certificate& certificate : *chain) {
    state.tls.chain.push_back(certificate.der);
  }
  state.tls.signer = *std::move(key);
  return absl::OkStatus();
}

// What one service names and another has not loaded yet.
absl::Status LoadFor(const ServiceConfig& service, const StatePaths& paths,
                     Snapshot::Materials& materials) {
  if (materials.cas.count(service.ca) == 0) {
    absl::StatusOr<CaBundle> ca = LoadCa(Below(paths.folder, service.ca));
    if (!ca.ok()) return ca.status();
    materials.cas.emplace(service.ca, *std::move(ca));
  }
  for (const std::string& file : service.auth.idevid_anchors) {
    if (materials.idevid_anchors.count(file) != 0) continue;
    absl::StatusOr<std::vector<Certificate>> anchors =
        LoadCertificates(Below(paths.folder, file), kMaxIdevidAnchors);
    if (!anchors.ok()) return anchors.status();
    materials.idevid_anchors.emplace(file, *std::move(anchors));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerState> LoadState(const StatePaths& paths) {
  absl::StatusOr<std::string> text = ReadFile(paths.config, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.folder,
                     " is not a state folder (it has no bestow-server.toml): "
                     "make one with `bestow-server init --state_dir=",
                     paths.folder, "`"));
  }
  if (!text.ok()) return absl::FailedPreconditionError(text.status().message());
  ServerState state;
  absl::StatusOr<Config> config = ParseConfig(*text, paths.config);
  if (!config.ok()) {
    return absl::FailedPreconditionError(config.status().message());
  }
  state.config = *std::move(config);
  absl::Status status = LoadTls(paths, state);
  if (!status.ok()) return status;
  absl::StatusOr<std::shared_ptr<const SecretSealer>> sealer =
      SecretSealer::LoadOrCreate(paths.seal_key);
  if (!sealer.ok()) return Problem(paths.seal_key, sealer.status());
  state.sealer = *std::move(sealer);
  status = LoadFor(state.config.service, paths, state.materials);
  if (!status.ok()) return status;
  for (const ServiceConfig& label : state.config.labels) {
    status = LoadFor(label, paths, state.materials);
    if (!status.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("label ", label.label, ": ", status.message()));
    }
  }
  return state;
}

}  // namespace bestow::server
