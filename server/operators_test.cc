// Every operation of the operator's, by the tool itself and through the admin
// socket of a running server, on SQLite and on PostgreSQL: one table of tests
// for all four.
#include "server/operators.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/net/http_server.h"
#include "gtest/gtest.h"
#include "server/admin/admin_session.h"
#include "server/admin/admin_socket.h"
#include "server/admin/ca_folder.h"
#include "server/admin/commands.h"
#include "server/admin/new_ca.h"
#include "server/admin/operation_command.h"
#include "server/admin/state_files.h"
#include "server/admin/state_folder.h"
#include "server/admin/state_store.h"
#include "server/auth/password.h"
#include "server/auth/sealed_records.h"
#include "server/command_table.h"
#include "server/config/store_config.h"
#include "server/store/postgres_fixture.h"

namespace bestow::server {
namespace {

using Words = std::vector<std::string>;

constexpr size_t kMaxConfigBytes = 100'000;

enum class Way { kTheToolItself, kThroughTheSocket };

class OperatorsTest
    : public testing::TestWithParam<std::tuple<Way, StoreEngine>> {
 protected:
  void SetUp() override {
    static int count = 0;
    folder_ = absl::StrCat(getenv("TEST_TMPDIR"), "/operators", getpid(), "_",
                           count++);
    file_ = folder_ + ".file";
    ASSERT_EQ(InitCommand(console_,
                          {folder_, "est.example", "127.0.0.1:0", "Test CA"}),
              kExitOk)
        << err_.str();
    if (engine() == StoreEngine::kPostgresql) {
      auto connection = PostgresServer::Shared().CreateDatabase();
      ASSERT_TRUE(connection.ok()) << connection.status();
      // No file of SQLite's is touched from here on.
      ASSERT_TRUE(RemovePath(StatePaths(folder_).database).ok());
      const std::string config = StatePaths(folder_).config;
      const std::string on_postgresql = absl::StrReplaceAll(
          *ReadFile(config, kMaxConfigBytes),
          {{"engine = \"sqlite\"\n",
            absl::StrCat("engine = \"postgresql\"\nconnection = \"",
                         *connection, "\"\n")}});
      ASSERT_TRUE(
          WriteFileAtomically(config, AsBytes(on_postgresql), 0600).ok());
    }
    Start();
    WriteInput("open sesame\n");
    Clear();
  }
  void TearDown() override {
    Stop();
    if (listening_fd_ >= 0) close(listening_fd_);
    EXPECT_EQ(PathExists(StatePaths(folder_).database),
              engine() == StoreEngine::kSqlite && PathExists(folder_));
  }

  static Way way() { return std::get<Way>(GetParam()); }
  static StoreEngine engine() { return std::get<StoreEngine>(GetParam()); }

  // The server of the folder, as far as operators see it: no worker runs.
  void Start() {
    if (way() == Way::kTheToolItself) return;
    const StatePaths paths(folder_);
    auto state = LoadState(paths);
    ASSERT_TRUE(state.ok()) << state.status();
    auto socket = OpenAdminSocket(paths, state->config);
    ASSERT_TRUE(socket.ok()) << socket.status();
    auto store = OpenStateStore(paths);
    ASSERT_TRUE(store.ok()) << store.status();
    if (listening_fd_ < 0) listening_fd_ = *OpenListeningSocket("127.0.0.1:0");
    auto server =
        Server::Create(*std::move(state), *std::move(store), {listening_fd_},
                       clock_, [](const std::string&) {});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    AdminHooks hooks;
    hooks.reload = [this, paths](const std::string& actor)
        -> absl::StatusOr<std::vector<std::string>> {
      auto fresh = LoadState(paths);
      if (!fresh.ok()) return fresh.status();
      return server_->Reload(*fresh, actor);
    };
    auto operators = ServeOperators(*std::move(socket), paths, *server_, clock_,
                                    hooks, [](const std::string&) {});
    ASSERT_TRUE(operators.ok()) << operators.status();
    operators_ = *std::move(operators);
    WaitForAudit("start");
  }
  // What a server does by itself is audited without anybody waiting for it.
  void WaitForAudit(std::string_view action) {
    while (Audited().action != action) std::this_thread::yield();
  }
  void Stop() {
    operators_.reset();
    server_.reset();
  }
  void AddToConfig(const std::string& text) {
    std::ofstream(StatePaths(folder_).config, std::ios::app) << text;
    Stop();
    Start();
  }
  void WriteInput(const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(file_, AsBytes(text), 0600).ok());
  }
  void Clear() {
    out_.str("");
    err_.str("");
  }

  // main()'s, of flags whose default is not "".
  const std::map<std::string_view, std::string> kDefaults = {
      {"valid_for", "24h"},    {"format", "pem"},
      {"key_type", "ec-p256"}, {"key_storage", "file"},
      {"kind", "standalone"},  {"tpm", "device:/dev/tpmrm0"},
  };

