// Certificate revocation lists: reading, building (RFC 5280 5). No trust
// decisions.
#ifndef COMMON_PKI_CRL_H_
#define COMMON_PKI_CRL_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/distribution_points.h"
#include "common/pki/name.h"
#include "common/pki/revocation_reason.h"

namespace bestow {

constexpr size_t kMaxCrlEntries = 1'000'000;

// One certificate on a CRL.
struct CrlEntry {
  Bytes serial;  // positive INTEGER content octets, 1 to 20
  absl::Time revoked_at;
  // kUnspecified is left out (RFC 5280 5.3.1).
  RevocationReason reason = RevocationReason::kUnspecified;
  std::optional<absl::Time> invalidity_date;
  bool operator==(const CrlEntry&) const = default;
};

// What a CRL says. Times in whole seconds.
struct CrlContents {
  Name issuer;
  absl::Time this_update;
  absl::Time next_update;
  // In this order; the caller sees to it that no serial is there twice.
  std::vector<CrlEntry> entries;
  Bytes authority_key_id;  // of the key that signs
  uint64_t number = 0;     // up to 2^63-1
  // A delta CRL: what changed since the full one of this number.
  std::optional<uint64_t> base_number;
  // Of full CRLs alone: where the deltas are (RFC 5280 5.2.6). Empty: none.
  std::vector<DistributionPoint> freshest_crl;
  std::optional<IssuingDistributionPoint> issuing_distribution_point;
};

struct Crl {
  Bytes der;
  Bytes tbs_der;
  Bytes signature_algorithm;
  Bytes signature;
  CrlContents contents;
};

// One DER CertificateList with nothing after it: kInvalidArgument otherwise.
// Version 2 with nextUpdate, a key identifier and a CRL number, as RFC 5280 5
// asks of every conforming CA; numbers up to 2^63-1; up to kMaxCrlEntries.
// Critical extensions that are not known here are refused (5.2, 5.3), others
// ignored. NOT checked: signature, dates, whether a serial is there twice.
absl::StatusOr<Crl> ParseCrlDer(ByteView der);

// Re-encodes from tbs_der, signature_algorithm and signature; equal to `der`
// for whatever ParseCrlDer took.
absl::StatusOr<Bytes> SerializeCrlDer(const Crl& crl);

// TBSCertList to be signed with `algorithm`. kInvalidArgument, saying what:
// next_update is not after this_update; a serial that is none;
// kRemoveFromCrl on a full CRL, or freshest_crl on a delta; no key identifier;
// a base number that is not below `number`; too many entries.
absl::StatusOr<Bytes> SerializeTbsCrlDer(const CrlContents& contents,
                                         SignatureAlgorithm algorithm);
absl::StatusOr<Bytes> AssembleCrlDer(ByteView tbs_der,
                                     SignatureAlgorithm algorithm,
                                     ByteView signature);

// PEM ("X509 CRL").
std::string SerializeCrlPem(ByteView der);

}  // namespace bestow

#endif  // COMMON_PKI_CRL_H_
