#include "server/auth/sealed_secret.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

Secret KeyOf(uint8_t octet) {
  return Secret(Bytes(SecretSealer::kKeyBytes, octet));
}

std::string FreshPath() {
  static int count = 0;
  return absl::StrCat(getenv("TEST_TMPDIR"), "/seal", getpid(), "_", count++,
                      ".key");
}

TEST(SealedSecretTest, OpensWhatItSealed) {
  auto sealer = SecretSealer::FromKey(KeyOf(1));
  ASSERT_TRUE(sealer.ok());
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{32}, SecretSealer::kMaxSecretBytes}) {
    const Secret secret(Bytes(size, 'x'));
    auto sealed = (*sealer)->Seal("row 1", secret);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    auto opened = (*sealer)->Open("row 1", *sealed);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->text(), secret.text());
  }
}

TEST(SealedSecretTest, NeverSealsTheSameTwice) {
  auto sealer = SecretSealer::FromKey(KeyOf(1));
  ASSERT_TRUE(sealer.ok());
  const Secret secret("correct horse");
  auto one = (*sealer)->Seal("row", secret);
  auto other = (*sealer)->Seal("row", secret);
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(*one, *other);
  EXPECT_EQ(AsText(*one).find("horse"), std::string_view::npos);
}

TEST(SealedSecretTest, RefusesTooLongASecret) {
  auto sealer = SecretSealer::FromKey(KeyOf(1));
  ASSERT_TRUE(sealer.ok());
  const Secret secret(Bytes(SecretSealer::kMaxSecretBytes + 1, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument((*sealer)->Seal("row", secret).status()));
}

TEST(SealedSecretTest, OpensForItsContextAlone) {
  auto sealer = SecretSealer::FromKey(KeyOf(1));
  ASSERT_TRUE(sealer.ok());
  auto sealed = (*sealer)->Seal("row 1", Secret("s"));
  ASSERT_TRUE(sealed.ok());
  EXPECT_TRUE((*sealer)->Open("row 1", *sealed).ok());
  for (const char* context : {"row 2", "", "row 11", "row"}) {
    EXPECT_TRUE(absl::IsDataLoss((*sealer)->Open(context, *sealed).status()))
        << context;
  }
}

// Each octet changed, each length cut.
TEST(SealedSecretTest, SeesEveryChange) {
  auto sealer = SecretSealer::FromKey(KeyOf(1));
  ASSERT_TRUE(sealer.ok());
  auto sealed = (*sealer)->Seal("row", Secret("secret"));
  ASSERT_TRUE(sealed.ok());
  for (size_t i = 0; i < sealed->size(); ++i) {
    Bytes changed = *sealed;
    changed[i] ^= 1;
    EXPECT_FALSE((*sealer)->Open("row", changed).ok()) << i;
    const Bytes cut(sealed->begin(),
                    sealed->begin() + static_cast<ptrdiff_t>(i));
    EXPECT_TRUE(absl::IsDataLoss((*sealer)->Open("row", cut).status())) << i;
  }
  Bytes longer = *sealed;
  longer.push_back(0);
  EXPECT_TRUE(absl::IsDataLoss((*sealer)->Open("row", longer).status()));
  EXPECT_TRUE((*sealer)->Open("row", *sealed).ok());
}

TEST(SealedSecretTest, TellsAnotherFoldersKey) {
  auto ours = SecretSealer::FromKey(KeyOf(1));
  auto theirs = SecretSealer::FromKey(KeyOf(2));
  ASSERT_TRUE(ours.ok() && theirs.ok());
  auto sealed = (*theirs)->Seal("row", Secret("s"));
  ASSERT_TRUE(sealed.ok());
  auto opened = (*ours)->Open("row", *sealed);
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status())) << opened.status();
}

TEST(SealedSecretTest, KeepsItsKeyInAFileOfTheOwnerAlone) {
  const std::string path = FreshPath();
  EXPECT_TRUE(absl::IsNotFound(SecretSealer::Load(path).status()));
  ASSERT_TRUE(SecretSealer::CreateKeyFile(path).ok());
  struct stat st;
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(st.st_size, 32);
  auto first = SecretSealer::Load(path);
  auto second = SecretSealer::LoadOrCreate(path);
  ASSERT_TRUE(first.ok() && second.ok());
  auto sealed = (*first)->Seal("row", Secret("s"));
  EXPECT_TRUE((*second)->Open("row", *sealed).ok());
  EXPECT_TRUE((*first)->HasSameKeyAs(**second));
  auto other = SecretSealer::LoadOrCreate(FreshPath());
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE((*first)->HasSameKeyAs(**other));
  // What is sealed under it would be lost.
  EXPECT_TRUE(absl::IsAlreadyExists(SecretSealer::CreateKeyFile(path)));
}

TEST(SealedSecretTest, MakesAKeyForAnOlderFolder) {
  const std::string path = FreshPath();
  ASSERT_TRUE(SecretSealer::LoadOrCreate(path).ok());
  auto text = ReadFile(path, 100);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->size(), 32u);
  EXPECT_NE(*text, std::string(32, '\0'));
}

TEST(SealedSecretTest, RefusesAFileThatIsNoKey) {
  for (const size_t size : {size_t{0}, size_t{31}, size_t{33}, size_t{4096}}) {
    const std::string path = FreshPath();
    ASSERT_TRUE(WriteFileAtomically(path, Bytes(size, 7), 0600).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(SecretSealer::Load(path).status()))
        << size;
    EXPECT_FALSE(SecretSealer::LoadOrCreate(path).ok()) << size;
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(SecretSealer::FromKey(Secret("k")).status()));
}

}  // namespace
}  // namespace bestow::server