  // As main() would: "secrets", "add", "gw-17", "--label=plant".
  int Run(const Words& given) {
    Clear();
    Words words;
    std::map<std::string, std::string, std::less<>> flags;
    for (const std::string& word : given) {
      if (absl::StartsWith(word, "--")) {
        const std::pair<std::string, std::string> flag =
            absl::StrSplit(word.substr(2), absl::MaxSplits('=', 1));
        flags[flag.first] = flag.second;
      } else {
        words.push_back(word);
      }
    }
    auto found = FindCommand(words);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok()) return -1;
    const Command& command = *found->command;
    CommandLine::Flags all;
    for (std::string_view name : command.flags) {
      const bool is_bool = name == "json" || name == "ra" ||
                           name == "replace" || name == "digest" ||
                           name == "cancel" || name == "release" ||
                           name == "delta";
      const auto it = kDefaults.find(name);
      all.emplace(name, CommandLine::Flag{it != kDefaults.end() ? it->second
                                          : is_bool             ? "false"
                                                                : "",
                                          false, is_bool});
    }
    flags["state_dir"] = folder_;
    for (const auto& [name, value] : flags) {
      if (name == "nora") {
        all["ra"] = {"false", true, true};
        continue;
      }
      EXPECT_EQ(all.count(name), 1u) << command.name << " --" << name;
      all[name] = {all[name].is_bool ? "true" : value, true, all[name].is_bool};
    }
    const CommandLine line(all,
                           words.size() > found->words ? words.back() : "");
    return command.run != nullptr
               ? command.run(console_, line)
               : RunOperationCommand(console_, command, line);
  }
  int AddUser(const std::string& name) {
    return Run({"users", "add", name, "--password_file=" + file_});
  }
  Json Printed() {
    auto json = ParseJson(out_.str());
    EXPECT_TRUE(json.ok()) << out_.str();
    return json.ok() ? *json : Json();
  }
  Json List(Words words) {
    words.push_back("--json");
    EXPECT_EQ(Run(words), kExitOk) << err_.str();
    return Printed();
  }

  // What is in the store. One of the tool's own is opened for the time of it.
  void InStore(const std::function<void(Store&)>& look) {
    if (server_ != nullptr) return look(server_->store());
    auto store = OpenStateStore(StatePaths(folder_));
    ASSERT_TRUE(store.ok()) << store.status();
    look(**store);
  }
  Identity IdentityCalled(const std::string& name) {
    Identity identity;
    InStore([&](Store& store) {
      auto found = store.FindIdentity(name);
      EXPECT_TRUE(found.ok()) << found.status();
      if (found.ok()) identity = *found;
    });
    return identity;
  }
  // The newest entry of the audit log.
  AuditEntry Audited() {
    AuditEntry entry;
    InStore([&](Store& store) {
      auto last = store.LastAudit();
      EXPECT_TRUE(last.ok() || absl::IsNotFound(last.status()))
          << last.status();
      if (last.ok()) entry = last->entry;
    });
    return entry;
  }
  void Issue(const std::string& identity, Bytes serial, absl::Time not_after,
             const std::string& label = "") {
    InStore([&](Store& store) {
      Issuance issuance;
      issuance.record.serial = std::move(serial);
      issuance.record.identity_id = store.FindIdentity(identity)->id;
      issuance.record.identity = identity;
      issuance.record.label = label;
      issuance.record.operation = "simpleenroll";
      issuance.record.subject = "CN=\"gw\\17";
      issuance.record.not_before = not_after - absl::Hours(24);
      issuance.record.not_after = not_after;
      issuance.record.issued_at = not_after - absl::Hours(24);
      issuance.record.key_sha256 = Bytes(32, 7);
      issuance.record.certificate = {0x30, 0};
      std::promise<absl::Status> done;
      store.Issue(issuance, [&](absl::StatusOr<Issued> result) {
        done.set_value(result.status());
      });
      ASSERT_TRUE(done.get_future().get().ok());
    });
  }

  std::string folder_, file_;
  std::ostringstream out_, err_;
  SystemClock clock_;
  Console console_{out_, err_, clock_};
  int listening_fd_ = -1;
  std::unique_ptr<Server> server_;
  std::unique_ptr<AdminServer> operators_;
};

INSTANTIATE_TEST_SUITE_P(
    BothWaysOnBothEngines, OperatorsTest,
    testing::Combine(
        testing::Values(Way::kTheToolItself, Way::kThroughTheSocket),
        testing::Values(StoreEngine::kSqlite, StoreEngine::kPostgresql)),
    [](const auto& info) {
      return absl::StrCat(
          std::get<Way>(info.param) == Way::kTheToolItself ? "TheToolItself"
                                                           : "ThroughTheSocket",
          std::get<StoreEngine>(info.param) == StoreEngine::kSqlite
              ? "OnSqlite"
              : "OnPostgresql");
    });

TEST_P(OperatorsTest, AddsAUserWhosePasswordVerifies) {
  EXPECT_EQ(AddUser("gw-17"), kExitOk) << err_.str();
  EXPECT_EQ(out_.str().find("sesame"), std::string::npos);
  EXPECT_TRUE(VerifyPassword(Secret("open sesame"),
                             IdentityCalled("gw-17").password_hash));
  EXPECT_EQ(AddUser("gw-17"), kExitFailed);
  EXPECT_TRUE(absl::StrContains(err_.str(), "--replace")) << err_.str();
  EXPECT_EQ(
      Run({"users", "add", "gw-17", "--replace", "--password_file=" + file_}),
      kExitOk);
  EXPECT_EQ(Run({"users", "add", "gw-17"}), kExitUsage);
  ASSERT_EQ(Run({"identities", "add", "gw-18"}), kExitOk);
  const Json users = List({"users", "list"});
  ASSERT_EQ(users.size(), 1u);
  EXPECT_EQ(TextOf(users[0], "name"), "gw-17");
  EXPECT_EQ(Run({"users", "remove", "gw-17"}), kExitOk);
  EXPECT_EQ(IdentityCalled("gw-17").password_hash, "");
  EXPECT_EQ(Run({"users", "remove", "gw-17"}), kExitFailed);
  EXPECT_EQ(Run({"users", "list"}), kExitOk);
  EXPECT_EQ(out_.str(), "No identity has a password.\n");
}

