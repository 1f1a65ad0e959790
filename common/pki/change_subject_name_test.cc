#include "common/pki/change_subject_name.h"

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"
#include "testdata/matchers.h"

namespace bestow {
namespace {

TEST(ChangeSubjectNameTest, EveryCaseComesBackFromItsParts) {
  testdata::ExpectRoundTrips("change_subject_name",
                             [](ByteView der) -> absl::StatusOr<Bytes> {
                               absl::StatusOr<ChangeSubjectName> change =
                                   ParseChangeSubjectNameDer(der);
                               if (!change.ok()) return change.status();
                               return SerializeChangeSubjectNameDer(*change);
                             });
}

TEST(ChangeSubjectNameTest, EveryCaseSaysItsNames) {
  for (const testdata::Case& test :
       testdata::LoadCases("change_subject_name")) {
    if (!test.accept) continue;
    SCOPED_TRACE(test.name);
    const absl::StatusOr<ChangeSubjectName> change =
        ParseChangeSubjectNameDer(test.data);
    ASSERT_TRUE(change.ok()) << change.status();
    EXPECT_EQ(change->subject.has_value()
                  ? "'" + change->subject->ToText() + "'"
                  : "none",
              test.notes.at("subject"));
    EXPECT_EQ(absl::StrJoin(change->sans, " ",
                            [](std::string* out, const GeneralName& name) {
                              out->append(name.ToText());
                            }),
              test.notes.at("sans"));
  }
}

// RFC 6402 2.8: "At least one of the fields in the sequence MUST be present".
TEST(ChangeSubjectNameTest, RefusesToWriteNeither) {
  EXPECT_FALSE(SerializeChangeSubjectNameDer({}).ok());
  ChangeSubjectName change;
  change.subject = Name();
  EXPECT_TRUE(SerializeChangeSubjectNameDer(change).ok());
}

}  // namespace
}  // namespace bestow
