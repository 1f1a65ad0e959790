#include "server/store/postgres_connection.h"

#include <poll.h>
#include <postgresql/libpq-fe.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/store/postgres_status.h"
#include "server/store/storable_text.h"

namespace bestow::server {
namespace {

// All hosts of the connection, and each of them at least.
constexpr absl::Duration kConnectWithin = absl::Seconds(5);
constexpr absl::Duration kHostWithin = absl::Seconds(2);
// The database gives up first, so that it is it who says why.
constexpr absl::Duration kStatementTimeout = absl::Seconds(20);
constexpr absl::Duration kAnswerWithin = absl::Seconds(25);
// Reads keep a thread that serves many waiting.
constexpr absl::Duration kReadTimeout = absl::Seconds(8);
constexpr absl::Duration kReadWithin = absl::Seconds(10);
// A server that stands still in a transaction holds all others up: the
// database ends its connection.
constexpr absl::Duration kIdleInTransaction = absl::Seconds(20);
constexpr absl::Duration kUpgradeWithin = absl::Hours(4);

// "bestow", as octets.
constexpr int64_t kWriterLock = 0x626573746f77;

// Types of parameters, from PostgreSQL's catalog (pg_type.dat).
constexpr Oid kBytea = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;

struct TimeLimits {
  absl::Duration statement;  // the database's own; zero: none
  absl::Duration answer;
};

TimeLimits LimitsOf(SqlEngine::Access access) {
  switch (access) {
    case SqlEngine::Access::kRead:
      return {kReadTimeout, kReadWithin};
    case SqlEngine::Access::kWrite:
      return {kStatementTimeout, kAnswerWithin};
    case SqlEngine::Access::kUpgrade:
      break;
  }
  return {absl::ZeroDuration(), kUpgradeWithin};
}

void IgnoreNotice(void*, const char*) {}

// "?" to "$1", "$2"..., but for those in quotes.
std::string Numbered(std::string_view sql) {
  std::string numbered;
  int count = 0;
  bool quoted = false;
  for (char c : sql) {
    if (c == '\'') quoted = !quoted;
    if (c == '?' && !quoted) {
      absl::StrAppend(&numbered, "$", ++count);
    } else {
      numbered.push_back(c);
    }
  }
  return numbered;
}

}  // namespace

void PostgresConnection::ResultDeleter::operator()(pg_result* result) const {
  PQclear(result);
}

// Runs at the first Step(), with all rows in memory: callers ask for pages.
class PostgresConnection::Cursor : public SqlCursor {
 public:
  Cursor(PostgresConnection& owner, std::string sql)
      : owner_(owner), sql_(std::move(sql)) {}

  void BindInt(int64_t value) override {
    std::string octets;
    for (int shift = 56; shift >= 0; shift -= 8) {
      octets.push_back(
          static_cast<char>(static_cast<uint64_t>(value) >> shift & 0xff));
    }
    parameters_.push_back({kInt8, false, std::move(octets)});
  }
  void BindText(std::string_view text) override {
    if (!IsStorableText(text)) {
      bind_status_ = absl::InvalidArgumentError(
          "text that is no UTF-8 can't be in the database");
    }
    parameters_.push_back({kText, false, std::string(text)});
  }
  void BindBlob(ByteView blob) override {
    parameters_.push_back({kBytea, false, ToText(blob)});
  }
  void BindNull() override { parameters_.push_back({0, true, ""}); }

  absl::StatusOr<bool> Step() override {
    if (!bind_status_.ok()) return bind_status_;
    if (result_ == nullptr) {
      absl::StatusOr<Result> result = owner_.Run(sql_, parameters_);
      if (!result.ok()) return result.status();
      result_ = *std::move(result);
    } else {
      ++row_;
    }
    return row_ < PQntuples(result_.get());
  }

  bool IsNull(int column) const override {
    return PQgetisnull(result_.get(), row_, column) != 0;
  }
  int64_t Int(int column) const override {
    // int4 or int8, in network order; NULL is 0 as with SQLite.
    const ByteView octets = Value(column);
    uint64_t value = 0;
    if (!octets.empty() && (octets[0] & 0x80) != 0) value = ~uint64_t{0};
    for (uint8_t octet : octets) value = value << 8 | octet;
    return static_cast<int64_t>(value);
  }
  std::string Text(int column) const override { return ToText(Value(column)); }
  Bytes Blob(int column) const override { return ToBytes(Value(column)); }

 private:
  ByteView Value(int column) const {
    return ByteView(
        reinterpret_cast<const uint8_t*>(
            PQgetvalue(result_.get(), row_, column)),
        static_cast<size_t>(PQgetlength(result_.get(), row_, column)));
  }

