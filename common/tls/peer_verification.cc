#include "common/tls/peer_verification.h"

#include <openssl/pool.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/crypto/public_key.h"
#include "common/pki/path.h"
#include "common/tls/tls_internal.h"

namespace bestow {
namespace {

constexpr size_t kMaxPeerChain = 10;
// Of a certificate's names, in a message.
constexpr size_t kMaxNamesShown = 8;

std::vector<Certificate> Intermediates(const std::vector<Certificate>& chain) {
  return std::vector<Certificate>(chain.begin() + 1, chain.end());
}

absl::Status Denied(const Certificate& leaf, const std::string& host,
                    std::string_view why, std::string_view what_to_do) {
  return absl::PermissionDeniedError(absl::StrCat(
      "the server ", host, ", which calls itself ",
      leaf.subject.empty() ? "(no subject)" : leaf.subject.ToText(),
      ", is not trusted: ", why, "; ", what_to_do));
}

std::string NamesOf(const Certificate& certificate) {
  std::vector<std::string> names;
  for (const GeneralName& san : certificate.sans) {
    if (names.size() == kMaxNamesShown) {
      names.push_back("...");
      break;
    }
    names.push_back(san.ToText());
  }
  return names.empty() ? "no host at all" : absl::StrJoin(names, ", ");
}

absl::Status VerifyPinned(const Bytes& pin,
                          const std::vector<Certificate>& chain,
                          const std::string& host, absl::Time now) {
  const auto pinned = std::find_if(
      chain.begin(), chain.end(), [&](const Certificate& certificate) {
        const Sha256Digest digest = Sha256(certificate.der);
        return std::equal(digest.begin(), digest.end(), pin.begin(), pin.end());
      });
  if (pinned == chain.end()) {
    return Denied(chain[0], host,
                  absl::StrCat("none of the ", chain.size(),
                               " certificates that it sent has the pinned "
                               "fingerprint ",
                               HexEncode(pin)),
                  "check the fingerprint against the CA certificate, and that "
                  "the server sends its whole chain");
  }
  absl::StatusOr<std::shared_ptr<const TrustAnchors>> anchors =
      TrustAnchors::Create({*pinned});
  if (!anchors.ok()) {
    return Denied(chain[0], host, anchors.status().message(),
                  "check the pinned CA certificate");
  }
  absl::Status status = (*anchors)->Verify(chain[0], Intermediates(chain),
                                           PathPurpose::kTlsServer, now);
  if (status.ok()) return status;
  return Denied(chain[0], host, status.message(),
                "its certificate has to be valid now under the pinned CA: "
                "check both, and this machine's clock");
}

}  // namespace

absl::StatusOr<std::vector<Certificate>> PeerChain(const SSL* ssl) {
  std::vector<Certificate> chain;
  const STACK_OF(CRYPTO_BUFFER)* sent = SSL_get0_peer_certificates(ssl);
  if (sent == nullptr) return chain;
  if (sk_CRYPTO_BUFFER_num(sent) > kMaxPeerChain) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the peer sent more than ", kMaxPeerChain, " certificates"));
  }
  for (const CRYPTO_BUFFER* buffer : sent) {
    absl::StatusOr<Certificate> certificate = ParseCertificateDer(
        ByteView(CRYPTO_BUFFER_data(buffer), CRYPTO_BUFFER_len(buffer)));
    if (!certificate.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "certificate ", chain.size() + 1,
          " of the peer's chain: ", certificate.status().message()));
    }
    chain.push_back(*std::move(certificate));
  }
  return chain;
}

absl::Status VerifyClient(const TlsContext::Impl& context,
                          const std::vector<Certificate>& chain,
                          absl::Time now) {
  if (context.anchors == nullptr) {
    return absl::PermissionDeniedError("client certificates are not accepted");
  }
  return context.anchors->Verify(chain[0], Intermediates(chain),
                                 PathPurpose::kTlsClient, now);
}

absl::Status VerifyServer(const TlsContext::Impl& context,
                          const std::vector<Certificate>& chain,
                          const std::string& host, absl::Time now) {
  if (chain.empty()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the server ", host, " showed no certificate"));
  }
  const Certificate& leaf = chain[0];
  if (context.pinned_ca_sha256) {
    absl::Status status =
        VerifyPinned(*context.pinned_ca_sha256, chain, host, now);
    if (!status.ok()) return status;
  }
  if (context.anchors != nullptr) {
    absl::Status status = context.anchors->Verify(leaf, Intermediates(chain),
                                                  PathPurpose::kTlsServer, now);
    if (!status.ok()) {
      return Denied(leaf, host, status.message(),
                    absl::StrCat("its issuer is ", leaf.issuer.ToText(),
                                 ": check the configured CA certificates, the "
                                 "server's chain, and this machine's clock"));
    }
  }
  if (!MatchesHost(leaf, host)) {
    return Denied(leaf, host,
                  absl::StrCat("its certificate is for ", NamesOf(leaf)),
                  "use one of these names, or give the server a certificate "
                  "with this one");
  }
  return absl::OkStatus();
}

}  // namespace bestow
