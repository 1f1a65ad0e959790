#include "common/tpm/parent.h"

#include "common/tpm/tpm.h"
#include "gtest/gtest.h"

namespace bestow {
namespace {

TEST(TpmParentTest, ReadsTheTemplateAndPersistentHandles) {
  EXPECT_EQ(*ParseTpmParent("template"), kParentOwner);
  EXPECT_EQ(*ParseTpmParent("0x81000001"), 0x81000001u);
  EXPECT_EQ(*ParseTpmParent("0x81000000"), 0x81000000u);
  EXPECT_EQ(*ParseTpmParent("0x817fFfff"), 0x817fffffu);
  for (const char* wrong :
       {"", "Template", "81000001", "0x", "0x8100001", "0x081000001",
        "0x81800000", "0x80ffffff", "0x40000001", "0x80000001", "0x8100000g",
        "0x-1000001", "0x 1000001", " 0x81000001", "0x0x810000"}) {
    EXPECT_FALSE(ParseTpmParent(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace bestow
