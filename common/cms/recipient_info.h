// One RecipientInfo of EnvelopedData (RFC 5652 6.2), between its reader and
// octets.
#ifndef COMMON_CMS_RECIPIENT_INFO_H_
#define COMMON_CMS_RECIPIENT_INFO_H_

#include "common/base/bytes.h"
#include "common/cms/enveloped_data.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow::cms {

constexpr der::Tag Constructed(unsigned number) {
  return CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | number;
}
constexpr der::Tag Primitive(unsigned number) {
  return CBS_ASN1_CONTEXT_SPECIFIC | number;
}

// `element` is whole and has this tag. What is not understood is kOther.
RecipientInfo ReadRecipient(ByteView element, der::Tag tag);

// In the octets that ReadRecipient() took.
void AddRecipient(der::Writer& writer, const RecipientInfo& info);

}  // namespace bestow::cms

#endif  // COMMON_CMS_RECIPIENT_INFO_H_