TEST_P(OperatorsTest, RefusesIdentitiesThatMayNotBe) {
  for (const char* name : {"est.example", "EST.example", "a b", "", "a:b"}) {
    EXPECT_NE(AddUser(name), kExitOk) << name;
    EXPECT_FALSE(err_.str().empty());
    EXPECT_NE(Run({"secrets", "add", name}), kExitOk) << name;
    EXPECT_EQ(out_.str(), "");
  }
  EXPECT_EQ(List({"identities", "list"}).size(), 0u);
}

TEST_P(OperatorsTest, RefusesBadPasswordFiles) {
  for (const char* text : {"", "\n", "a\nb\n", "a\x01"}) {
    WriteInput(text);
    EXPECT_EQ(AddUser("gw-17"), kExitUsage) << text;
  }
  EXPECT_EQ(Run({"users", "add", "a", "--password_file=" + folder_ + "/none"}),
            kExitFailed);
}

TEST_P(OperatorsTest, PrintsTheSecretAlone) {
  EXPECT_EQ(Run({"secrets", "add", "gw-17"}), kExitOk) << err_.str();
  std::string secret = out_.str();
  ASSERT_EQ(secret.size(), 33u);
  ASSERT_EQ(secret.back(), '\n');
  secret.pop_back();
  EXPECT_EQ(err_.str().find(secret), std::string::npos);
  const Identity identity = IdentityCalled("gw-17");
  InStore([&](Store& store) {
    EXPECT_TRUE(
        store.FindSecret(identity.id, HashOneTimeSecret(Secret(secret))).ok());
  });
  // Shown once: neither the list nor the log has it.
  const Json secrets = List({"secrets", "list"});
  ASSERT_EQ(secrets.size(), 1u);
  EXPECT_EQ(TextOf(secrets[0], "identity"), "gw-17");
  EXPECT_EQ(TextOf(secrets[0], "state"), "unused");
  EXPECT_EQ(out_.str().find(secret), std::string::npos);
  const AuditEntry entry = Audited();
  EXPECT_EQ(entry.action, "secrets add");
  EXPECT_EQ(entry.subject, "gw-17");
  EXPECT_EQ(entry.detail.find(secret), std::string::npos);
  for (const char* duration : {"", "0", "-1h", "tomorrow"}) {
    EXPECT_EQ(Run({"secrets", "add", "gw-17",
                   absl::StrCat("--valid_for=", duration)}),
              kExitUsage);
    EXPECT_EQ(out_.str(), "");
  }
  EXPECT_EQ(Run({"secrets", "remove", TextOf(secrets[0], "id")}), kExitOk);
  EXPECT_EQ(Run({"secrets", "remove", TextOf(secrets[0], "id")}), kExitFailed);
  EXPECT_EQ(Run({"secrets", "remove", "first"}), kExitUsage);
  EXPECT_EQ(List({"secrets", "list"}).size(), 0u);
  EXPECT_EQ(Run({"secrets", "add", "gw-17", "--json"}), kExitOk);
  EXPECT_EQ(TextOf(Printed(), "secret").size(), 32u);
}

TEST_P(OperatorsTest, ASecretThatIsGuessedIsNotStored) {
  auto session = AdminSession::Open(folder_, clock_);
  ASSERT_TRUE(session.ok());
  AdminCall call;
  call.operation = "secrets add";
  call.arguments = {{"name", "gw-17"}, {"valid_for", "1h"}};
  for (const char* secret : {"", "hunter2", "nineteen octets ..."}) {
    call.secret = Secret(secret);
    EXPECT_TRUE(absl::IsInvalidArgument((*session)->Run(call).status()));
  }
  call.secret = Secret("twenty octets, these");
  EXPECT_TRUE((*session)->Run(call).ok());
}

TEST_P(OperatorsTest, AnUnknownOperationIsSaidToBeOne) {
  auto session = AdminSession::Open(folder_, clock_);
  ASSERT_TRUE(session.ok());
  AdminCall call;
  call.operation = "certificates forge";
  EXPECT_TRUE(absl::IsUnimplemented((*session)->Run(call).status()));
}

