#include "server/upstream/upstream_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/tls/test_ca.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

class UpstreamFilesTest : public ::testing::Test {
 protected:
  UpstreamFilesTest() {
    static int count = 0;
    above_ = absl::StrCat(getenv("TEST_TMPDIR"), "/ra", getpid(), "_", count++);
    folder_ = absl::StrCat(above_, "/main");
  }

  OwnCredential Credential() {
    OwnCredential credential;
    credential.key = *SoftwareSigner::Generate();
    credential.chain = {*ParseCertificateDer(
        ca_.Issue(TestClientLeaf(), credential.key->public_key_spki()))};
    return credential;
  }
  std::string Path(const std::string& name) { return folder_ + "/" + name; }

  TestCa ca_{"upstream"};
  std::string above_, folder_;
};

TEST_F(UpstreamFilesTest, KeepsACredentialAsOneFileForItsOwnerAlone) {
  const UpstreamFiles files(folder_);
  EXPECT_TRUE(absl::IsNotFound(files.LoadCredential().status()));
  const OwnCredential credential = Credential();
  ASSERT_TRUE(files.SaveCredential(credential).ok());
  auto loaded = UpstreamFiles(folder_).LoadCredential();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->chain, credential.chain);
  EXPECT_EQ(loaded->key->public_key_spki(), credential.key->public_key_spki());
  struct stat info;
  ASSERT_EQ(stat(Path("ra.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(UpstreamFilesTest, RefusesACredentialThatDoesNotFit) {
  const UpstreamFiles files(folder_);
  OwnCredential mixed = Credential();
  mixed.key = *SoftwareSigner::Generate();
  ASSERT_TRUE(files.SaveCredential(mixed).ok());
  auto loaded = files.LoadCredential();
  EXPECT_TRUE(absl::IsFailedPrecondition(loaded.status()));
  EXPECT_NE(loaded.status().message().find(Path("ra.pem")), std::string::npos);
  for (const std::string& text :
       {std::string(), std::string("nothing"),
        SerializeCertificatePem(ca_.certificate().der)}) {
    ASSERT_TRUE(WriteFileAtomically(Path("ra.pem"), AsBytes(text), 0600).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(files.LoadCredential().status()))
        << text;
  }
}

TEST_F(UpstreamFilesTest, KeepsTheNextKeyUntilItIsRemoved) {
  const UpstreamFiles files(folder_);
  EXPECT_TRUE(absl::IsNotFound(files.LoadNextKey().status()));
  const OwnCredential credential = Credential();
  ASSERT_TRUE(files.SaveNextKey(*credential.key).ok());
  auto next = files.LoadNextKey();
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ((*next)->public_key_spki(), credential.key->public_key_spki());
  struct stat info;
  ASSERT_EQ(stat(Path("next.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(files.RemoveNextKey().ok());
  EXPECT_TRUE(absl::IsNotFound(files.LoadNextKey().status()));
  EXPECT_TRUE(files.RemoveNextKey().ok());
}

TEST_F(UpstreamFilesTest, CaCertsCountUnderTheirSourceAlone) {
  const UpstreamFiles files(folder_);
  EXPECT_EQ(files.LoadCaCerts("a")->size(), 0u);
  ASSERT_TRUE(files.SaveCaCerts("Learned through a", {ca_.certificate()}).ok());
  auto learned = files.LoadCaCerts("Learned through a");
  ASSERT_TRUE(learned.ok()) << learned.status();
  EXPECT_EQ(*learned, std::vector<Certificate>{ca_.certificate()});
  EXPECT_EQ(files.LoadCaCerts("Learned through b")->size(), 0u);
  EXPECT_EQ(files.LoadCaCerts("Learned through")->size(), 0u);
}

}  // namespace
}  // namespace bestow::server
