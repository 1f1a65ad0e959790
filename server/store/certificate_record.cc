#include "server/store/certificate_record.h"

#include "common/crypto/public_key.h"

namespace bestow::server {

CertificateRecord RecordOf(const Certificate& certificate) {
  CertificateRecord record;
  record.serial = certificate.serial;
  record.subject = certificate.subject.ToText();
  record.not_before = certificate.not_before;
  record.not_after = certificate.not_after;
  const Sha256Digest key_hash = Sha256(certificate.spki);
  record.key_sha256 = Bytes(key_hash.begin(), key_hash.end());
  record.subject_key_id = certificate.subject_key_id;
  record.issuer_key_id = certificate.authority_key_id;
  record.certificate = certificate.der;
  return record;
}

}  // namespace bestow::server