TEST_P(OperatorsTest, ListsShowsAndExportsCertificates) {
  EXPECT_EQ(Run({"certificates", "list"}), kExitOk);
  EXPECT_EQ(out_.str(), "No such certificate has been issued.\n");
  EXPECT_EQ(List({"certificates"}), Json::array());
  ASSERT_EQ(Run({"identities", "add", "gw-17"}), kExitOk);
  const absl::Time now = clock_.Now();
  Issue("gw-17", {0x40, 0xab}, absl::FromUnixSeconds(86400));
  Issue("gw-17", {0x41, 0xcd}, now + absl::Hours(48));
  Issue("gw-17", {0x41, 0xce}, now + absl::Hours(24 * 60));
  const Json all = List({"certificates", "list"});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(TextOf(all[0], "serial"), "40ab");
  EXPECT_EQ(TextOf(all[0], "identity"), "gw-17");
  EXPECT_EQ(TextOf(all[0], "state"), "expired");
  EXPECT_EQ(TextOf(all[0], "subject"), "CN=\"gw\\17");
  EXPECT_EQ(TextOf(all[0], "not_after"), "1970-01-02T00:00:00Z");
  EXPECT_EQ(TextOf(all[0], "operation"), "simpleenroll");
  EXPECT_EQ(TextOf(all[1], "state"), "valid");
  const auto count = [this](const Words& flags) {
    Words words = {"certificates", "list"};
    words.insert(words.end(), flags.begin(), flags.end());
    return List(words).size();
  };
  EXPECT_EQ(count({"--state=valid"}), 2u);
  EXPECT_EQ(count({"--state=expired"}), 1u);
  EXPECT_EQ(count({"--state=revoked"}), 0u);
  EXPECT_EQ(count({"--state=any"}), 3u);
  EXPECT_EQ(count({"--expiring=3d"}), 1u);
  EXPECT_EQ(count({"--expiring=90d"}), 2u);
  EXPECT_EQ(count({"--identity=gw-17"}), 3u);
  EXPECT_EQ(count({"--identity=gw-18"}), 0u);
  EXPECT_EQ(count({"--label=."}), 3u);
  EXPECT_EQ(count({"--label=plant"}), 0u);
  EXPECT_EQ(count({"--serial=41"}), 2u);
  EXPECT_EQ(count({"--serial=41CD"}), 1u);
  for (const char* flag : {"--state=good", "--expiring=soon", "--expiring=-1d",
                           "--serial=4", "--serial=4x"}) {
    EXPECT_EQ(Run({"certificates", "list", flag}), kExitUsage) << flag;
  }
  EXPECT_EQ(Run({"certificates", "list", "--expiring=1d", "--state=revoked"}),
            kExitUsage);

  EXPECT_EQ(Run({"certificates", "list"}), kExitOk);
  EXPECT_TRUE(absl::StartsWith(out_.str(), "SERIAL  IDENTITY  LABEL  STATE"))
      << out_.str();
  EXPECT_EQ(Run({"certificates", "show", "40"}), kExitOk) << err_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "serial         40ab\n"))
      << out_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "-----BEGIN CERTIFICATE-----\n"));
  EXPECT_EQ(Run({"certificates", "show", "41"}), kExitUsage);
  EXPECT_EQ(Run({"certificates", "show", "42"}), kExitFailed);

  EXPECT_EQ(Run({"certificates", "export"}), kExitOk);
  EXPECT_TRUE(absl::StartsWith(
      out_.str(), "40ab CN=\"gw\\17\n-----BEGIN CERTIFICATE-----\n"))
      << out_.str();
  EXPECT_EQ(Run({"certificates", "export", "--format=csv", "--state=valid"}),
            kExitOk);
  const Words lines = absl::StrSplit(out_.str(), "\r\n", absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(absl::StartsWith(lines[0], "serial,identity,label,state,"));
  EXPECT_TRUE(
      absl::StartsWith(lines[1], "41cd,gw-17,,valid,\"CN=\"\"gw\\17\","))
      << lines[1];
  EXPECT_EQ(Run({"certificates", "export", "--format=json"}), kExitOk);
  EXPECT_EQ(Printed().size(), 3u);
  EXPECT_EQ(Run({"certificates", "export", "--format=xml"}), kExitUsage);

  EXPECT_EQ(Run({"identities", "show", "gw-17"}), kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(), "41cd")) << out_.str();
  EXPECT_FALSE(absl::StrContains(out_.str(), "40ab")) << out_.str();
  // Those that are valid keep their identity.
  EXPECT_EQ(Run({"identities", "remove", "gw-17"}), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "bestow-server revoke"))
      << err_.str();

  const Json statistics = List({"statistics"});
  ASSERT_EQ(statistics["labels"].size(), 1u);
  EXPECT_EQ(NumberOf(statistics["labels"][0], "valid"), 2);
  EXPECT_EQ(NumberOf(statistics["labels"][0], "expired"), 1);
  EXPECT_EQ(NumberOf(statistics["labels"][0], "ends_1d"), 0);
  EXPECT_EQ(NumberOf(statistics["labels"][0], "ends_7d"), 1);
  EXPECT_EQ(NumberOf(statistics["labels"][0], "ends_90d"), 2);
  EXPECT_EQ(NumberOf(statistics, "identities"), 1);
  EXPECT_EQ(Run({"statistics"}), kExitOk);
  for (std::string_view line : absl::StrSplit(out_.str(), '\n')) {
    EXPECT_LE(line.size(), 100u) << line;
  }
}

TEST_P(OperatorsTest, ListsOfManyPagesAreWhole) {
  // More than a page; a few by the tool, which opens the database for each.
  const int many = way() == Way::kTheToolItself       ? 21
                   : engine() == StoreEngine::kSqlite ? 1203
                                                      : 503;
  for (int i = 0; i < many; ++i) {
    InStore([&](Store& store) {
      ASSERT_TRUE(store
                      .AddIdentity(absl::StrCat("gw-", i), {}, clock_.Now(),
                                   AuditEntry())
                      .ok());
    });
  }
  const Json identities = List({"identities", "list"});
  const size_t expected = static_cast<size_t>(many);
  ASSERT_EQ(identities.size(), expected);
  EXPECT_EQ(TextOf(identities[expected - 1], "name"),
            absl::StrCat("gw-", expected - 1));
}

