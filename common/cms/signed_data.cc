#include "common/cms/signed_data.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "common/cms/algorithm.h"
#include "common/cms/key_encryption.h"
#include "common/cms/signed_data_internal.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

constexpr size_t kMaxOwnCertificates = 10;
// RFC 5652 5.1: 3 when the content is anything but id-data, else 1.
constexpr uint64_t kVersionData = 1;
constexpr uint64_t kVersionOther = 3;
constexpr uint64_t kSignerVersionIssuer = 1;

// The digest that goes with the signature (RFC 5754 3; RFC 8419 3 for Ed25519).
Hash DigestFor(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return Hash::kSha384;
    case SignatureAlgorithm::kEd25519:
      return Hash::kSha512;
    case SignatureAlgorithm::kRsaPkcs1Sha256:
    case SignatureAlgorithm::kEcdsaP256Sha256:
    case SignatureAlgorithm::kRsaPssSha256:
      break;
  }
  return Hash::kSha256;
}

// What the signature is to be put into.
struct Unsigned {
  der::Oid content_type;
  Secret content;
  std::vector<Bytes> certificates;
  Certificate signer;
  SignatureAlgorithm algorithm;
  Bytes attributes;  // a SET OF, as signed
};

absl::StatusOr<Bytes> Attribute(
    const der::Oid& type, const std::function<void(der::Writer&)>& add_value) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddOid(type);
    fields.AddSet(add_value);
  });
  return writer.Finish();
}

absl::StatusOr<Bytes> SignedAttributes(const Unsigned& parts, absl::Time now) {
  const Bytes digest =
      Digest(DigestFor(parts.algorithm), parts.content.bytes());
  std::vector<Bytes> attributes;
  for (const absl::StatusOr<Bytes>& attribute :
       {Attribute(oids::ContentType(),
                  [&](der::Writer& w) { w.AddOid(parts.content_type); }),
        Attribute(oids::SigningTime(), [&](der::Writer& w) { w.AddTime(now); }),
        Attribute(oids::MessageDigest(),
                  [&](der::Writer& w) { w.AddOctetString(digest); })}) {
    if (!attribute.ok()) return attribute.status();
    attributes.push_back(*attribute);
  }
  der::Writer writer;
  writer.AddSetOf(std::move(attributes));
  return writer.Finish();
}

// SignerInfo ::= SEQUENCE { version, sid IssuerAndSerialNumber,
//   digestAlgorithm, signedAttrs [0] IMPLICIT SET OF, signatureAlgorithm,
//   signature OCTET STRING }
void AddSignerInfo(der::Writer& writer, const Unsigned& parts,
                   ByteView signature) {
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddUint(kSignerVersionIssuer);
    fields.AddSequence([&](der::Writer& sid) {
      sid.AddElement(parts.signer.issuer.der());
      sid.AddInteger(parts.signer.serial);
    });
    AddHash(fields, DigestFor(parts.algorithm));
    Bytes attributes = parts.attributes;
    attributes[0] = kSignedAttributesOctet;
    fields.AddElement(attributes);
    AddSignatureAlgorithm(fields, parts.algorithm);
    fields.AddOctetString(signature);
  });
}

absl::StatusOr<Secret> Assemble(const Unsigned& parts, ByteView signature) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    fields.AddUint(parts.content_type == oids::CmsData() ? kVersionData
                                                         : kVersionOther);
    fields.AddSet(
        [&](der::Writer& set) { AddHash(set, DigestFor(parts.algorithm)); });
    fields.AddSequence([&](der::Writer& encapsulated) {
      encapsulated.AddOid(parts.content_type);
      encapsulated.Add(kExplicit0, [&](der::Writer& content) {
        content.AddOctetString(parts.content.bytes());
      });
    });
    // A SET OF, in DER's order; the signer is found in it by its name.
    std::vector<Bytes> certificates = parts.certificates;
    std::sort(certificates.begin(), certificates.end());
    fields.Add(kExplicit0, [&](der::Writer& set) {
      for (const Bytes& certificate : certificates) set.AddElement(certificate);
    });
    fields.AddSet(
        [&](der::Writer& set) { AddSignerInfo(set, parts, signature); });
  });
  absl::StatusOr<Bytes> der = writer.Finish();
  if (!der.ok()) return der.status();
  return Secret(*std::move(der));
}

}  // namespace

void SignData(const der::Oid& content_type, ByteView content,
              const std::vector<Bytes>& certificates, Signer& signer,
              absl::Time now, SignedDataDone done) {
  if (certificates.empty() || certificates.size() > kMaxOwnCertificates) {
    return done(absl::InvalidArgumentError(
        "SignedData: 1 to 10 certificates, the signer's first"));
  }
  absl::StatusOr<Certificate> own = ParseCertificateDer(certificates[0]);
  if (!own.ok()) return done(own.status());
  if (own->spki != signer.public_key_spki()) {
    return done(absl::InvalidArgumentError(
        "SignedData: the first certificate is not the signer's"));
  }
  for (const Bytes& der : certificates) {
    absl::StatusOr<Certificate> certificate = ParseCertificateDer(der);
    if (!certificate.ok()) return done(certificate.status());
  }
  auto parts =
      std::make_shared<Unsigned>(Unsigned{.content_type = content_type,
                                          .content = Secret(ToBytes(content)),
                                          .certificates = certificates,
                                          .signer = *std::move(own),
                                          .algorithm = signer.algorithm()});
  absl::StatusOr<Bytes> attributes = SignedAttributes(*parts, now);
  if (!attributes.ok()) return done(attributes.status());
  parts->attributes = *std::move(attributes);
  // RFC 5652 5.4: over the DER of the SET OF, not of the [0].
  signer.Sign(parts->algorithm, parts->attributes,
              [parts, done = std::move(done)](absl::StatusOr<Bytes> signature) {
                if (!signature.ok()) return done(signature.status());
                done(Assemble(*parts, *signature));
              });
}

absl::StatusOr<Secret> SignDataAndWait(const der::Oid& content_type,
                                       ByteView content,
                                       const std::vector<Bytes>& certificates,
                                       Signer& signer, absl::Time now) {
  absl::Notification done;
  absl::StatusOr<Secret> result;
  SignData(content_type, content, certificates, signer, now,
           [&](absl::StatusOr<Secret> value) {
             result = std::move(value);
             done.Notify();
           });
  done.WaitForNotification();
  return result;
}

absl::StatusOr<Secret> WrapSignedData(ByteView signed_data) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& content_info) {
    content_info.AddOid(oids::CmsSignedData());
    content_info.Add(kExplicit0, [&](der::Writer& content) {
      content.AddElement(signed_data);
    });
  });
  absl::StatusOr<Bytes> der = writer.Finish();
  if (!der.ok()) return der.status();
  return Secret(*std::move(der));
}

}  // namespace bestow::cms
