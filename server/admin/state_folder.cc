#include "server/admin/state_folder.h"

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

absl::Status Problem(const std::string& path, const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", status.message()));
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
    const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxFileBytes);
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  absl::StatusOr<std::vector<Certificate>> certificates =
      ParseCertificatesPem(*pem, kMaxChain);
  if (!certificates.ok()) return Problem(path, certificates.status());
  return certificates;
}

}  // namespace

StatePaths::StatePaths(const std::string& folder)
    : folder(folder),
      config(folder + "/bestow-server.toml"),
      database(folder + "/bestow.db"),
      ca_folder(folder + "/ca"),
      ca_key(ca_folder + "/ca.key.pem"),
      ca_certificate(ca_folder + "/ca.pem"),
      tls_folder(folder + "/tls"),
      tls_key(tls_folder + "/server.key.pem"),
      tls_certificate(tls_folder + "/server.pem"),
      staging(folder + "/.init") {}

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

  absl::StatusOr<std::shared_ptr<Signer>> ca_key = LoadKey(paths.ca_key);
  if (!ca_key.ok()) return ca_key.status();
  absl::StatusOr<std::vector<Certificate>> ca_chain =
      LoadCertificates(paths.ca_certificate);
  if (!ca_chain.ok()) return ca_chain.status();
  absl::StatusOr<std::shared_ptr<const CertificateAuthority>> ca =
      CertificateAuthority::Create(ca_chain->front(), *ca_key);
  if (!ca.ok()) return Problem(paths.ca_certificate, ca.status());
  state.ca = *std::move(ca);

  absl::StatusOr<std::shared_ptr<Signer>> tls_key = LoadKey(paths.tls_key);
  if (!tls_key.ok()) return tls_key.status();
  absl::StatusOr<std::vector<Certificate>> tls_chain =
      LoadCertificates(paths.tls_certificate);
  if (!tls_chain.ok()) return tls_chain.status();
  state.tls_certificate = tls_chain->front();
  if (state.tls_certificate.spki != (*tls_key)->public_key_spki()) {
    return absl::FailedPreconditionError(
        absl::StrCat(paths.tls_key,
                     " is not the key of the first certificate "
                     "in ",
                     paths.tls_certificate));
  }
  for (const Certificate& certificate : *tls_chain) {
    state.tls.chain.push_back(certificate.der);
  }
  state.tls.signer = *std::move(tls_key);
  return state;
}

}  // namespace bestow::server