TEST_P(OperatorsTest, AFolderThatIsNoStateIsExitCode3) {
  Stop();
  folder_ += "_none";
  EXPECT_EQ(Run({"certificates", "list"}), kExitState);
  EXPECT_EQ(AddUser("a"), kExitState);
  EXPECT_EQ(Run({"secrets", "add", "a"}), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "bestow-server init"))
      << err_.str();
}

TEST_P(OperatorsTest, IdentitiesAreGoodForTheLabelsThatTheyGet) {
  AddToConfig("[labels.plant]\nprofile.subject = \"O=P,CN={identity}\"\n");
  const auto labels_of = [this](const std::string& name) {
    return IdentityCalled(name).labels;
  };
  EXPECT_EQ(Run({"identities", "add", "a"}), kExitOk);
  EXPECT_EQ(out_.str(), "Identity a is good for: ..\n");
  EXPECT_EQ(labels_of("a"), Words{""});
  EXPECT_EQ(Run({"identities", "add", "b", "--label=plant"}), kExitOk);
  EXPECT_EQ(labels_of("b"), Words{"plant"});
  EXPECT_EQ(Run({"secrets", "add", "c", "--label=plant, ."}), kExitOk);
  EXPECT_EQ(labels_of("c"), (Words{"", "plant"}));
  EXPECT_EQ(Run({"identities", "add", "a", "--label=plant"}), kExitOk);
  EXPECT_EQ(labels_of("a"), (Words{"", "plant"}));
  EXPECT_EQ(Run({"identities", "add", "d", "--label=plnt"}), kExitUsage);
  EXPECT_TRUE(absl::StrContains(err_.str(), "it has: ., plant")) << err_.str();
  EXPECT_NE(Run({"identities", "add", "est.example", "--label=plant"}),
            kExitOk);
  EXPECT_EQ(Run({"identities", "remove", "b"}), kExitOk) << err_.str();
  EXPECT_EQ(Run({"identities", "show", "b"}), kExitFailed);
  EXPECT_EQ(Run({"identities", "remove", "b"}), kExitFailed);
  const AuditEntry entry = Audited();
  EXPECT_EQ(entry.actor, OperatorName(getuid()));
  EXPECT_EQ(entry.source, "local");
  EXPECT_EQ(entry.action, "identities remove");
  EXPECT_EQ(entry.subject, "b");
}

TEST_P(OperatorsTest, RegistrationAuthoritiesAreMadeByTheOperator) {
  const auto is_ra = [this] { return IdentityCalled("ra-1").is_ra; };
  EXPECT_EQ(Run({"identities", "add", "ra-1"}), kExitOk);
  EXPECT_FALSE(is_ra());
  EXPECT_EQ(Run({"identities", "add", "ra-1", "--ra"}), kExitOk);
  EXPECT_TRUE(is_ra());
  EXPECT_TRUE(absl::StrContains(Audited().detail, "; ra"));
  EXPECT_EQ(Run({"secrets", "add", "ra-1"}), kExitOk);
  EXPECT_TRUE(is_ra());
  EXPECT_EQ(Run({"identities", "add", "ra-1", "--nora"}), kExitOk);
  EXPECT_FALSE(is_ra());
}

TEST_P(OperatorsTest, DigestIsForThoseWhoAskForIt) {
  const auto secrets = [this](const std::string& name) {
    size_t count = 0;
    InStore([&](Store& store) {
      const auto identity = store.FindIdentity(name);
      count = store.FindDigestSecrets(identity->id, "Bestow", "MD5")->size();
    });
    return count;
  };
  ASSERT_EQ(AddUser("plain"), kExitOk);
  EXPECT_EQ(secrets("plain"), 0u);
  ASSERT_EQ(
      Run({"users", "add", "digest", "--digest", "--password_file=" + file_}),
      kExitOk);
  EXPECT_EQ(secrets("digest"), 1u);
  EXPECT_TRUE(absl::StrContains(err_.str(), "Digest is off in the config"));
  const std::string config = StatePaths(folder_).config;
  const std::string turned_on = absl::StrReplaceAll(
      *ReadFile(config, 100000), {{"digest = \"off\"", "digest = \"md5\""}});
  ASSERT_TRUE(WriteFileAtomically(config, AsBytes(turned_on), 0600).ok());
  AddToConfig("");
  ASSERT_EQ(Run({"secrets", "add", "secret", "--digest"}), kExitOk);
  EXPECT_EQ(secrets("secret"), 1u);
  EXPECT_FALSE(absl::StrContains(err_.str(), "Digest is off"));
}

