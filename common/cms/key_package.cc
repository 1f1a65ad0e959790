#include "common/cms/key_package.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"
#include "common/pki/pkcs8.h"

namespace bestow::cms {
namespace {

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("AsymmetricKeyPackage: ", why));
}

}  // namespace

absl::StatusOr<Secret> SerializeAsymmetricKeyPackageDer(ByteView pkcs8) {
  absl::StatusOr<PrivateKeyInfo> key = ParsePrivateKeyInfoDer(pkcs8);
  if (!key.ok()) return key.status();
  der::Writer writer;
  writer.AddSequence([&](der::Writer& list) { list.AddElement(pkcs8); });
  absl::StatusOr<Bytes> der = writer.Finish();
  if (!der.ok()) return der.status();
  return Secret(*std::move(der));
}

absl::StatusOr<Secret> ParseAsymmetricKeyPackageDer(ByteView der) {
  // AsymmetricKeyPackage ::= SEQUENCE SIZE (1..MAX) OF OneAsymmetricKey
  der::Reader reader(der), list;
  ByteView element;
  if (!reader.ExpectSequence(&list)) return Malformed("not a DER SEQUENCE");
  if (!reader.Finish()) return Malformed("bytes follow it");
  if (list.empty()) return Malformed("no key");
  if (!list.ExpectElement(CBS_ASN1_SEQUENCE, &element)) {
    return Malformed("an entry that is no key");
  }
  if (!list.Finish()) return Malformed("more than one key");
  absl::StatusOr<PrivateKeyInfo> key = ParsePrivateKeyInfoDer(element);
  if (!key.ok()) return Malformed(key.status().message());
  return Secret(ToBytes(element));
}

}  // namespace bestow::cms
