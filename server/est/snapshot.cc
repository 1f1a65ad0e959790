#include "server/est/snapshot.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "common/pki/extension.h"
#include "common/pki/name_constraints.h"
#include "common/pki/oids.h"
#include "server/est/csr_wishes.h"
#include "server/policy/server_names.h"

namespace bestow::server {
namespace {

void AddEach(const std::vector<Certificate>& more,
             std::vector<Certificate>* all) {
  for (const Certificate& certificate : more) {
    if (std::find(all->begin(), all->end(), certificate) == all->end()) {
      all->push_back(certificate);
    }
  }
}

// RFC 7030 4.1.3: the chain with its root, and a rollover's certificates.
absl::StatusOr<std::string> CaCertsBody(
    const std::vector<Certificate>& certificates, est::LineWrap line_wrap) {
  std::vector<Bytes> ders;
  for (const Certificate& certificate : certificates) {
    ders.push_back(certificate.der);
  }
  absl::StatusOr<Bytes> der = SerializeCertsOnlyDer(ders);
  if (!der.ok()) return der.status();
  return est::EncodeBody(*der, line_wrap);
}

// nullptr when neither the config nor the database has any.
absl::StatusOr<std::shared_ptr<const TrustAnchors>> IdevidAnchors(
    const ServiceConfig& config, const Snapshot::Materials& materials) {
  std::vector<Certificate> anchors;
  const auto kept = materials.label_anchors.find(config.label);
  if (kept != materials.label_anchors.end()) AddEach(kept->second, &anchors);
  for (const std::string& file : config.auth.idevid_anchors) {
    const auto it = materials.idevid_anchors.find(file);
    if (it == materials.idevid_anchors.end()) {
      return absl::InvalidArgumentError(absl::StrCat(file, " is not loaded"));
    }
    AddEach(it->second, &anchors);
  }
  if (anchors.empty()) return nullptr;
  return TrustAnchors::Create(std::move(anchors));
}

// Of every CA in the chain: a verifier applies them all.
absl::StatusOr<std::vector<NameConstraints>> ConstraintsOf(
    const std::vector<Certificate>& chain) {
  std::vector<NameConstraints> all;
  for (const Certificate& ca : chain) {
    for (const Extension& extension : ca.extensions) {
      if (extension.id != oids::NameConstraints()) continue;
      absl::StatusOr<NameConstraints> one =
          ParseNameConstraints(extension.value);
      if (!one.ok()) return one.status();
      all.push_back(*std::move(one));
    }
  }
  return all;
}

// What a service issues by, and what its certificates are judged by.
struct ServiceCas {
  std::string folder;  // of `authority`
  std::shared_ptr<const CertificateAuthority> authority;
  std::vector<Certificate> chain;
  std::vector<Certificate> shown;    // by /cacerts
  std::vector<Certificate> anchors;  // of client certificates
};

absl::StatusOr<ServiceCas> CasOf(const ServiceConfig& config,
                                 const Snapshot::Materials& materials) {
  ServiceCas cas;
  cas.folder = config.ca;
  if (config.upstream.forwards()) {
    const auto upstream =
        materials.upstream_cas.find(config.upstream.connection.folder);
    if (upstream != materials.upstream_cas.end()) {
      // Each has a path to what the upstream is trusted by (UpdateCaCerts).
      cas.shown = upstream->second;
      cas.anchors = upstream->second;
    }
    cas.folder = config.upstream.local_ca;
    if (cas.folder.empty()) return cas;
  }
  const auto ca = materials.cas.find(cas.folder);
  if (ca == materials.cas.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(cas.folder, " is not loaded"));
  }
  cas.authority = ca->second.authority;
  cas.chain = ca->second.chain;
  // Not the local CA's alone: a client takes these for all that there are.
  if (!config.upstream.forwards() || !cas.shown.empty()) {
    AddEach(ca->second.All(), &cas.shown);
  }
  AddEach(ca->second.Anchors(), &cas.anchors);
  return cas;
}

absl::StatusOr<Service> MakeService(const ServiceConfig& config,
                                    const Snapshot::Materials& materials,
                                    const ServerNames& names,
                                    const RevocationSettings& revocation) {
  absl::StatusOr<ServiceCas> cas = CasOf(config, materials);
  if (!cas.ok()) return cas.status();
  std::string cacerts_body;
  if (!cas->shown.empty()) {
    absl::StatusOr<std::string> body =
        CaCertsBody(cas->shown, config.line_wrap);
    if (!body.ok()) return body.status();
    cacerts_body = *std::move(body);
  }
  std::shared_ptr<const TrustAnchors> ca_anchors;
  if (!cas->anchors.empty()) {
    absl::StatusOr<std::shared_ptr<const TrustAnchors>> created =
        TrustAnchors::Create(cas->anchors);
    if (!created.ok()) return created.status();
    ca_anchors = *std::move(created);
  }
  absl::StatusOr<std::shared_ptr<const TrustAnchors>> idevid_anchors =
      IdevidAnchors(config, materials);
  if (!idevid_anchors.ok()) return idevid_anchors.status();
  std::shared_ptr<const CertificateAuthority> authority =
      std::move(cas->authority);
  if (authority != nullptr) {
    const PublishedUrls urls = UrlsOf(revocation.Of(cas->folder), cas->folder,
                                      authority->certificate());
    if (!urls.crl.empty()) {
      absl::StatusOr<std::shared_ptr<const CertificateAuthority>> with_urls =
          authority->WithUrls(urls);
      if (!with_urls.ok()) return with_urls.status();
      authority = *std::move(with_urls);
    }
  }
  const std::string folder = cas->folder;
  absl::StatusOr<std::vector<NameConstraints>> constraints =
      ConstraintsOf(cas->chain);
  if (!constraints.ok()) return constraints.status();
  Service service{config.label,
                  config,
                  IssuancePolicy(config.profile, names, *constraints),
                  std::move(authority),
                  std::move(cas->chain),
                  std::move(cacerts_body),
                  std::move(ca_anchors),
                  *std::move(idevid_anchors)};
  absl::Status permitted = service.policy.CheckAgainstCa();
  if (!permitted.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": ", permitted.message()));
  }
  // What can't be encoded should not wait for the first client to be found out.
  absl::Status status = service.CsrAttrsFor("").status();
  if (!status.ok()) return status;
  return service;
}

}  // namespace