TEST_P(OperatorsTest, ShowsAPreSharedKeyOnce) {
  ASSERT_EQ(Run({"psks", "add", "gw-17"}), kExitOk) << err_.str();
  const Words lines = absl::StrSplit(out_.str(), '\n');
  ASSERT_EQ(lines.size(), 3u);
  std::string_view id = lines[0], key = lines[1];
  ASSERT_TRUE(absl::ConsumePrefix(&id, "key_identifier "));
  ASSERT_TRUE(absl::ConsumePrefix(&key, "key "));
  std::string identifier, key_bytes;
  ASSERT_TRUE(absl::HexStringToBytes(id, &identifier));
  ASSERT_TRUE(absl::HexStringToBytes(key, &key_bytes));
  auto state = LoadState(StatePaths(folder_));
  ASSERT_TRUE(state.ok());
  InStore([&](Store& store) {
    auto found = store.FindPreSharedKey(AsBytes(identifier));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->identity, "gw-17");
    EXPECT_EQ(OpenPreSharedKey(*state->sealer, *found)->text(), key_bytes);
  });
  const Json listed = List({"psks", "list"});
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(TextOf(listed[0], "key_identifier"), id);
  EXPECT_EQ(out_.str().find(std::string(key)), std::string::npos);
  EXPECT_EQ(Audited().detail.find(std::string(key)), std::string::npos);
  EXPECT_EQ(Run({"psks", "remove", std::string(id)}), kExitOk);
  EXPECT_EQ(Run({"psks", "remove", std::string(id)}), kExitFailed);
  EXPECT_EQ(Run({"psks", "remove", "xy"}), kExitUsage);
  // A file's is not shown.
  for (const char* text :
       {"00112233445566778899aabbccddeeff\n",
        "00112233445566778899aabbccddeeff00112233445566778899"
        "aabbccddeeff"}) {
    WriteInput(text);
    EXPECT_EQ(Run({"psks", "add", "gw-17", "--key_file=" + file_}), kExitOk);
    EXPECT_FALSE(absl::StrContains(out_.str(), "key 0011"));
  }
  for (const char* text :
       {"", "0011\n", "zz112233445566778899aabbccddeeff\n"}) {
    WriteInput(text);
    EXPECT_EQ(Run({"psks", "add", "gw-17", "--key_file=" + file_}), kExitUsage)
        << text;
  }
}

TEST_P(OperatorsTest, DecidesWhatWaits) {
  EXPECT_EQ(Run({"requests", "list"}), kExitOk);
  EXPECT_EQ(out_.str(), "No request waits.\n");
  ASSERT_EQ(Run({"identities", "add", "gw-17"}), kExitOk);
  std::string id;
  InStore([&](Store& store) {
    PendingRequest request;
    request.identity_id = store.FindIdentity("gw-17")->id;
    request.identity = "gw-17";
    request.key_sha256 = Bytes(32, 7);
    request.operation = "simpleenroll";
    request.subject = "CN=gw-17";
    request.csr = {1};
    request.created_at = clock_.Now();
    request.expires_at = clock_.Now() + absl::Hours(1);
    std::promise<int64_t> added;
    store.FindOrAddPending(request, 10,
                           [&](absl::StatusOr<PendingRequest> result) {
                             added.set_value(result.ok() ? result->id : 0);
                           });
    id = absl::StrCat(added.get_future().get());
  });
  const Json waiting = List({"requests"});
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(TextOf(waiting[0], "id"), id);
  EXPECT_EQ(TextOf(waiting[0], "state"), "waiting");
  EXPECT_EQ(TextOf(waiting[0], "identity"), "gw-17");
  EXPECT_EQ(Run({"requests", "show", id}), kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(),
                                "-----BEGIN CERTIFICATE REQUEST-----\nAQ==\n"))
      << out_.str();
  // The whole fingerprint is there to be compared.
  EXPECT_TRUE(absl::StrContains(out_.str(),
                                absl::BytesToHexString(std::string(32, 7))));
  EXPECT_EQ(Run({"approve", id}), kExitOk) << err_.str();
  EXPECT_EQ(Audited().action, "approve");
  EXPECT_TRUE(absl::StrContains(Audited().detail, "key 0707"))
      << Audited().detail;
  EXPECT_EQ(Run({"deny", id, "--reason=not on the list"}), kExitOk);
  EXPECT_EQ(Audited().action, "deny");
  const Json refused = List({"requests", "list"});
  EXPECT_EQ(TextOf(refused[0], "state"), "refused");
  EXPECT_EQ(TextOf(refused[0], "reason"), "not on the list");
  EXPECT_EQ(Run({"deny", id}), kExitUsage);
  EXPECT_EQ(Run({"deny", id, "--reason=a\nb"}), kExitUsage);
  EXPECT_EQ(Run({"approve", "x"}), kExitUsage);
  EXPECT_EQ(Run({"approve", "-1"}), kExitUsage);
  EXPECT_EQ(Run({"approve", id + "0"}), kExitFailed);
  EXPECT_EQ(Run({"requests", "show", id + "0"}), kExitFailed);
}

TEST_P(OperatorsTest, OrdersRenewals) {
  EXPECT_EQ(Run({"renewals", "add", "--within=24h"}), kExitOk);
  EXPECT_EQ(Run({"renewals", "add", "--within=1h", "--label=.",
                 "--issued_before=2025-11-21T12:00:00Z"}),
            kExitOk)
      << err_.str();
  std::vector<RenewalOrder> orders;
  InStore([&](Store& store) { orders = *store.ListRenewalOrders({}); });
  ASSERT_EQ(orders.size(), 2u);
  EXPECT_EQ(orders[0].label, std::nullopt);
  EXPECT_EQ(orders[0].window_end - orders[0].window_start, absl::Hours(24));
  EXPECT_EQ(orders[1].label, "");
  EXPECT_EQ(orders[1].issued_before, absl::FromUnixSeconds(1763726400));
  const Json listed = List({"renewals", "list"});
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_TRUE(listed[0]["label"].is_null());
  EXPECT_EQ(TextOf(listed[1], "issued_before"), "2025-11-21T12:00:00Z");
  EXPECT_EQ(Run({"renewals", "add"}), kExitUsage);
  EXPECT_EQ(Run({"renewals", "add", "--within=0"}), kExitUsage);
  for (const char* when : {"noon", "9000-01-01T00:00:00Z", "infinite-future"}) {
    EXPECT_EQ(Run({"renewals", "add", "--within=1h",
                   absl::StrCat("--issued_before=", when)}),
              kExitUsage);
  }
  EXPECT_EQ(Run({"renewals", "add", "--within=1h", "--label=none"}),
            kExitUsage);
}

