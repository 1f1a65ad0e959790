// PKCS#10 certification requests (RFC 2986).
#ifndef COMMON_PKI_PKCS10_H_
#define COMMON_PKI_PKCS10_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/signer.h"
#include "common/pki/attribute.h"
#include "common/pki/change_subject_name.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"

namespace bestow {

// What a request says. Nothing in it is verified but its form.
struct Pkcs10Request {
  Bytes der;       // the whole CertificationRequest
  Bytes info_der;  // what the signature covers
  Name subject;
  Bytes spki;  // DER SubjectPublicKeyInfo
  std::vector<CsrAttribute> attributes;
  Bytes signature_algorithm;  // DER AlgorithmIdentifier
  Bytes signature;

  // From the extensionRequest attribute (PKCS#9); empty when absent.
  std::vector<Extension> requested_extensions;
  // From requested_extensions' subjectAltName.
  std::vector<GeneralName> requested_sans;
  std::optional<std::string> challenge_password;
  // RFC 7894's attributes, 1 to 255 characters each; est_identity_linking is
  // what RFC 7030 3.5 puts into challenge_password.
  std::optional<std::string> otp_challenge;
  std::optional<std::string> revocation_challenge;
  std::optional<std::string> est_identity_linking;
  // /serverkeygen (RFC 7030 4.4.1): which key the private key is to be
  // encrypted with, 1 to 255 octets (RFC 4108 2.2.5; 4.4.1.2), and the value of
  // SMIMECapabilities (RFC 8551 2.5.2), a SEQUENCE that is not looked into.
  std::optional<Bytes> decrypt_key_identifier;
  std::optional<Bytes> asymmetric_decrypt_key_identifier;
  std::optional<Bytes> smime_capabilities;
  std::optional<ChangeSubjectName> change_subject_name;  // RFC 6402 2.8
  // True when the [0] of attributes was missing.
  bool attributes_omitted = false;

  bool operator==(const Pkcs10Request& other) const { return der == other.der; }
};

// kInvalidArgument with the reason: not DER, trailing bytes, a version other
// than 0, duplicate attribute or extension types, more than 32 attributes, a
// value that does not fit one of the attributes above.
// A missing [0] of attributes (RFC 2986 4.1 forbids it, clients do it) is read
// as empty; an extension's critical FALSE that is written out is taken, as some
// clients' libraries do that. NOT checked: the signature, the key's strength.
absl::StatusOr<Pkcs10Request> ParsePkcs10Der(ByteView der);

// Re-encodes from the parts; equal to `der` for whatever ParsePkcs10Der took
// (a missing [0] stays missing, as attributes_omitted says). Uses subject,
// spki, attributes, signature_algorithm and signature alone.
absl::StatusOr<Bytes> SerializePkcs10Der(const Pkcs10Request& request);

// kPermissionDenied: the signature is not by the request's own key;
// kInvalidArgument: an algorithm that VerifySignature does not take.
absl::Status VerifyPkcs10Signature(const Pkcs10Request& request);

// What to ask for.
struct Pkcs10Template {
  Name subject;
  Bytes spki;
  std::vector<GeneralName> sans;
  std::vector<Extension> extensions;     // beside the SANs
  std::vector<CsrAttribute> attributes;  // beside those below
  std::optional<std::string> challenge_password;
  // As in Pkcs10Request.
  std::optional<std::string> otp_challenge;
  std::optional<std::string> revocation_challenge;
  std::optional<std::string> est_identity_linking;
  std::optional<Bytes> decrypt_key_identifier;
  std::optional<Bytes> asymmetric_decrypt_key_identifier;
  std::optional<Bytes> smime_capabilities;
  std::optional<ChangeSubjectName> change_subject_name;
};

// The CertificationRequestInfo to be signed; attributes A0 00 when empty.
// kInvalidArgument: what ParsePkcs10Der would not take.
absl::StatusOr<Bytes> SerializePkcs10InfoDer(const Pkcs10Template& wanted);
// Puts info, algorithm and signature together.
absl::StatusOr<Bytes> AssemblePkcs10Der(ByteView info_der,
                                        SignatureAlgorithm algorithm,
                                        ByteView signature);

}  // namespace bestow

#endif  // COMMON_PKI_PKCS10_H_
