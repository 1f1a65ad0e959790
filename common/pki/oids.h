// The object identifiers that certificates, requests and CMS use.
#ifndef COMMON_PKI_OIDS_H_
#define COMMON_PKI_OIDS_H_

#include "common/der/oid.h"

namespace bestow::oids {

#define BESTOW_OID(name, dotted)                                              \
  inline const der::Oid& name() {                                             \
    static const der::Oid* const oid = new der::Oid(der::OidLiteral(dotted)); \
    return *oid;                                                              \
  }

// X.520 attribute types
BESTOW_OID(CommonName, "2.5.4.3")
BESTOW_OID(SerialNumber, "2.5.4.5")
BESTOW_OID(CountryName, "2.5.4.6")
BESTOW_OID(LocalityName, "2.5.4.7")
BESTOW_OID(StateOrProvince, "2.5.4.8")
BESTOW_OID(OrganizationName, "2.5.4.10")
BESTOW_OID(OrganizationalUnit, "2.5.4.11")
BESTOW_OID(DomainComponent, "0.9.2342.19200300.100.1.25")

// RFC 5280 extensions
BESTOW_OID(SubjectKeyIdentifier, "2.5.29.14")
BESTOW_OID(KeyUsage, "2.5.29.15")
BESTOW_OID(SubjectAltName, "2.5.29.17")
BESTOW_OID(BasicConstraints, "2.5.29.19")
BESTOW_OID(NameConstraints, "2.5.29.30")
BESTOW_OID(CrlDistributionPoints, "2.5.29.31")
BESTOW_OID(CertificatePolicies, "2.5.29.32")
BESTOW_OID(AuthorityKeyIdentifier, "2.5.29.35")
BESTOW_OID(ExtendedKeyUsage, "2.5.29.37")
BESTOW_OID(FreshestCrl, "2.5.29.46")
BESTOW_OID(AuthorityInfoAccess, "1.3.6.1.5.5.7.1.1")
BESTOW_OID(AdOcsp, "1.3.6.1.5.5.7.48.1")
BESTOW_OID(AdCaIssuers, "1.3.6.1.5.5.7.48.2")
BESTOW_OID(AnyPolicy, "2.5.29.32.0")
BESTOW_OID(QualifierCps, "1.3.6.1.5.5.7.2.1")

// CRLs and their entries (RFC 5280 5.2, 5.3)
BESTOW_OID(CrlNumber, "2.5.29.20")
BESTOW_OID(ReasonCode, "2.5.29.21")
BESTOW_OID(InvalidityDate, "2.5.29.24")
BESTOW_OID(DeltaCrlIndicator, "2.5.29.27")
BESTOW_OID(IssuingDistributionPoint, "2.5.29.28")

// OCSP (RFC 6960 4.2, 4.4)
BESTOW_OID(OcspBasic, "1.3.6.1.5.5.7.48.1.1")
BESTOW_OID(OcspNonce, "1.3.6.1.5.5.7.48.1.2")
BESTOW_OID(OcspNoCheck, "1.3.6.1.5.5.7.48.1.5")

// Extended key usages
BESTOW_OID(KpServerAuth, "1.3.6.1.5.5.7.3.1")
BESTOW_OID(KpClientAuth, "1.3.6.1.5.5.7.3.2")
BESTOW_OID(KpCodeSigning, "1.3.6.1.5.5.7.3.3")
BESTOW_OID(KpEmailProtection, "1.3.6.1.5.5.7.3.4")
BESTOW_OID(KpTimeStamping, "1.3.6.1.5.5.7.3.8")
BESTOW_OID(KpOcspSigning, "1.3.6.1.5.5.7.3.9")
BESTOW_OID(KpCmcRa, "1.3.6.1.5.5.7.3.28")  // RFC 6402 2.10
BESTOW_OID(KpCmcCa, "1.3.6.1.5.5.7.3.27")
BESTOW_OID(AnyExtendedKeyUsage, "2.5.29.37.0")

// PKCS#9 and CMC attributes of requests
BESTOW_OID(ChallengePassword, "1.2.840.113549.1.9.7")
BESTOW_OID(ExtensionRequest, "1.2.840.113549.1.9.14")
BESTOW_OID(SmimeCapabilities, "1.2.840.113549.1.9.15")
BESTOW_OID(ChangeSubjectName, "1.3.6.1.5.5.7.7.36")  // RFC 6402 2.8
// id-aa of S/MIME
BESTOW_OID(DecryptKeyIdentifier, "1.2.840.113549.1.9.16.2.37")  // RFC 4108
BESTOW_OID(AsymmetricDecryptKeyIdentifier,
           "1.2.840.113549.1.9.16.2.54")                       // RFC 7030
BESTOW_OID(OtpChallenge, "1.2.840.113549.1.9.16.2.56")         // RFC 7894
BESTOW_OID(RevocationChallenge, "1.2.840.113549.1.9.16.2.57")  // RFC 7894
BESTOW_OID(EstIdentityLinking, "1.2.840.113549.1.9.16.2.58")   // RFC 7894
BESTOW_OID(CsrInfoTemplate, "1.2.840.113549.1.9.16.2.61")      // RFC 9908
BESTOW_OID(ExtensionRequestTemplate,
           "1.2.840.113549.1.9.16.2.62")  // RFC 9908

// CMS content types
BESTOW_OID(CmsData, "1.2.840.113549.1.7.1")
BESTOW_OID(CmsSignedData, "1.2.840.113549.1.7.2")

// Keys and signatures
BESTOW_OID(RsaEncryption, "1.2.840.113549.1.1.1")
BESTOW_OID(EcPublicKey, "1.2.840.10045.2.1")
BESTOW_OID(Prime256v1, "1.2.840.10045.3.1.7")
BESTOW_OID(Secp384r1, "1.3.132.0.34")
BESTOW_OID(EcdsaWithSha256, "1.2.840.10045.4.3.2")
BESTOW_OID(EcdsaWithSha384, "1.2.840.10045.4.3.3")
BESTOW_OID(EcdsaWithSha512, "1.2.840.10045.4.3.4")
BESTOW_OID(Sha256WithRsa, "1.2.840.113549.1.1.11")
BESTOW_OID(Sha384WithRsa, "1.2.840.113549.1.1.12")
BESTOW_OID(Sha512WithRsa, "1.2.840.113549.1.1.13")
BESTOW_OID(RsassaPss, "1.2.840.113549.1.1.10")
BESTOW_OID(Mgf1, "1.2.840.113549.1.1.8")
BESTOW_OID(Ed25519, "1.3.101.112")
BESTOW_OID(Sha256, "2.16.840.1.101.3.4.2.1")
BESTOW_OID(Sha384, "2.16.840.1.101.3.4.2.2")
BESTOW_OID(Sha512, "2.16.840.1.101.3.4.2.3")

// CMS: content, attributes, encryption (RFC 5652, 3565, 4055, 5753, 5958)
BESTOW_OID(CmsEnvelopedData, "1.2.840.113549.1.7.3")
BESTOW_OID(AsymmetricKeyPackage, "2.16.840.1.101.2.1.2.78.5")
BESTOW_OID(ContentType, "1.2.840.113549.1.9.3")
BESTOW_OID(MessageDigest, "1.2.840.113549.1.9.4")
BESTOW_OID(SigningTime, "1.2.840.113549.1.9.5")
BESTOW_OID(Sha1, "1.3.14.3.2.26")
BESTOW_OID(Aes128Cbc, "2.16.840.1.101.3.4.1.2")
BESTOW_OID(Aes256Cbc, "2.16.840.1.101.3.4.1.42")
BESTOW_OID(Aes128Wrap, "2.16.840.1.101.3.4.1.5")
BESTOW_OID(Aes192Wrap, "2.16.840.1.101.3.4.1.25")
BESTOW_OID(Aes256Wrap, "2.16.840.1.101.3.4.1.45")
BESTOW_OID(RsaesOaep, "1.2.840.113549.1.1.7")
BESTOW_OID(PSpecified, "1.2.840.113549.1.1.9")
BESTOW_OID(StdDhSha1Kdf, "1.3.133.16.840.63.0.2")
BESTOW_OID(StdDhSha256Kdf, "1.3.132.1.11.1")
BESTOW_OID(StdDhSha384Kdf, "1.3.132.1.11.2")
BESTOW_OID(StdDhSha512Kdf, "1.3.132.1.11.3")

#undef BESTOW_OID

}  // namespace bestow::oids

#endif  // COMMON_PKI_OIDS_H_