TEST_P(OperatorsTest, TrustsManufacturersCasByLabel) {
  AddToConfig("[labels.plant]\n");
  const auto maker = MakeCa("Maker", KeyType::kEcP256, clock_.Now());
  ASSERT_TRUE(maker.ok()) << maker.status();
  const std::string pem = SerializeCertificatePem(maker->certificate.der);
  WriteInput(pem);
  const auto trusted = [this](const char* label) {
    const Service* service = server_->current().snapshot->Find(label);
    return service->idevid_anchors != nullptr;
  };
  ASSERT_EQ(
      Run({"anchors", "add", "maker", "--label=plant", "--file=" + file_}),
      kExitOk)
      << err_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "CN=Maker (SHA-256 "));
  EXPECT_EQ(Audited().action, "anchors add");
  EXPECT_EQ(Audited().label, "plant");
  if (server_ != nullptr) {
    // At once, and where it was said alone.
    EXPECT_TRUE(trusted("plant"));
    EXPECT_FALSE(trusted(""));
  }
  const Json listed = List({"anchors", "list"});
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(TextOf(listed[0], "subject"), "CN=Maker");
  EXPECT_EQ(List({"anchors", "list", "--label=."}).size(), 0u);
  EXPECT_EQ(
      Run({"anchors", "add", "maker", "--label=plant", "--file=" + file_}),
      kExitFailed);
  const struct {
    const char* what;
    Words words;
    std::string file;
  } kRefused[] = {
      {"no file", {"anchors", "add", "m"}, pem},
      {"no label of the config",
       {"anchors", "add", "m", "--label=none", "--file=" + file_},
       pem},
      {"a name with spaces", {"anchors", "add", "m m", "--file=" + file_}, pem},
      {"not PEM", {"anchors", "add", "m", "--file=" + file_}, "maker\n"},
      {"two certificates",
       {"anchors", "add", "m", "--file=" + file_},
       pem + pem},
      {"no CA",
       {"anchors", "add", "m", "--file=" + file_},
       *ReadFile(StatePaths(folder_).tls_certificate, 100000)},
      {"this server's own CA",
       {"anchors", "add", "m", "--file=" + file_},
       *ReadFile(StatePaths(folder_).ca_certificate, 100000)},
  };
  for (const auto& c : kRefused) {
    WriteInput(c.file);
    EXPECT_EQ(Run(c.words), kExitUsage) << c.what << err_.str();
  }
  EXPECT_EQ(Run({"anchors", "remove", TextOf(listed[0], "id")}), kExitOk);
  EXPECT_EQ(Run({"anchors", "remove", TextOf(listed[0], "id")}), kExitFailed);
  if (server_ != nullptr) {
    EXPECT_FALSE(trusted("plant"));
  }
  EXPECT_EQ(List({"anchors", "list"}).size(), 0u);
}

TEST_P(OperatorsTest, ReloadsARunningServerAndSaysWhatIsWrong) {
  if (server_ == nullptr) {
    EXPECT_EQ(Run({"reload"}), kExitState);
    EXPECT_TRUE(absl::StrContains(err_.str(), "no server runs"));
    return;
  }
  std::ofstream(StatePaths(folder_).config, std::ios::app)
      << "[labels.plant]\n";
  EXPECT_EQ(server_->current().snapshot->Find("plant"), nullptr);
  EXPECT_EQ(Run({"reload"}), kExitOk) << err_.str();
  EXPECT_NE(server_->current().snapshot->Find("plant"), nullptr);
  // Under the operator's name, with what changed.
  WaitForAudit("reload");
  const AuditEntry entry = Audited();
  EXPECT_EQ(entry.action, "reload");
  EXPECT_EQ(entry.actor, OperatorName(getuid()));
  EXPECT_TRUE(absl::StartsWith(entry.detail, "changed: config (sha256 "))
      << entry.detail;
  EXPECT_TRUE(absl::StrContains(entry.detail, "), label plant added; TLS "))
      << entry.detail;
  ASSERT_EQ(Run({"identities", "add", "b"}), kExitOk) << err_.str();
  EXPECT_EQ(Run({"reload"}), kExitOk) << err_.str();
  WaitForAudit("reload");
  EXPECT_TRUE(absl::StartsWith(Audited().detail, "nothing changed; TLS "));
  std::ofstream(StatePaths(folder_).config, std::ios::app)
      << "[labels.plant.profil]\n";
  EXPECT_EQ(Run({"reload"}), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "did you mean profile?"))
      << err_.str();
  // The tool still finds the server, whose config was broken since.
  EXPECT_EQ(Run({"identities", "add", "a", "--label=plant"}), kExitOk)
      << err_.str();
}

