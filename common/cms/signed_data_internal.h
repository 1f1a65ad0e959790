// What signed_data.cc and verify_signed_data.cc share.
#ifndef COMMON_CMS_SIGNED_DATA_INTERNAL_H_
#define COMMON_CMS_SIGNED_DATA_INTERNAL_H_

#include "common/der/reader.h"

namespace bestow::cms {

// The [0] of a ContentInfo, of eContent, of the certificates, of signedAttrs.
inline constexpr der::Tag kExplicit0 =
    CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
// signedAttrs' tag in a SignerInfo, and the one that is signed.
inline constexpr uint8_t kSignedAttributesOctet = 0xA0;
inline constexpr uint8_t kSetOctet = 0x31;

}  // namespace bestow::cms

#endif  // COMMON_CMS_SIGNED_DATA_INTERNAL_H_
