// How OCSP names a certificate: CertID (RFC 6960 4.1.1).
#ifndef COMMON_OCSP_CERT_ID_H_
#define COMMON_OCSP_CERT_ID_H_

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/der/reader.h"
#include "common/pki/name.h"

namespace bestow {

// What the hashes of a CertID are made by. A request may name others, which
// match no issuer here.
enum class OcspHash { kSha1, kSha256, kOther };

struct OcspCertId {
  Bytes der;  // as found: a response repeats it octet by octet
  OcspHash hash = OcspHash::kOther;
  Bytes issuer_name_hash;
  Bytes issuer_key_hash;
  Bytes serial;  // INTEGER content octets, as found
  bool operator==(const OcspCertId& other) const { return der == other.der; }
};

// One CertID. False: malformed, a hash over 64 octets, a serial that is
// negative or longer than 20 octets.
[[nodiscard]] bool ExpectOcspCertId(der::Reader* reader, OcspCertId* id);

// A CA's name and key by both hashes, to be compared with many CertIDs.
class OcspIssuer {
 public:
  // kInvalidArgument: `spki` is no SubjectPublicKeyInfo.
  static absl::StatusOr<OcspIssuer> Create(const Name& name, ByteView spki);

  // Whether `id` is of a certificate by this name and key.
  bool Issued(const OcspCertId& id) const;
  // The CertID of the certificate with this serial. kInvalidArgument: kOther,
  // or octets that are no INTEGER.
  absl::StatusOr<OcspCertId> IdOf(ByteView serial, OcspHash hash) const;
  // SHA-1 of the key, as ResponderID byKey has it (4.2.1).
  const Bytes& key_hash() const { return sha1_.key; }

 private:
  struct Hashes {
    Bytes name, key;
  };
  Hashes sha1_, sha256_;
};

}  // namespace bestow

#endif  // COMMON_OCSP_CERT_ID_H_
