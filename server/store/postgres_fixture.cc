#include "server/store/postgres_fixture.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace bestow::server {
namespace {

constexpr int kStartPatienceMs = 120'000;
constexpr int kAskAgainMs = 20;

// The newest that is installed.
absl::StatusOr<std::string> FindPrograms() {
  glob_t found = {};
  std::string folder;
  if (glob("/usr/lib/postgresql/*/bin/initdb", 0, nullptr, &found) == 0) {
    const std::string path = found.gl_pathv[found.gl_pathc - 1];
    folder = path.substr(0, path.rfind('/'));
  }
  globfree(&found);
  if (folder.empty()) {
    return absl::NotFoundError(
        "PostgreSQL is not installed: see tools/lib/packages.sh");
  }
  return folder;
}

// Whom it runs as, when we are root.
const passwd* OtherUser() {
  const passwd* user = getpwnam("postgres");
  return user != nullptr ? user : getpwnam("nobody");
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresServer>> PostgresServer::Start() {
  absl::StatusOr<std::string> programs = FindPrograms();
  if (!programs.ok()) return programs.status();
  std::string folder = "/tmp/bestow-pg-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return absl::InternalError("mkdtemp");
  }
  std::unique_ptr<PostgresServer> server(new PostgresServer(folder));
  server->programs_ = *std::move(programs);
  if (geteuid() == 0) {
    const passwd* user = OtherUser();
    if (user == nullptr ||
        chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return absl::InternalError("can't give the folder to another user");
    }
  }
  absl::Status status =
      server->RunTool("initdb", {"--pgdata", folder + "/data", "--auth=trust",
                                 "--encoding=UTF8", "--locale=C",
                                 "--username=bestow", "--no-sync"});
  if (status.ok()) status = server->StartAgain();
  if (!status.ok()) return status;
  return server;
}

PostgresServer& PostgresServer::Shared() {
  // Goes with the program: the kernel ends the server when we end.
  static PostgresServer* const server = [] {
    absl::StatusOr<std::unique_ptr<PostgresServer>> started = Start();
    CHECK_OK(started.status());
    static std::unique_ptr<PostgresServer> owner = *std::move(started);
    return owner.get();
  }();
  return *server;
}

PostgresServer::~PostgresServer() {
  Kill().IgnoreError();
  const std::string command = "rm -rf " + folder_;
  if (system(command.c_str()) != 0) {
    // Left in /tmp.
  }
}

absl::StatusOr<pid_t> PostgresServer::Spawn(
    const std::string& tool, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"setpriv", "--pdeathsig", "QUIT"};
  if (geteuid() == 0) {
    const passwd* user = OtherUser();
    words.push_back(absl::StrCat("--reuid=", user->pw_uid));
    words.push_back(absl::StrCat("--regid=", user->pw_gid));
    words.push_back("--clear-groups");
  }
  words.push_back(programs_ + "/" + tool);
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log = folder_ + "/log";
  const pid_t child = fork();
  if (child < 0) return absl::InternalError("fork");
  if (child == 0) {
    if (chdir(folder_.c_str()) != 0) _exit(126);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  return child;
}

absl::Status PostgresServer::RunTool(
    const std::string& tool, const std::vector<std::string>& arguments) {
  absl::StatusOr<pid_t> child = Spawn(tool, arguments);
  if (!child.ok()) return child.status();
  int status = 0;
  waitpid(*child, &status, 0);
  if (status == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(tool, " failed: see ", folder_, "/log"));
}

absl::Status PostgresServer::StartAgain() {
  absl::StatusOr<pid_t> child =
      Spawn("postgres", {"-D", folder_ + "/data", "-k", folder_, "-c",
                         "listen_addresses=", "-c", "max_connections=100"});
  if (!child.ok()) return child.status();
  server_ = *child;
  const std::string connection = ConnectionTo("postgres");
  for (int waited = 0; waited < kStartPatienceMs; waited += kAskAgainMs) {
    if (PQping(connection.c_str()) == PQPING_OK) return absl::OkStatus();
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_) {
      server_ = -1;
      return absl::InternalError(
          absl::StrCat("postgres ended: see ", folder_, "/log"));
    }
    poll(nullptr, 0, kAskAgainMs);
  }
  return absl::DeadlineExceededError("postgres does not start");
}

absl::Status PostgresServer::Kill() {
  if (server_ < 0) return absl::OkStatus();
  kill(server_, SIGQUIT);
  kill(server_, SIGCONT);
  int status = 0;
  waitpid(server_, &status, 0);
  server_ = -1;
  return absl::OkStatus();
}

std::string PostgresServer::ConnectionTo(const std::string& database) const {
  return absl::StrCat("host=", folder_, " user=bestow dbname=", database);
}

absl::Status PostgresServer::Execute(const std::string& database,
                                     const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb(ConnectionTo(database).c_str()), &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexec(connection.get(), sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    return absl::OkStatus();
  }
  return absl::InternalError(PQerrorMessage(connection.get()));
}

absl::StatusOr<std::string> PostgresServer::CreateDatabase() {
  const std::string name = absl::StrCat("t", databases_++);
  absl::Status status = Execute("postgres", "CREATE DATABASE " + name);
  if (!status.ok()) return status;
  return ConnectionTo(name);
}

}  // namespace bestow::server
