#include "agent/credentials/credential.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/tpm/tpm_public.h"
#include "common/tpm/tss2_key_file.h"
#include "toml++/toml.h"

namespace bestow::agent {
namespace {

constexpr size_t kMaxFileBytes = 256 * 1024;
constexpr size_t kMaxChainCertificates = 16;
// TPM2B_NAME: an algorithm and its longest digest (TPM 2.0 Part 2, 10.5.2).
constexpr size_t kMaxNameBytes = 2 + 64;

absl::Status WriteOne(const std::string& folder, std::string_view name,
                      std::string_view content, mode_t mode) {
  if (Failpoint(absl::StrCat("credentials.write.", name))) {
    return absl::InternalError(absl::StrCat("failpoint at ", name));
  }
  if (content.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " would be longer than ", kMaxFileBytes,
                     " bytes, which the state folder does not give back"));
  }
  return WriteFileAtomically(absl::StrCat(folder, "/", name), AsBytes(content),
                             mode);
}

absl::Status Broken(const std::string& folder, std::string_view name,
                    std::string_view why) {
  return absl::DataLossError(
      absl::StrCat(folder, "/", name, " is damaged: ", why));
}

absl::Status ReadMeta(const std::string& folder, Credential* out) {
  auto text = ReadFile(folder + "/meta.toml", kMaxFileBytes);
  if (!text.ok()) {
    return Broken(folder, "meta.toml", text.status().message());
  }
  toml::parse_result meta = toml::parse(*text);
  if (!meta) return Broken(folder, "meta.toml", meta.error().description());
  auto obtained = meta["obtained_at"].value<std::string>();
  auto draw = meta["renewal_draw"].value<double>();
  std::string error;
  if (!obtained || !absl::ParseTime(absl::RFC3339_full, *obtained,
                                    &out->obtained_at, &error)) {
    return Broken(folder, "meta.toml", "obtained_at");
  }
  if (!draw || !(*draw >= -1 && *draw <= 1)) {
    return Broken(folder, "meta.toml", "renewal_draw");
  }
  out->renewal_draw = *draw;
  // Not there: from before names were kept.
  if (meta["parent_name"]) {
    auto hex = meta["parent_name"].value<std::string>();
    std::string name;
    if (!hex || hex->empty() || hex->size() > 2 * kMaxNameBytes ||
        hex->size() % 2 != 0 ||
        !std::all_of(hex->begin(), hex->end(), absl::ascii_isxdigit) ||
        !absl::HexStringToBytes(*hex, &name)) {
      return Broken(folder, "meta.toml", "parent_name");
    }
    out->key.parent_name = ToBytes(AsBytes(name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteCredentialFiles(const std::string& folder,
                                  const Credential& credential) {
  if (credential.chain.size() > kMaxChainCertificates) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chain has more than ", kMaxChainCertificates,
                     " certificates, which the state folder does not give "
                     "back"));
  }
  auto key = SerializeTss2KeyPem(credential.key);
  if (!key.ok()) return key.status();
  if (auto s = WriteOne(folder, "key.pem", *key, 0600); !s.ok()) return s;
  if (auto s =
          WriteOne(folder, "cert.pem",
                   SerializeCertificatePem(credential.certificate.der), 0644);
      !s.ok()) {
    return s;
  }
  std::string chain;
  for (const Certificate& certificate : credential.chain) {
    absl::StrAppend(&chain, SerializeCertificatePem(certificate.der));
  }
  if (auto s = WriteOne(folder, "chain.pem", chain, 0644); !s.ok()) return s;
  std::string meta = absl::StrCat(
      "obtained_at = \"",
      absl::FormatTime(absl::RFC3339_full, credential.obtained_at,
                       absl::UTCTimeZone()),
      "\"\nrenewal_draw = ", absl::StrFormat("%.6f", credential.renewal_draw),
      "\n");
  if (!credential.key.parent_name.empty()) {
    absl::StrAppend(&meta, "parent_name = \"",
                    absl::BytesToHexString(AsText(credential.key.parent_name)),
                    "\"\n");
  }
  return WriteOne(folder, "meta.toml", meta, 0644);
}

absl::StatusOr<Credential> ReadCredentialFiles(const std::string& folder) {
  Credential out;
  auto key_pem = ReadFile(folder + "/key.pem", kMaxFileBytes);
  if (!key_pem.ok()) {
    return Broken(folder, "key.pem", key_pem.status().message());
  }
  auto key = ParseProtectedTss2KeyPem(*key_pem);
  if (!key.ok()) return Broken(folder, "key.pem", key.status().message());
  out.key = *std::move(key);

  auto cert_pem = ReadFile(folder + "/cert.pem", kMaxFileBytes);
  if (!cert_pem.ok()) {
    return Broken(folder, "cert.pem", cert_pem.status().message());
  }
  auto certificate = ParseCertificatesPem(*cert_pem, 1);
  if (!certificate.ok()) {
    return Broken(folder, "cert.pem", certificate.status().message());
  }
  out.certificate = std::move(certificate->front());

  auto chain_pem = ReadFile(folder + "/chain.pem", kMaxFileBytes);
  if (!chain_pem.ok()) {
    return Broken(folder, "chain.pem", chain_pem.status().message());
  }
  if (!chain_pem->empty()) {
    auto chain = ParseCertificatesPem(*chain_pem, kMaxChainCertificates);
    if (!chain.ok()) {
      return Broken(folder, "chain.pem", chain.status().message());
    }
    out.chain = *std::move(chain);
  }
  if (auto s = ReadMeta(folder, &out); !s.ok()) return s;

  auto spki = TpmPublicToSpki(out.key.public_blob);
  if (!spki.ok() || *spki != out.certificate.spki) {
    return Broken(folder, "cert.pem", "it is not for the key in key.pem");
  }
  return out;
}

}  // namespace bestow::agent
