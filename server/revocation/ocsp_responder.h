// Answers OCSP requests for the server's CAs (RFC 6960, RFC 5019).
#ifndef SERVER_REVOCATION_OCSP_RESPONDER_H_
#define SERVER_REVOCATION_OCSP_RESPONDER_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/ocsp/ocsp_request.h"
#include "common/ocsp/ocsp_response.h"
#include "server/revocation/ocsp_signer.h"
#include "server/store/store.h"

namespace bestow::server {

struct OcspAnswer {
  Bytes der;
  // An answer about a certificate, as opposed to an error or "unknown".
  bool is_authoritative = false;
  // Of an authoritative answer without a nonce, which others may keep.
  struct Times {
    absl::Time this_update;
    absl::Time next_update;
    absl::Time refresh_at;  // a newer one is given from then on
  };
  std::optional<Times> cacheable;
};

// Thread-safe.
class OcspResponder {
 public:
  // Answers that are kept ready: one per certificate that is asked for.
  static constexpr size_t kMaxKept = 16'384;

  // Both must outlive it.
  OcspResponder(const OcspSigners& signers, Store& store,
                size_t max_kept = kMaxKept)
      : signers_(signers), store_(store), max_kept_(max_kept) {}

  // Reads the store, and signs by a key in memory: for a loop's thread. Each
  // answer says what the store says now: one that was signed before is given
  // again only while that is the same and half of its time is not over.
  // malformedRequest, unauthorized (a certificate of no CA here, or of two CAs
  // in one request), tryLater (the store does not answer).
  OcspAnswer Answer(ByteView request_der, absl::Time now);

 private:
  struct Kept {
    OcspCertStatus status;
    absl::Time revoked_at;
    RevocationReason reason;
    OcspAnswer answer;
  };

  absl::StatusOr<OcspSingleResponse> StatusOf(const OcspSigner& signer,
                                              const OcspCertId& id,
                                              absl::Time now) const;
  absl::StatusOr<OcspAnswer> Sign(const OcspSigner& signer,
                                  OcspResponseData data);
  std::optional<OcspAnswer> FindKept(const OcspSingleResponse& response,
                                     absl::Time now) const;
  void Keep(const OcspSingleResponse& response, const OcspAnswer& answer);

  const OcspSigners& signers_;
  Store& store_;
  const size_t max_kept_;
  mutable std::mutex mutex_;
  // By CertID; the oldest goes first. Guarded by mutex_.
  std::unordered_map<std::string, Kept> kept_;
  std::deque<std::string> order_;
};

}  // namespace bestow::server

#endif  // SERVER_REVOCATION_OCSP_RESPONDER_H_
