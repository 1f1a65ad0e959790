#include "server/admin/state_folder.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/est_client/trust_source.h"
#include "server/admin/ca_folder.h"
#include "server/admin/tls_files.h"
#include "server/ca/tls_chain.h"
#include "server/upstream/upstream_files.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxIdevidAnchors = 200;  // in one file

absl::Status Problem(const std::string& path, const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", status.message()));
}

// Relative names are below the state folder.
std::string Below(const std::string& folder, const std::string& name) {
  return name[0] == '/' ? name : absl::StrCat(folder, "/", name);
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

void ServerState::SetTls(std::vector<Certificate> chain,
                         std::shared_ptr<Signer> signer) {
  materials.tls_certificate = chain.front();
  tls_chain = std::move(chain);
  tls_signer = std::move(signer);
}

TlsCredential ServerState::TlsShown() const {
  TlsCredential shown;
  shown.signer = tls_signer;
  for (const Certificate& certificate : TlsChain(tls_chain, materials.cas)) {
    shown.chain.push_back(certificate.der);
  }
  return shown;
}

const Certificate& ServerState::ca_certificate() const {
  return materials.cas.at(config.service.ca).authority->certificate();
}

namespace {

absl::Status LoadTls(const StatePaths& paths, ServerState& state) {
  absl::StatusOr<StoredTls> stored = LoadTlsFiles(paths.tls_folder);
  // The upstream's first is not here yet, and what forwards has to run on.
  if (absl::IsNotFound(stored.status()) &&
      state.config.tls.from == TlsFrom::kUpstream) {
    stored = MakeStandInTls(state.config.hostnames);
  }
  if (!stored.ok()) {
    return absl::FailedPreconditionError(stored.status().message());
  }
  state.SetTls(std::move(stored->chain), std::move(stored->key));
  return absl::OkStatus();
}

absl::Status AddCa(const std::string& name, const StatePaths& paths,
                   const CaKeyOptions& keys, Snapshot::Materials& materials) {
  if (materials.cas.count(name) != 0) return absl::OkStatus();
  absl::StatusOr<CaBundle> ca = LoadCa(FolderOfCa(paths.folder, name), keys);
  if (!ca.ok()) return ca.status();
  materials.cas.emplace(name, *std::move(ca));
  return absl::OkStatus();
}

// What was learned of its CAs, and the CA that signs while it is down.
absl::Status LoadUpstream(const UpstreamConfig& upstream,
                          const StatePaths& paths, const CaKeyOptions& keys,
                          Snapshot::Materials& materials) {
  const UpstreamConnection& connection = upstream.connection;
  if (!upstream.local_ca.empty()) {
    absl::Status status = AddCa(upstream.local_ca, paths, keys, materials);
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::vector<Certificate>> configured = ReadConfiguredCas(
      connection.anchors.empty() ? ""
                                 : Below(paths.folder, connection.anchors));
  if (!configured.ok()) {
    return absl::FailedPreconditionError(configured.status().message());
  }
  absl::StatusOr<std::vector<Certificate>> learned =
      UpstreamFiles(Below(paths.folder, connection.folder))
          .LoadCaCerts(TrustSource(connection.anchors_sha256, *configured));
  if (!learned.ok()) return learned.status();
  materials.upstream_cas[connection.folder] = *std::move(learned);
  return absl::OkStatus();
}

// What one service names and another has not loaded yet.
absl::Status LoadFor(const ServiceConfig& service, const StatePaths& paths,
                     const CaKeyOptions& keys, Snapshot::Materials& materials) {
  absl::Status status = AddCa(service.ca, paths, keys, materials);
  if (status.ok() && service.upstream.forwards()) {
    status = LoadUpstream(service.upstream, paths, keys, materials);
  }
  if (!status.ok()) return status;
  for (const std::string& file : service.auth.idevid_anchors) {
    if (materials.idevid_anchors.count(file) != 0) continue;
    absl::StatusOr<std::vector<Certificate>> anchors =
        LoadCertificatesPem(Below(paths.folder, file), kMaxIdevidAnchors);
    if (!anchors.ok()) return anchors.status();
    materials.idevid_anchors.emplace(file, *std::move(anchors));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CaKeyOptions> CaKeyOptionsOf(const CaKeysConfig& config,
                                            const StatePaths& paths) {
  CaKeyOptions options;
  options.tpm = config.tpm;
  if (!config.passphrase_file.empty()) {
    options.passphrase_file = Below(paths.folder, config.passphrase_file);
  }
  if (!config.passphrase_credential.empty()) {
    const char* const folder = std::getenv("CREDENTIALS_DIRECTORY");
    if (folder == nullptr || folder[0] != '/') {
      return absl::FailedPreconditionError(absl::StrCat(
          "the passphrase of the CAs' keys is systemd's credential ",
          config.passphrase_credential,
          ", and there is no $CREDENTIALS_DIRECTORY: run this in a unit with "
          "LoadCredential=",
          config.passphrase_credential,
          ":FILE (`systemd-run --pipe -p LoadCredential=...`)"));
    }
    options.passphrase_file =
        absl::StrCat(folder, "/", config.passphrase_credential);
  }
  return options;
}

namespace {

absl::StatusOr<std::string> ReadConfig(const StatePaths& paths) {
  absl::StatusOr<std::string> text = ReadFile(paths.config, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.folder,
                     " is not a state folder (it has no bestow-server.toml): "
                     "make one with `bestow-server init --state_dir=",
                     paths.folder, "`"));
  }
  if (!text.ok()) return absl::FailedPreconditionError(text.status().message());
  return text;
}

absl::StatusOr<Config> ConfigOf(const std::string& text,
                                const StatePaths& paths) {
  absl::StatusOr<Config> config = ParseConfig(text, paths.config);
  if (!config.ok()) {
    return absl::FailedPreconditionError(config.status().message());
  }
  return config;
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const StatePaths& paths) {
  absl::StatusOr<std::string> text = ReadConfig(paths);
  if (!text.ok()) return text.status();
  return ConfigOf(*text, paths);
}

absl::StatusOr<ServerState> LoadState(const StatePaths& paths) {
  absl::StatusOr<std::string> text = ReadConfig(paths);
  if (!text.ok()) return text.status();
  absl::StatusOr<Config> config = ConfigOf(*text, paths);
  if (!config.ok()) return config.status();
  ServerState state;
  state.folder = paths.folder;
  state.config = *std::move(config);
  state.config_sha256 = HexEncode(Sha256(AsBytes(*text)));
  absl::StatusOr<CaKeyOptions> keys =
      CaKeyOptionsOf(state.config.ca_keys, paths);
  if (!keys.ok()) return keys.status();
  state.ca_keys = *std::move(keys);
  absl::Status status = LoadTls(paths, state);
  if (!status.ok()) return status;
  absl::StatusOr<std::shared_ptr<const SecretSealer>> sealer =
      SecretSealer::LoadOrCreate(paths.seal_key);
  if (!sealer.ok()) return Problem(paths.seal_key, sealer.status());
  state.sealer = *std::move(sealer);
  status = LoadFor(state.config.service, paths, state.ca_keys, state.materials);
  if (!status.ok()) return status;
  for (const ServiceConfig& label : state.config.labels) {
    status = LoadFor(label, paths, state.ca_keys, state.materials);
    if (!status.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("label ", label.label, ": ", status.message()));
    }
  }
  return state;
}

}  // namespace bestow::server
