#include "common/pki/change_subject_name.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/der/reader.h"
#include "common/der/writer.h"

namespace bestow {
namespace {

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("ChangeSubjectName: ", why));
}

// Both fields are a SEQUENCE without a tag of its own. What is in them tells
// them apart: a Name has SETs, and may be empty; GeneralNames has tagged names,
// and may not.
bool IsName(ByteView element) {
  der::Reader reader(element), content;
  return reader.ExpectSequence(&content) &&
         (content.empty() || content.NextIs(CBS_ASN1_SET));
}

}  // namespace

// ChangeSubjectName ::= SEQUENCE { subject Name OPTIONAL,
//   subjectAlt GeneralNames OPTIONAL }
absl::StatusOr<ChangeSubjectName> ParseChangeSubjectNameDer(ByteView der) {
  der::Reader reader(der), fields;
  if (!reader.ExpectSequence(&fields) || !reader.Finish()) {
    return Malformed("not one DER SEQUENCE");
  }
  // RFC 6402 2.8: "At least one of the fields in the sequence MUST be present".
  if (fields.empty()) return Malformed("it has neither of the names");
  ChangeSubjectName change;
  ByteView element;
  if (!fields.ExpectElement(CBS_ASN1_SEQUENCE, &element)) {
    return Malformed("a field is no SEQUENCE");
  }
  if (IsName(element)) {
    absl::StatusOr<Name> subject = Name::ParseDer(element);
    if (!subject.ok()) return Malformed(subject.status().message());
    change.subject = *std::move(subject);
    if (fields.Finish()) return change;
    if (!fields.ExpectElement(CBS_ASN1_SEQUENCE, &element)) {
      return Malformed("a field is no SEQUENCE");
    }
  }
  absl::StatusOr<std::vector<GeneralName>> sans = ParseGeneralNamesDer(element);
  if (!sans.ok()) return Malformed(sans.status().message());
  change.sans = *std::move(sans);
  if (!fields.Finish()) return Malformed("something follows the names");
  return change;
}

absl::StatusOr<Bytes> SerializeChangeSubjectNameDer(
    const ChangeSubjectName& change) {
  if (!change.subject.has_value() && change.sans.empty()) {
    return Malformed("it has neither of the names");
  }
  Bytes sans;
  if (!change.sans.empty()) {
    absl::StatusOr<Bytes> der = SerializeGeneralNamesDer(change.sans);
    if (!der.ok()) return der.status();
    sans = *std::move(der);
  }
  der::Writer writer;
  writer.AddSequence([&](der::Writer& fields) {
    if (change.subject.has_value()) fields.AddElement(change.subject->der());
    fields.AddElement(sans);
  });
  return writer.Finish();
}

}  // namespace bestow