  PostgresConnection& owner_;
  const std::string sql_;
  std::vector<Parameter> parameters_;
  absl::Status bind_status_;
  Result result_;
  int row_ = 0;
};

PostgresConnection::PostgresConnection(pg_conn* connection,
                                       absl::Duration answer_within)
    : connection_(connection), answer_within_(answer_within) {}

PostgresConnection::~PostgresConnection() { PQfinish(connection_); }

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(
    const PostgresOptions& options, SqlEngine::Access access) {
  absl::StatusOr<std::vector<PostgresParameters>> hosts =
      ReadPostgresParameters(options);
  if (!hosts.ok()) return hosts.status();
  // One by one: libpq has no time limit for each where it does not block, and
  // would wait for ever for a first one that is silent.
  const absl::Duration within = std::max(
      kConnectWithin / static_cast<int64_t>(hosts->size()), kHostWithin);
  absl::Status failure;
  for (const PostgresParameters& host : *hosts) {
    absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
        OpenHost(host, access, within);
    if (connection.ok()) return connection;
    failure.Update(connection.status());
  }
  return failure;
}

absl::StatusOr<std::unique_ptr<PostgresConnection>>
PostgresConnection::OpenHost(const PostgresParameters& host,
                             SqlEngine::Access access, absl::Duration within) {
  const PostgresParameters::Arrays arrays = host.arrays();
  std::unique_ptr<PostgresConnection> connection(new PostgresConnection(
      PQconnectStartParams(arrays.keywords.data(), arrays.values.data(),
                           /*expand_dbname=*/0),
      LimitsOf(access).answer));
  absl::Status status = connection->Connect(within);
  if (status.ok()) status = connection->Configure(access);
  if (!status.ok()) return status;
  return connection;
}

absl::Status PostgresConnection::Connect(absl::Duration within) {
  if (connection_ == nullptr) return Lost("out of memory");
  const absl::Time deadline = absl::Now() + within;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(connection_) != CONNECTION_BAD) {
    absl::Status status = WaitForSocket(
        state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN, deadline);
    if (!status.ok()) return status;
    state = PQconnectPoll(connection_);
    if (state == PGRES_POLLING_FAILED) break;
    if (state == PGRES_POLLING_OK) {
      // Errors come back as statuses; nothing is printed.
      PQsetNoticeProcessor(connection_, &IgnoreNotice, nullptr);
      if (PQsetnonblocking(connection_, 1) != 0) break;
      return absl::OkStatus();
    }
  }
  return ConnectFailure(PQerrorMessage(connection_));
}

absl::Status PostgresConnection::Configure(SqlEngine::Access access) {
  const int64_t timeout = absl::ToInt64Milliseconds(LimitsOf(access).statement);
  const int64_t idle = access == SqlEngine::Access::kWrite
                           ? absl::ToInt64Milliseconds(kIdleInTransaction)
                           : 0;
  absl::Status status = Execute(absl::StrCat(
      "SET client_min_messages = warning; SET statement_timeout = ", timeout,
      "; SET idle_in_transaction_session_timeout = ", idle));
  if (!status.ok() || access == SqlEngine::Access::kRead) return status;
  status = ExpectSetting("synchronous_commit",
                         "set it to on (ALTER ROLE ... SET synchronous_commit "
                         "= on; or in postgresql.conf)");
  if (!status.ok()) return status;
  return ExpectSetting("fsync", "set fsync = on in postgresql.conf");
}

absl::Status PostgresConnection::ExpectSetting(const std::string& name,
                                               const std::string& advice) {
  absl::StatusOr<SqlStatement> query =
      Prepare("SELECT current_setting(CAST(? AS text))");
  if (!query.ok()) return query.status();
  absl::Status status = query->Bind(name).ExpectRow("setting");
  if (!status.ok() || query->Text(0) != "off") return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "the database has ", name,
      " = off, and would lose certificates that are out: ", advice));
}

absl::Status PostgresConnection::Lost(std::string_view why) {
  lost_ = true;
  return absl::UnavailableError(
      absl::StrCat("database: the connection is lost (", why,
                   "): it is made again by itself; see that the database runs "
                   "and can be reached"));
}

