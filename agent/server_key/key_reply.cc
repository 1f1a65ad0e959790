#include "agent/server_key/key_reply.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/cms/server_generated_key.h"
#include "common/crypto/signer.h"
#include "common/pki/oids.h"
#include "common/pki/path.h"

namespace bestow::agent {
namespace {

absl::Status Because(std::string_view what, const absl::Status& status) {
  // Keeps what a TPM's status carries with it.
  absl::Status out(status.code(), absl::StrCat(what, ": ", status.message()));
  status.ForEachPayload([&](std::string_view url, const absl::Cord& payload) {
    out.SetPayload(url, payload);
  });
  return out;
}

bool MayMakeKeys(const Certificate& signer) {
  if (signer.basic_constraints && signer.basic_constraints->is_ca) return true;
  const auto& purposes = signer.extended_key_usage;
  return std::find(purposes.begin(), purposes.end(), oids::KpCmcRa()) !=
         purposes.end();
}

absl::Status CheckSigner(const cms::OpenedKey& opened,
                         const KeyReplyContext& context) {
  if (context.trust.anchors == nullptr) {
    return absl::FailedPreconditionError("no CA is trusted yet");
  }
  std::vector<Certificate> pool = context.trust.intermediates;
  pool.insert(pool.end(), opened.certificates.begin(),
              opened.certificates.end());
  absl::Status verified = context.trust.anchors->Verify(
      opened.signer, pool, PathPurpose::kAny, context.now);
  if (!verified.ok()) {
    return Because("the key's signer is not trusted", verified);
  }
  if (MayMakeKeys(opened.signer)) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "the key is signed by ", opened.signer.subject.ToText(),
      ", which is neither a CA nor a registration authority (id-kp-cmcRA)"));
}

absl::StatusOr<Secret> Decrypt(const KeyReplyParts& reply,
                               const KeyReplyContext& context) {
  auto enveloped = cms::ParseEnvelopedDataDer(reply.key.bytes());
  if (!enveloped.ok()) {
    return Because("the encrypted key", enveloped.status());
  }
  auto content =
      context.protection.kind == KeyProtection::Kind::kPreSharedKey
          ? cms::DecryptWithKek(*enveloped, context.protection.identifier,
                                context.protection.pre_shared_key)
          : cms::DecryptWithPrivateKey(*enveloped, context.own_names,
                                       *context.own_key);
  if (!content.ok()) {
    return Because("decrypting the key", content.status());
  }
  auto opened =
      cms::OpenSignedKeyPackage(enveloped->content_type, content->bytes());
  if (!opened.ok()) return Because("the signed key", opened.status());
  if (absl::Status s = CheckSigner(*opened, context); !s.ok()) return s;
  return std::move(opened->pkcs8);
}

}  // namespace

absl::StatusOr<ReceivedKey> OpenKeyReply(const KeyReplyParts& reply,
                                         const KeyReplyContext& context) {
  const bool asked = context.protection.kind != KeyProtection::Kind::kTls;
  if (reply.encrypted != asked) {
    return absl::PermissionDeniedError(
        asked ? "the server sent the key without the encryption that was "
                "asked for"
              : "the server sent an encrypted key, which was not asked for");
  }
  ReceivedKey out;
  if (asked) {
    auto pkcs8 = Decrypt(reply, context);
    if (!pkcs8.ok()) return pkcs8.status();
    out.pkcs8 = *std::move(pkcs8);
  } else {
    out.pkcs8 = reply.key.Copy();
  }
  // Makes sure that it is a whole key, and has the public one.
  auto key = SoftwareSigner::FromPkcs8Der(out.pkcs8.bytes());
  if (!key.ok()) return Because("the server's key", key.status());
  if ((*key)->type() != context.type) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the server made a key of type ", KeyTypeName((*key)->type()),
        ", asked for was ", KeyTypeName(context.type)));
  }
  auto issued = CheckIssued(reply.certs_only, (*key)->public_key_spki(),
                            context.trust, context.now, PathPurpose::kAny);
  if (!issued.ok()) return Because("the server's key", issued.status());
  out.certificate = std::move(issued->certificate);
  out.chain = std::move(issued->chain);
  return out;
}

}  // namespace bestow::agent
