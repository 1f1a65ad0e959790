#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

absl::StatusOr<Config> Parse(const std::string& keys) {
  return ParseConfig("[store]\n" + keys, "x.toml");
}

TEST(StoreReaderTest, TheFileThatInitWritesIsTheDefaults) {
  auto config = ParseConfig(ConfigFileText({"[::]:0"}, {"a.b"}), "x.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->store.engine, StoreEngine::kSqlite);
  EXPECT_EQ(config->store.connection, "");
  EXPECT_EQ(config->store.password_file, "");
}

TEST(StoreReaderTest, ReadsEachKey) {
  auto config = Parse(
      "engine = 'postgresql'\n"
      "connection = 'host=/run/postgresql dbname=bestow user=a'\n"
      "password_file = '/etc/bestow/database-password'");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->store.engine, StoreEngine::kPostgresql);
  EXPECT_EQ(config->store.connection,
            "host=/run/postgresql dbname=bestow user=a");
  EXPECT_EQ(config->store.password_file, "/etc/bestow/database-password");
  for (const char* connection :
       {"postgresql://bestow@db.example:5432/bestow", "service=bestow",
        "host=db.example passfile=/etc/bestow/pgpass"}) {
    EXPECT_TRUE(Parse(std::string("engine = 'postgresql'\nconnection = '") +
                      connection + "'\npassword_credential = 'db'")
                    .ok())
        << connection;
  }
}

TEST(StoreReaderTest, NamesEachMistake) {
  for (const auto& [text, line] :
       {std::pair("engine = 'mysql'", "x.toml:2: "),
        std::pair("engine = 'postgresql'", "x.toml:1: "),
        std::pair("connection = 'dbname=a'", "x.toml:2: "),
        std::pair("engine = 'postgresql'\n"
                  "connection = 'dbname=a password=secret'",
                  "x.toml:3: "),
        std::pair("engine = 'postgresql'\n"
                  "connection = 'password = secret dbname=a'",
                  "x.toml:3: "),
        std::pair("engine = 'postgresql'\n"
                  "connection = 'postgresql://bestow:secret@host/db'",
                  "x.toml:3: "),
        std::pair("engine = 'postgresql'\n"
                  "connection = 'postgresql://host/db?password=secret'",
                  "x.toml:3: "),
        std::pair("engine = 'postgresql'\nconnection = 'dbname=a'\n"
                  "password_file = 'p'\npassword_credential = 'c'",
                  "x.toml:5: "),
        std::pair("password_credential = '../c'", "x.toml:2: "),
        std::pair("password = 'secret'", "x.toml:2: ")}) {
    const absl::Status status = Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_TRUE(absl::StrContains(status.message(), line)) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "secret@")) << status;
  }
}

}  // namespace
}  // namespace bestow::server
