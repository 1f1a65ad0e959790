#include "agent/tpm/esys_tpm.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/tpm/errors.h"
#include "agent/tpm/esys_session.h"
#include "common/crypto/public_key.h"

namespace bestow::agent {

EsysTpm::EsysTpm(std::string tcti) : tcti_(std::move(tcti)) {}

absl::StatusOr<TpmKey> EsysTpm::CreateKey() {
  auto esys = EsysSession::Open(tcti_);
  if (!esys.ok()) return esys.status();
  auto primary = (*esys)->CreatePrimary();
  if (!primary.ok()) return primary.status();
  auto session = (*esys)->StartSession(*primary);
  if (!session.ok()) return session.status();
  return (*esys)->Create(*primary, *session);
}

absl::StatusOr<Bytes> EsysTpm::Sign(const TpmKey& key, ByteView message) {
  if (key.parent != kParentOwner) {
    return TpmStatus(TpmAction::kGiveUp,
                     absl::StrCat("the key's parent 0x", absl::Hex(key.parent),
                                  " is not the owner hierarchy (0x40000001)"));
  }
  auto esys = EsysSession::Open(tcti_);
  if (!esys.ok()) return esys.status();
  auto primary = (*esys)->CreatePrimary();
  if (!primary.ok()) return primary.status();
  auto session = (*esys)->StartSession(*primary);
  if (!session.ok()) return session.status();
  auto loaded = (*esys)->Load(*primary, *session, key);
  if (!loaded.ok()) return loaded.status();
  primary->Flush();  // chips have three slots, and others want one too
  return (*esys)->SignDigest(*loaded, *session, Sha256(message));
}

absl::Status EsysTpm::Check() {
  auto esys = EsysSession::Open(tcti_);
  if (!esys.ok()) return esys.status();
  auto primary = (*esys)->CreatePrimary();
  if (!primary.ok()) return primary.status();
  return (*esys)->StartSession(*primary).status();
}

}  // namespace bestow::agent
