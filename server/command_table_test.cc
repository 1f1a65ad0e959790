#include "server/command_table.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

using Words = std::vector<std::string>;

Words WordsOf(std::string_view text) {
  return absl::StrSplit(text, ' ', absl::SkipEmpty());
}

TEST(CommandTableTest, TeachesEveryCommand) {
  const std::string overview = *HelpText({});
  std::set<std::string_view> names;
  for (const Command* command : AllCommands()) {
    EXPECT_TRUE(names.insert(command->name).second) << command->name;
    const Words words = WordsOf(command->name);
    auto found = FindCommand(words);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->command, command);
    EXPECT_EQ(found->words, words.size());
    EXPECT_TRUE(absl::StrContains(overview, command->name));
    EXPECT_EQ(*HelpText(words), command->text);
    EXPECT_TRUE(absl::StartsWith(command->text,
                                 absl::StrCat("bestow-server ", command->name)))
        << command->name;
    for (std::string_view flag : command->flags) {
      EXPECT_TRUE(absl::StrContains(command->text, absl::StrCat("--", flag)))
          << command->name << " " << flag;
    }
    for (std::string_view line : absl::StrSplit(command->text, '\n')) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
  for (std::string_view line : absl::StrSplit(overview, '\n')) {
    EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(CommandTableTest, TakesTheLongestNameAndLeavesTheRest) {
  const auto found = FindCommand(WordsOf("secrets add gateway-17"));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->command->name, "secrets add");
  EXPECT_EQ(found->words, 2u);
  EXPECT_EQ(FindCommand(WordsOf("approve 7"))->words, 1u);
}

TEST(CommandTableTest, ANounAloneIsItsList) {
  const auto found = FindCommand(WordsOf("certificates"));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->command->name, "certificates list");
  EXPECT_EQ(found->words, 1u);
  const std::string help = *HelpText(WordsOf("requests"));
  EXPECT_TRUE(absl::StrContains(help, "requests list")) << help;
  EXPECT_FALSE(absl::StrContains(help, "certificates list")) << help;
}

TEST(CommandTableTest, SaysWhatMayHaveBeenMeant) {
  const struct {
    const char* words;
    const char* message;
  } kCases[] = {
      {"", "which command?"},
      {"add-secret x", "`add-secret` is now `secrets add`"},
      {"add-ca x", "`add-ca` is now `ca create`"},
      {"add-user", "`add-user` is now `users add`"},
      {"add-identity", "`add-identity` is now `identities add`"},
      {"add-psk", "`add-psk` is now `psks add`"},
      {"list", "`list` is now `certificates list`"},
      {"renew-early", "`renew-early` is now `renewals add`"},
      {"aprove 7", "there is no command aprove; did you mean `approve`?"},
      {"certificate list",
       "there is no command certificate; did you mean `certificates`?"},
      {"secrets ad x",
       "there is no command secrets ad; did you mean `secrets add`?"},
      {"wholly-unlike-any", "there is no command wholly-unlike-any"},
  };
  for (const auto& c : kCases) {
    const auto found = FindCommand(WordsOf(c.words));
    EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound) << c.words;
    EXPECT_EQ(found.status().message(), c.message);
    if (*c.words != '\0') {
      EXPECT_FALSE(HelpText(WordsOf(c.words)).ok());
    }
  }
}

}  // namespace
}  // namespace bestow::server
