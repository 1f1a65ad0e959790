// From a certificate to its record.
#ifndef SERVER_STORE_CERTIFICATE_RECORD_H_
#define SERVER_STORE_CERTIFICATE_RECORD_H_

#include "common/pki/certificate.h"
#include "server/store/records.h"

namespace bestow::server {

// Everything that the certificate says. Left to the caller: identity, label,
// operation, issued_at, server_key.
CertificateRecord RecordOf(const Certificate& certificate);

}  // namespace bestow::server

#endif  // SERVER_STORE_CERTIFICATE_RECORD_H_
