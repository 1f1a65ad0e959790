// One request on its way through the server.
#ifndef SERVER_EST_EXCHANGE_H_
#define SERVER_EST_EXCHANGE_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/net/http_message.h"
#include "common/tls/tls_stream.h"
#include "server/audit/audit_trail.h"
#include "server/est/snapshot.h"
#include "server/store/audit_entry.h"

namespace bestow::server {

// What a request's connection tells, copied: the connection may be gone before
// the answer is there.
struct ClientInfo {
  std::string remote_address;
  TlsPeer tls;
  // tls-unique (TLS 1.2) or tls-exporter (1.3), or why there is none.
  absl::StatusOr<Bytes> channel_binding = absl::UnavailableError("no TLS");
};

// Fields of the request's line in the log, and of its entry in the audit log;
// "" is left out.
struct LogFields {
  std::string operation;
  std::string label;
  std::string identity;
  std::string auth;
  std::string serial;
  std::string enrollee;  // whom it is for, where that is another identity
  std::string asked;     // the audit log's alone: "CN=a, ec-p256"
  std::string wish;      // names that were asked for and not given
  std::string note;

  void AddNote(std::string_view more);
};

// Belongs to the loop's thread; Finish() once. Shared by the steps that run
// elsewhere, which come back through Resume().
class Exchange {
 public:
  using Post = std::function<void(std::function<void()>)>;
  using Reply = std::function<void(HttpResponse)>;
  using LogLine = std::function<void(const std::string&)>;

  Exchange(HttpRequest request, ClientInfo client,
           std::shared_ptr<const Snapshot> snapshot, Post post, Reply reply,
           LogLine log_line, AuditTrail& audit);

  const HttpRequest& request() const { return request_; }
  const ClientInfo& client() const { return client_; }
  const Snapshot& snapshot() const { return *snapshot_; }
  // The label's; until the path has been read, the one without a label.
  const Service& service() const { return *service_; }
  // `service` is the snapshot's.
  void set_service(const Service* service) { service_ = service; }
  LogFields& log() { return log_; }
  // What a 401 offers: the values of WWW-Authenticate.
  void set_challenges(std::vector<std::string> challenges) {
    challenges_ = std::move(challenges);
  }

  // From now on a failure is a decision: it is in the audit log. But for a
  // request without any credentials, which is how a client asks for which.
  void BeginDecision() { is_decision_ = true; }
  // As it stands now. Without a serial number.
  AuditEntry MakeAuditEntry(std::string_view outcome,
                            std::string_view detail) const;

  // Runs `step` on the loop's thread: now when called there, else posted.
  void Resume(std::function<void()> step);

  // The connection ends with the reply, whatever that says.
  void EndConnection() { ends_connection_ = true; }

  // Sends the reply and writes the log line. Later calls do nothing.
  void Finish(HttpResponse response);
  void Fail(const absl::Status& refusal, std::string_view allowed_methods = "");

 private:
  void Send(HttpResponse response);
  void WriteLogLine(int http_status, std::string_view problem,
                    std::string_view reason);
  void AppendRefusal(const absl::Status& refusal);

  const HttpRequest request_;
  const ClientInfo client_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const Service* service_;  // in snapshot_
  std::vector<std::string> challenges_;
  const Post post_;
  Reply reply_;  // empty once finished
  const LogLine log_line_;
  AuditTrail& audit_;
  const std::thread::id loop_thread_;
  LogFields log_;
  bool ends_connection_ = false;
  bool is_decision_ = false;
};

}  // namespace bestow::server

#endif  // SERVER_EST_EXCHANGE_H_
