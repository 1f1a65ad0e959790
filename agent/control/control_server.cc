#include "agent/control/control_server.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "agent/exit_code.h"
#include "agent/status/activity.h"
#include "agent/status/present.h"
#include "common/net/http_message.h"

namespace bestow::agent {
namespace {

constexpr size_t kMaxConnections = 8;
constexpr std::string_view kQuery = "identity=";

HttpLimits Limits() {
  HttpLimits limits;
  limits.body_bytes = 0;  // what is asked for stands in the target
  limits.requests_per_connection = 1;
  return limits;
}

HttpResponse Answer(bool as_text, std::string body, int exit_code) {
  HttpResponse response;
  response.headers = {
      {"Content-Type", as_text ? "text/plain" : "application/json"},
      {"Exit-Code", absl::StrCat(exit_code)}};
  response.body = std::move(body);
  response.close = true;
  return response;
}

HttpResponse AnswerOf(bool as_text,
                      const std::vector<ControlOutcome>& outcomes) {
  bool all_done = true;
  std::string text;
  std::vector<std::string> objects;
  for (const ControlOutcome& outcome : outcomes) {
    all_done = all_done && outcome.done;
    absl::StrAppend(&text, outcome.identity, ": ", outcome.message, "\n");
    objects.push_back(
        absl::StrCat("{\"identity\": ", Quote(outcome.identity),
                     ", \"done\": ", outcome.done ? "true" : "false",
                     ", \"message\": ", Quote(outcome.message), "}"));
  }
  return Answer(as_text,
                as_text ? text
                        : absl::StrCat("{\"identities\": [\n",
                                       absl::StrJoin(objects, ",\n"), "\n]}\n"),
                all_done ? kExitOk : kExitFailed);
}

}  // namespace

struct ControlServer::Request {
  std::vector<std::string> names;  // at least one
  bool is_for_one = false;
  bool as_text = false;
};

std::string ControlSocketPath(const std::string& state_dir) {
  return state_dir + "/agent.sock";
}

absl::StatusOr<std::string> AdmitToControl(const SocketPeer& peer,
                                           uid_t own_uid) {
  if (peer.uid != 0 && peer.uid != own_uid) {
    return absl::PermissionDeniedError(absl::StrCat(
        "uid ", peer.uid, " is neither root nor the agent's own user"));
  }
  return absl::StrCat("uid ", peer.uid);
}

ControlServer::ControlServer(std::unique_ptr<UnixListener> listener,
                             ControlTarget& target, LogLine log_line)
    : listener_(std::move(listener)),
      target_(target),
      log_line_(std::move(log_line)) {}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Create(
    EventLoop& loop, const std::string& state_dir, ControlTarget& target,
    LogLine log_line) {
  auto listener =
      UnixListener::Open(ControlSocketPath(state_dir), std::nullopt, "agent");
  if (!listener.ok()) return listener.status();
  std::unique_ptr<ControlServer> server(
      new ControlServer(*std::move(listener), target, std::move(log_line)));
  HttpServer::Options http;
  http.limits = Limits();
  http.max_connections = kMaxConnections;
  http.admit = [](int fd) -> absl::StatusOr<std::string> {
    auto peer = PeerOf(fd);
    if (!peer.ok()) return peer.status();
    return AdmitToControl(*peer, geteuid());
  };
  http.handler = [server = server.get()](const HttpRequest& request,
                                         const HttpPeer& peer,
                                         HttpServer::Reply reply) {
    server->Handle(request, peer, std::move(reply));
  };
  http.on_refused = [log = server->log_line_](const std::string& remote,
                                              const std::string& why) {
    log(absl::StrCat("control socket: refused ", remote, ": ", why));
  };
  auto made =
      HttpServer::Create(loop, {server->listener_->fd()}, std::move(http));
  if (!made.ok()) return made.status();
  server->http_ = *std::move(made);
  return server;
}

void ControlServer::Handle(const HttpRequest& request, const HttpPeer& peer,
                           HttpServer::Reply reply) {
  std::string_view path = request.target;
  std::string_view query;
  if (const size_t mark = path.find('?'); mark != path.npos) {
    query = path.substr(mark + 1);
    path = path.substr(0, mark);
    if (!absl::ConsumePrefix(&query, kQuery)) {
      return reply(HttpErrorResponse(400, "the query is ?identity=NAME"));
    }
  }
  Request parsed{.names = target_.Names()};
  if (query.data() != nullptr) {
    const auto named =
        std::find(parsed.names.begin(), parsed.names.end(), query);
    if (named == parsed.names.end()) {
      return reply(HttpErrorResponse(
          404, absl::StrCat("the running agent has no such identity, but ",
                            absl::StrJoin(parsed.names, ", "))));
    }
    parsed.names = {std::string(query)};
    parsed.is_for_one = true;
  }
  if (auto accept = FindHeader(request.headers, "Accept")) {
    parsed.as_text = absl::StartsWith(*accept, "text/plain");
  }
  const bool is_post = request.method == "POST";
  if (path == "/status" && request.method == "GET") {
    return reply(Status(parsed));
  }
  const bool changes =
      path == "/renew" || path == "/pause" || path == "/resume";
  if (!changes) return reply(HttpErrorResponse(404, "no such path"));
  if (!is_post) return reply(HttpErrorResponse(405, "POST it"));
  log_line_(absl::StrCat(peer.remote_address, " asks to ", path.substr(1), " ",
                         absl::StrJoin(parsed.names, ", ")));
  if (path == "/renew") return Renew(parsed, std::move(reply));
  reply(SetPaused(parsed, path == "/pause"));
}

HttpResponse ControlServer::Status(const Request& request) const {
  std::vector<DeviceStatus> all;
  for (const std::string& name : request.names) {
    all.push_back(target_.StatusOf(name));
  }
  return Answer(request.as_text,
                Present(all, request.is_for_one,
                        /*as_json=*/!request.as_text),
                AllValid(all) ? kExitOk : kExitFailed);
}

void ControlServer::Renew(const Request& request, HttpServer::Reply reply) {
  struct Gathering {
    size_t missing;
    std::vector<ControlOutcome> outcomes;
  };
  auto gathering = std::make_shared<Gathering>();
  gathering->missing = request.names.size();
  gathering->outcomes.resize(request.names.size());
  for (size_t i = 0; i < request.names.size(); ++i) {
    target_.RenewNow(request.names[i],
                     [gathering, i, reply,
                      as_text = request.as_text](ControlOutcome outcome) {
                       gathering->outcomes[i] = std::move(outcome);
                       if (--gathering->missing == 0) {
                         reply(AnswerOf(as_text, gathering->outcomes));
                       }
                     });
  }
}

HttpResponse ControlServer::SetPaused(const Request& request, bool paused) {
  std::vector<ControlOutcome> outcomes;
  for (const std::string& name : request.names) {
    const absl::Status status = target_.SetPaused(name, paused);
    outcomes.push_back({.identity = name,
                        .done = status.ok(),
                        .message = status.ok()
                                       ? (paused ? "paused" : "resumed")
                                       : std::string(status.message())});
  }
  return AnswerOf(request.as_text, outcomes);
}

}  // namespace bestow::agent