// Each command that changes a CA, whether a server runs or not: under the name
// of whom the kernel says runs it, with what was made.
TEST_P(OperatorsTest, WhatIsDoneToACaIsAuditedUnderItsOperator) {
  const auto count = [this] {
    int64_t sequence = 0;
    InStore([&](Store& store) {
      auto last = store.LastAudit();
      if (last.ok()) sequence = last->sequence;
    });
    return sequence;
  };
  const auto expect = [&](const Words& words, std::string_view action,
                          std::string_view subject, std::string_view detail) {
    const int64_t before = count();
    ASSERT_EQ(Run(words), kExitOk) << err_.str();
    EXPECT_EQ(count(), before + 1) << action;
    const AuditEntry entry = Audited();
    EXPECT_EQ(entry.actor, OperatorName(getuid()));
    EXPECT_EQ(entry.source, "local");
    EXPECT_EQ(entry.action, action);
    EXPECT_EQ(entry.outcome, "done");
    EXPECT_EQ(entry.subject, subject);
    EXPECT_TRUE(absl::StrContains(entry.detail, detail)) << entry.detail;
  };
  const std::string cas = folder_ + "/cas/", chain = folder_ + "/chain.pem";
  expect({"ca", "create", "root", "--kind=root", "--ca_name=Site Root"},
         "ca create", "cas/root", "CN=Site Root until ");
  EXPECT_EQ(Audited().serial,
            LoadCertificatesPem(cas + "root/ca.pem", 1)->front().serial);
  expect({"ca", "create", "plant", "--issuer=root", "--ca_name=Plant CA"},
         "ca create", "cas/plant", ", by cas/root");
  expect({"ca", "request", "lab", "--ca_name=Lab CA"}, "ca request", "cas/lab",
         "a key and a request for CN=Lab CA");
  expect({"ca", "sign-request", "root", "--csr=" + cas + "lab/request.pem",
          "--out=" + chain},
         "ca sign-request", "cas/root", "CN=Lab CA until ");
  EXPECT_EQ(Audited().serial, LoadCertificatesPem(chain, 2)->front().serial);
  expect({"ca", "import", "lab", "--chain=" + chain}, "ca import", "cas/lab",
         "CA certificate ");
  expect({"ca", "import-key", "copy", "--key_file=" + cas + "plant/ca.key.pem",
          "--chain=" + cas + "plant/ca.pem"},
         "ca import-key", "cas/copy", "CN=Plant CA until ");
  // An outside CA's is no concern of this folder; a state folder's CA that
  // signs for the outside is.
  const int64_t before = count();
  ASSERT_EQ(Run({"ca", "create", folder_ + ".outside/ca"}), kExitOk)
      << err_.str();
  EXPECT_EQ(Run({"ca", "create", "plant"}), kExitFailed) << "there already";
  EXPECT_EQ(Run({"ca", "import", "lab", "--chain=" + chain}), kExitFailed);
  EXPECT_EQ(count(), before);
  expect({"ca", "create", folder_ + ".outside/below", "--issuer=root"},
         "ca create", folder_ + ".outside/below", ", by cas/root");

  expect({"ca", "rollover", "ca", "--in=30d"}, "ca rollover", "ca",
         "next key prepared, switch at ");
  expect({"ca", "rollover", "ca", "--in=40d"}, "ca rollover", "ca",
         "switch moved to ");
  expect({"ca", "rollover", "ca", "--cancel"}, "ca rollover", "ca", "given up");
  expect({"ca", "rollover", "root", "--in=30d"}, "ca rollover", "cas/root",
         "next key prepared");
  expect({"ca", "switch", "root"}, "ca switch", "cas/root", "");
  expect({"ca", "retire", "root"}, "ca retire", "cas/root", "former/1");
}

// What can't be audited is not done.
TEST_P(OperatorsTest, NoCaIsMadeWithoutItsEntry) {
  Stop();
  EXPECT_EQ(Run({"check"}), kExitOk) << err_.str();
  std::string config = *ReadFile(StatePaths(folder_).config, kMaxConfigBytes);
  if (engine() == StoreEngine::kSqlite) {
    ASSERT_TRUE(WriteFileAtomically(StatePaths(folder_).database,
                                    AsBytes("no database, and long enough to "
                                            "be looked at as one"),
                                    0600)
                    .ok());
  } else {
    config = absl::StrReplaceAll(config, {{" dbname=", " dbname=no"}});
    ASSERT_TRUE(
        WriteFileAtomically(StatePaths(folder_).config, AsBytes(config), 0600)
            .ok());
  }
  EXPECT_EQ(Run({"ca", "create", "plant"}), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "the audit log: ")) << err_.str();
  EXPECT_FALSE(PathExists(folder_ + "/cas/plant"));
  // What `run` would say, `check` does.
  EXPECT_EQ(Run({"check"}), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "database")) << err_.str();
}

TEST_P(OperatorsTest, AServerThatDiedLeavesTheToolToDoItItself) {
  ASSERT_EQ(Run({"identities", "add", "a"}), kExitOk);
  Stop();
  // Its file, with nobody behind it.
  auto stale = OpenAdminListener(folder_ + "/x", std::nullopt);
  ASSERT_TRUE(stale.ok());
  ASSERT_EQ(link((folder_ + "/x").c_str(), (folder_ + "/admin.sock").c_str()),
            0);
  stale->reset();
  EXPECT_EQ(List({"identities", "list"}).size(), 1u);
  EXPECT_EQ(Run({"reload"}), kExitState);
}

}  // namespace
}  // namespace bestow::server
