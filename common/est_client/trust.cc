#include "common/est_client/trust.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/est_client/trust_rules.h"
#include "common/pki/certs_only.h"

namespace bestow {
namespace {

constexpr size_t kMaxChainCertificates = 8;

bool HasFingerprint(const Certificate& certificate, const Bytes& sha256) {
  const Sha256Digest digest = Sha256(certificate.der);
  return std::equal(digest.begin(), digest.end(), sha256.begin(), sha256.end());
}

bool MayHaveIssued(const Certificate& issuer, const Certificate& subject) {
  return issuer.subject == subject.issuer &&
         (subject.authority_key_id.empty() || issuer.subject_key_id.empty() ||
          subject.authority_key_id == issuer.subject_key_id);
}

// In order from the leaf's issuer, as TLS sends it; roots stay out.
std::vector<Certificate> ChainFor(const Certificate& leaf,
                                  const std::vector<Certificate>& pool) {
  std::vector<Certificate> chain;
  const Certificate* last = &leaf;
  while (chain.size() < kMaxChainCertificates) {
    auto next = std::find_if(
        pool.begin(), pool.end(), [&](const Certificate& candidate) {
          return candidate.subject != candidate.issuer &&
                 MayHaveIssued(candidate, *last) &&
                 std::find(chain.begin(), chain.end(), candidate) ==
                     chain.end();
        });
    if (next == pool.end()) break;
    chain.push_back(*next);
    last = &*next;
  }
  return chain;
}

}  // namespace

absl::StatusOr<Trust> MakeTrust(const std::vector<Certificate>& configured,
                                const std::vector<Certificate>& learned,
                                const std::optional<Bytes>& pin) {
  std::vector<Certificate> anchors = configured;
  Trust trust;
  for (const Certificate& certificate : learned) {
    if (!IsSelfSignedCa(certificate) &&
        !(pin && HasFingerprint(certificate, *pin))) {
      trust.intermediates.push_back(certificate);
    } else if (!Contains(anchors, certificate)) {
      anchors.push_back(certificate);
    }
  }
  if (anchors.empty()) return trust;
  auto created = TrustAnchors::Create(std::move(anchors));
  if (!created.ok()) return created.status();
  trust.anchors = *std::move(created);
  return trust;
}

absl::StatusOr<Certificate> FindPinned(const std::vector<Certificate>& reply,
                                       const Bytes& pinned_sha256) {
  for (const Certificate& certificate : reply) {
    if (HasFingerprint(certificate, pinned_sha256)) return certificate;
  }
  return absl::PermissionDeniedError(
      "the server's /cacerts does not hold the pinned CA certificate");
}

absl::StatusOr<IssuedCredential> CheckIssued(ByteView certs_only_der,
                                             ByteView spki, const Trust& trust,
                                             absl::Time now,
                                             PathPurpose purpose) {
  auto reply = ParseCertsOnlyDer(certs_only_der);
  if (!reply.ok()) return reply.status();
  // RFC 5272: the SET has no order; the key tells which one is ours.
  const std::vector<Certificate>& all = reply->certificates;
  auto ours = std::find_if(all.begin(), all.end(), [&](const Certificate& c) {
    return ByteView(c.spki) == spki;
  });
  if (ours == all.end()) {
    return absl::InvalidArgumentError(
        "the server's reply holds no certificate for the key that was sent");
  }
  if (trust.anchors == nullptr) {
    return absl::FailedPreconditionError("no CA is trusted yet");
  }
  std::vector<Certificate> pool = trust.intermediates;
  for (const Certificate& certificate : all) {
    if (certificate != *ours) pool.push_back(certificate);
  }
  IssuedCredential issued{.certificate = *ours, .chain = ChainFor(*ours, pool)};
  absl::Status verified =
      trust.anchors->Verify(issued.certificate, issued.chain, purpose, now);
  if (!verified.ok()) {
    return absl::Status(
        verified.code(),
        absl::StrCat("the server issued a certificate that can't be used: ",
                     verified.message()));
  }
  return issued;
}

}  // namespace bestow
