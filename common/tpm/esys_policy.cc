// EsysSession's keys with passwords and PCR policies.
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/crypto/public_key.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_internal.h"
#include "common/tpm/esys_session.h"
#include "common/tpm/key_policy.h"

namespace bestow {
namespace {

TPML_PCR_SELECTION Selection(const std::vector<int>& pcrs) {
  TPML_PCR_SELECTION out;
  std::memset(&out, 0, sizeof(out));
  out.count = 1;
  TPMS_PCR_SELECTION& bank = out.pcrSelections[0];
  bank.hash = TPM2_ALG_SHA256;
  bank.sizeofSelect = 3;
  for (int pcr : pcrs) {
    bank.pcrSelect[pcr / 8] |= static_cast<BYTE>(1 << pcr % 8);
  }
  return out;
}

}  // namespace

// TPM2_PCR_Read gives up to eight at a time, in order, and says which.
absl::StatusOr<PcrPolicy> EsysSession::MakePolicy(
    const std::vector<int>& pcrs) {
  Bytes values;
  std::vector<int> missing = pcrs;
  while (!missing.empty()) {
    const TPML_PCR_SELECTION wanted = Selection(missing);
    TPML_PCR_SELECTION* raw_read = nullptr;
    TPML_DIGEST* raw_values = nullptr;
    const TSS2_RC rc = Do([&] {
      return Esys_PCR_Read(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                           &wanted, nullptr, &raw_read, &raw_values);
    });
    UniqueEsys<TPML_PCR_SELECTION> read(raw_read);
    UniqueEsys<TPML_DIGEST> digests(raw_values);
    if (rc != TSS2_RC_SUCCESS) return Error(rc, "read PCRs");
    if (digests->count == 0 || digests->count > missing.size()) {
      return TpmStatus(TpmAction::kGiveUp,
                       absl::StrCat("the TPM at \"", tcti_, "\" has no ",
                                    PcrListText(missing), " for key_pcrs"));
    }
    for (UINT32 i = 0; i < digests->count; ++i) {
      const TPM2B_DIGEST& one = digests->digests[i];
      values.insert(values.end(), one.buffer, one.buffer + one.size);
    }
    missing.erase(missing.begin(), missing.begin() + digests->count);
  }
  const Sha256Digest digest = Sha256(values);
  return PcrPolicy{.pcrs = pcrs, .digest = Bytes(digest.begin(), digest.end())};
}

absl::Status EsysSession::SatisfyPolicy(const TpmHandle& session,
                                        const PcrPolicy& policy,
                                        bool with_auth) {
  TPM2B_DIGEST digest;
  std::memset(&digest, 0, sizeof(digest));
  digest.size = static_cast<UINT16>(policy.digest.size());
  std::memcpy(digest.buffer, policy.digest.data(), policy.digest.size());
  const TPML_PCR_SELECTION pcrs = Selection(policy.pcrs);
  // From the use before, if there was one.
  TSS2_RC rc = Do([&] {
    return Esys_PolicyRestart(esys_, session.get(), ESYS_TR_NONE, ESYS_TR_NONE,
                              ESYS_TR_NONE);
  });
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "begin the key's policy");
  rc = Do([&] {
    return Esys_PolicyPCR(esys_, session.get(), ESYS_TR_NONE, ESYS_TR_NONE,
                          ESYS_TR_NONE, &digest, &pcrs);
  });
  // Part 3, 23.7: the digest is not that of the PCRs.
  if (BareTpmCode(rc) == TPM2_RC_VALUE) {
    return TpmStatus(
        TpmAction::kKeyLost,
        absl::StrCat("the machine's PCRs ", PcrListText(policy.pcrs),
                     " are not what they were when the key was made: firmware "
                     "or boot software changed; the key counts as lost, and "
                     "the device must be enrolled again"));
  }
  if (rc != TSS2_RC_SUCCESS) return Error(rc, "satisfy the key's policy");
  if (!with_auth) return absl::OkStatus();
  rc = Do([&] {
    return Esys_PolicyAuthValue(esys_, session.get(), ESYS_TR_NONE,
                                ESYS_TR_NONE, ESYS_TR_NONE);
  });
  return Error(rc, "satisfy the key's policy");
}

absl::Status EsysSession::SetAuth(const TpmHandle& object, const Secret& auth) {
  TPM2B_AUTH value;
  std::memset(&value, 0, sizeof(value));
  if (auth.bytes().size() > kMaxAuthBytes) {
    return absl::InvalidArgumentError("too long a password for a key");
  }
  value.size = static_cast<UINT16>(auth.bytes().size());
  std::memcpy(value.buffer, auth.bytes().data(), auth.bytes().size());
  const TSS2_RC rc = Esys_TR_SetAuth(esys_, object.get(), &value);
  Cleanse(&value, sizeof(value));
  return Error(rc, "use the key's password");
}

}  // namespace bestow
