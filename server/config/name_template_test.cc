#include "server/config/name_template.h"

#include <string>

#include "absl/status/status.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

TEST(NameTemplateTest, MakesAnIdentityOfAManufacturersSubject) {
  const Name subject = *Name::FromText("O=Acme,CN=Box 3,serialNumber=A-17");
  EXPECT_EQ(*RenderIdevidIdentity("{serialNumber}", subject), "A-17");
  EXPECT_EQ(*RenderIdevidIdentity("{CN}", subject), "Box 3");
  EXPECT_EQ(*RenderIdevidIdentity("acme-{serialNumber}.{CN}", subject),
            "acme-A-17.Box 3");
}

// A value is text, whatever it looks like.
TEST(NameTemplateTest, RendersBracesInAValueAsTheyAre) {
  const Name subject = *Name::FromAttributes(
      {{oids::CommonName(), "{serialNumber}"}, {oids::SerialNumber(), "7"}});
  EXPECT_EQ(*RenderIdevidIdentity("{CN}-{serialNumber}", subject),
            "{serialNumber}-7");
}

TEST(NameTemplateTest, RefusesSubjectsThatAreNotClear) {
  for (const char* subject :
       {"", "CN=a", "serialNumber=1,serialNumber=2", "O=Acme"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        RenderIdevidIdentity("{serialNumber}", *Name::FromText(subject))
            .status()))
        << subject;
  }
}

TEST(NameTemplateTest, RefusesTemplatesThatNameNoDevice) {
  EXPECT_TRUE(CheckIdevidTemplate("{CN}").ok());
  for (const char* text : {"", "gw", "{cn}", "{CN}{", "{CN}}", "{CN}{O}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckIdevidTemplate(text))) << text;
  }
}

}  // namespace
}  // namespace bestow::server