absl::Status PostgresConnection::WaitForSocket(short events,
                                               absl::Time deadline) {
  for (;;) {
    struct pollfd wait = {PQsocket(connection_), events, 0};
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return Lost("no answer in time");
    const int ready =
        poll(&wait, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return Lost("poll");
  }
}

absl::StatusOr<PostgresConnection::Result> PostgresConnection::Await() {
  const absl::Time deadline = absl::Now() + answer_within_;
  Result last;
  absl::Status failure;
  for (;;) {
    const int unsent = PQflush(connection_);
    if (unsent < 0) return Lost(PostgresMessage(PQerrorMessage(connection_)));
    if (unsent > 0 || PQisBusy(connection_) != 0) {
      absl::Status status = WaitForSocket(
          static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN), deadline);
      if (!status.ok()) return status;
      if (PQconsumeInput(connection_) == 0) {
        return Lost(PostgresMessage(PQerrorMessage(connection_)));
      }
      continue;
    }
    Result result(PQgetResult(connection_));
    if (result == nullptr) break;
    absl::Status status = StatusOf(result.get());
    if (failure.ok()) failure = status;
    last = std::move(result);
  }
  if (PQstatus(connection_) == CONNECTION_BAD) {
    // The server's own words, if it had any, say more.
    lost_ = true;
    if (failure.ok()) failure = Lost("closed by the database");
  }
  if (!failure.ok()) return failure;
  if (last == nullptr) return Lost("no answer");
  return last;
}

absl::Status PostgresConnection::StatusOf(const pg_result* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      return absl::OkStatus();
    default:
      break;
  }
  const PostgresFailure failure =
      JudgePostgresError(PQresultErrorField(result, PG_DIAG_SQLSTATE),
                         PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
  if (failure.ends_connection) lost_ = true;
  return failure.status;
}

absl::Status PostgresConnection::Execute(const std::string& sql) {
  if (!is_alive()) return Lost("closed");
  if (PQsendQuery(connection_, sql.c_str()) == 0) {
    return Lost(PostgresMessage(PQerrorMessage(connection_)));
  }
  absl::StatusOr<Result> result = Await();
  if (!result.ok()) return result.status();
  // A transaction with a failed statement in it ends like this, as if all were
  // well.
  if (sql == "COMMIT" &&
      std::string_view(PQcmdStatus(result->get())) == "ROLLBACK") {
    return absl::InternalError("database: the transaction was rolled back");
  }
  return absl::OkStatus();
}

absl::StatusOr<SqlStatement> PostgresConnection::Prepare(std::string_view sql) {
  return SqlStatement(std::make_unique<Cursor>(*this, std::string(sql)));
}

absl::StatusOr<std::string> PostgresConnection::PrepareNamed(
    const std::string& sql, const std::vector<Parameter>& parameters) {
  std::string key = sql;
  std::vector<Oid> types;
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type);
    absl::StrAppend(&key, " ", parameter.type);
  }
  const auto found = prepared_.find(key);
  if (found != prepared_.end()) return found->second;
  std::string name = absl::StrCat("s", prepared_.size());
  if (PQsendPrepare(connection_, name.c_str(), Numbered(sql).c_str(),
                    static_cast<int>(types.size()), types.data()) == 0) {
    return Lost(PostgresMessage(PQerrorMessage(connection_)));
  }
  absl::StatusOr<Result> result = Await();
  if (!result.ok()) return result.status();
  prepared_.emplace(std::move(key), name);
  return name;
}

absl::StatusOr<PostgresConnection::Result> PostgresConnection::Run(
    const std::string& sql, const std::vector<Parameter>& parameters) {
  if (!is_alive()) return Lost("closed");
  absl::StatusOr<std::string> name = PrepareNamed(sql, parameters);
  if (!name.ok()) return name.status();
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const Parameter& parameter : parameters) {
    values.push_back(parameter.is_null ? nullptr : parameter.value.data());
    lengths.push_back(static_cast<int>(parameter.value.size()));
  }
  const std::vector<int> formats(parameters.size(), 1);
  if (PQsendQueryPrepared(connection_, name->c_str(),
                          static_cast<int>(parameters.size()), values.data(),
                          lengths.data(), formats.data(),
                          /*resultFormat=*/1) == 0) {
    return Lost(PostgresMessage(PQerrorMessage(connection_)));
  }
  return Await();
}

absl::Status PostgresConnection::BeginWriting() {
  return Execute(
      absl::StrCat("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
                   "SELECT pg_advisory_xact_lock(",
                   kWriterLock, ")"));
}

absl::Status PostgresConnection::BeginReading() {
  return Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

bool PostgresConnection::in_transaction() const {
  if (!is_alive()) return false;
  switch (PQtransactionStatus(connection_)) {
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
    case PQTRANS_ACTIVE:
      return true;
    default:
      return false;
  }
}

bool PostgresConnection::is_alive() const {
  return !lost_ && PQstatus(connection_) == CONNECTION_OK;
}

}  // namespace bestow::server