absl::StatusOr<est::CsrAttrs> Service::CsrAttrsFor(
    std::string_view identity) const {
  return CsrWishesFor(config, identity);
}

absl::StatusOr<std::shared_ptr<const Snapshot>> Snapshot::Create(
    const Config& config, const Materials& materials) {
  std::vector<Certificate> cas;
  std::vector<Certificate> client_anchors;
  for (const auto& [folder, ca] : materials.cas) {
    AddEach(ca.All(), &cas);
    AddEach(ca.Anchors(), &client_anchors);
  }
  for (const auto& [file, anchors] : materials.idevid_anchors) {
    AddEach(anchors, &client_anchors);
  }
  for (const auto& [label, anchors] : materials.label_anchors) {
    AddEach(anchors, &client_anchors);
  }
  for (const auto& [folder, learned] : materials.upstream_cas) {
    AddEach(learned, &cas);
    AddEach(learned, &client_anchors);
  }
  const ServerNames names(materials.tls_certificate, cas, config.hostnames);

  auto snapshot = std::make_shared<Snapshot>();
  std::vector<const ServiceConfig*> configs = {&config.service};
  for (const ServiceConfig& label : config.labels) configs.push_back(&label);
  for (const ServiceConfig* of : configs) {
    absl::StatusOr<Service> service =
        MakeService(*of, materials, names, config.revocation);
    if (!service.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(of->label.empty() ? "the service without a label"
                                         : absl::StrCat("label ", of->label),
                       ": ", service.status().message()));
    }
    snapshot->services.emplace(of->label, *std::move(service));
  }
  absl::StatusOr<std::shared_ptr<const TrustAnchors>> anchors =
      TrustAnchors::Create(std::move(client_anchors));
  if (!anchors.ok()) return anchors.status();
  snapshot->client_anchors = *std::move(anchors);
  snapshot->issuing_keys = std::make_shared<const IssuingKeys>(
      IssuingKeysOf(materials.cas, {materials.tls_certificate}, config.http,
                    config.revocation));
  return snapshot;
}

const Service* Snapshot::Find(std::string_view label) const {
  const auto it = services.find(label);
  return it == services.end() ? nullptr : &it->second;
}

}  // namespace bestow::server
