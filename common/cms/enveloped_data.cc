#include "common/cms/enveloped_data.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/cms/recipient_info.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/algorithm.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"

namespace bestow::cms {
namespace {

constexpr size_t kMaxRecipients = 16;
constexpr size_t kAesBlockBytes = 16;
constexpr uint64_t kMaxVersion = 4;  // RFC 5652 6.1: 0, 2, 3 or 4

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("EnvelopedData: ", why));
}

// EncryptedContentInfo ::= SEQUENCE { contentType, contentEncryptionAlgorithm,
//   encryptedContent [0] IMPLICIT OCTET STRING OPTIONAL }
absl::Status ReadContent(der::Reader fields, EnvelopedData* out) {
  ByteView type, algorithm;
  der::Reader ciphertext;
  if (!fields.ExpectOid(&type) ||
      !ExpectAlgorithmIdentifier(&fields, &algorithm)) {
    return Malformed("the EncryptedContentInfo is malformed");
  }
  absl::StatusOr<ContentEncryption> encryption =
      ParseContentEncryption(algorithm);
  if (!encryption.ok()) return Malformed(encryption.status().message());
  if (fields.empty()) return Malformed("the content is detached");
  if (!fields.Expect(Primitive(0), &ciphertext) || !fields.Finish()) {
    return Malformed("the EncryptedContentInfo is malformed");
  }
  const size_t size = ciphertext.rest().size();
  if (size == 0 || size % kAesBlockBytes != 0) {
    return Malformed("the content is no multiple of its cipher's block");
  }
  out->content_type.content = ToBytes(type);
  out->encryption = *std::move(encryption);
  out->ciphertext = ToBytes(ciphertext.rest());
  return absl::OkStatus();
}

// EnvelopedData ::= SEQUENCE { version, originatorInfo [0] OPTIONAL,
//   recipientInfos SET SIZE (1..MAX) OF RecipientInfo, encryptedContentInfo,
//   unprotectedAttrs [1] OPTIONAL }
absl::Status ReadEnvelopedData(der::Reader fields, EnvelopedData* out) {
  der::Reader recipients, content;
  if (!fields.ExpectUint(&out->version) || out->version == 1 ||
      out->version > kMaxVersion) {
    return Malformed("the version is not one of EnvelopedData");
  }
  if (fields.NextIs(Constructed(0))) {
    return Malformed("there is originator information");
  }
  if (!fields.ExpectSet(&recipients)) return Malformed("no recipientInfos");
  while (!recipients.empty()) {
    ByteView element;
    der::Tag tag = 0;
    if (!recipients.ExpectAny(&element, &tag)) {
      return Malformed("a recipient is malformed");
    }
    if (out->recipients.size() == kMaxRecipients) {
      return Malformed("over 16 recipients");
    }
    out->recipients.push_back(ReadRecipient(element, tag));
  }
  if (out->recipients.empty()) return Malformed("no recipient");
  if (!fields.ExpectSequence(&content)) {
    return Malformed("no EncryptedContentInfo");
  }
  if (absl::Status s = ReadContent(content, out); !s.ok()) return s;
  if (fields.NextIs(Constructed(1))) {
    return Malformed("there are unprotected attributes");
  }
  if (!fields.Finish()) return Malformed("bytes follow the content");
  return absl::OkStatus();
}

}  // namespace

RecipientNames NamesOf(const Certificate& certificate) {
  return {.subject_key_id = certificate.subject_key_id,
          .issuer = certificate.issuer.der(),
          .serial = certificate.serial};
}

bool Matches(const RecipientId& id, const RecipientNames& names) {
  if (id.subject_key_id.has_value()) {
    return !names.subject_key_id.empty() &&
           *id.subject_key_id == names.subject_key_id;
  }
  return !names.serial.empty() && id.serial == names.serial &&
         id.issuer == names.issuer;
}

absl::StatusOr<EnvelopedData> ParseEnvelopedDataDer(ByteView der) {
  der::Reader reader(der), content_info, content, fields;
  ByteView type;
  if (!reader.ExpectSequence(&content_info)) {
    return Malformed("not a DER SEQUENCE");
  }
  if (!reader.Finish()) return Malformed("bytes follow it");
  if (!content_info.ExpectOid(&type) ||
      ToBytes(type) != oids::CmsEnvelopedData().content) {
    return Malformed("the ContentInfo is of another type");
  }
  if (!content_info.Expect(Constructed(0), &content) ||
      !content_info.Finish() || !content.ExpectSequence(&fields) ||
      !content.Finish()) {
    return Malformed("the ContentInfo is malformed");
  }
  EnvelopedData out;
  if (absl::Status s = ReadEnvelopedData(fields, &out); !s.ok()) return s;
  return out;
}

absl::StatusOr<Bytes> SerializeEnvelopedDataDer(const EnvelopedData& data) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& content_info) {
    content_info.AddOid(oids::CmsEnvelopedData());
    content_info.Add(Constructed(0), [&](der::Writer& content) {
      content.AddSequence([&](der::Writer& fields) {
        fields.AddUint(data.version);
        fields.AddSet([&](der::Writer& recipients) {
          for (const RecipientInfo& info : data.recipients) {
            AddRecipient(recipients, info);
          }
        });
        fields.AddSequence([&](der::Writer& encrypted) {
          encrypted.AddOid(data.content_type);
          AddContentEncryption(encrypted, data.encryption);
          encrypted.AddPrimitive(Primitive(0), data.ciphertext);
        });
      });
    });
  });
  return writer.Finish();
}

}  // namespace bestow::cms
