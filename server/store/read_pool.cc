#include "server/store/read_pool.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace bestow::server {
namespace {
// After a failure, and so many times as long as that took: threads that serve
// many wait in each attempt.
constexpr absl::Duration kBackoff = absl::Seconds(1);
constexpr int kBackoffFactor = 5;
}  // namespace

std::unique_ptr<SqlConnection> ReadPool::TakeIdle() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<SqlConnection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

absl::StatusOr<std::unique_ptr<SqlConnection>> ReadPool::Connect() {
  const absl::Time began = absl::Now();
  bool is_trial = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // While the database is away one thread tries, and no other waits.
    if (began < next_attempt_ || on_trial_) return last_failure_;
    is_trial = on_trial_ = !last_failure_.ok();
  }
  absl::StatusOr<std::unique_ptr<SqlConnection>> connection =
      engine_.Connect(SqlEngine::Access::kRead);
  std::lock_guard<std::mutex> lock(mutex_);
  if (is_trial) on_trial_ = false;
  if (connection.ok()) {
    last_failure_ = absl::OkStatus();
    return connection;
  }
  const absl::Time now = absl::Now();
  last_failure_ = absl::UnavailableError(connection.status().message());
  next_attempt_ = now + std::max(kBackoff, kBackoffFactor * (now - began));
  return last_failure_;
}

absl::Status ReadPool::Read(
    const std::function<absl::Status(SqlConnection&)>& use) {
  std::unique_ptr<SqlConnection> connection = TakeIdle();
  if (connection != nullptr) {
    absl::Status status = use(*connection);
    if (connection->is_alive()) {
      std::lock_guard<std::mutex> lock(mutex_);
      idle_.push_back(std::move(connection));
      return status;
    }
    // The others are as old as this one.
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.clear();
    last_failure_ = absl::UnavailableError("database: the connection is lost");
  }
  absl::StatusOr<std::unique_ptr<SqlConnection>> fresh = Connect();
  if (!fresh.ok()) return fresh.status();
  absl::Status status = use(**fresh);
  if ((*fresh)->is_alive()) {
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(*std::move(fresh));
  }
  return status;
}

}  // namespace bestow::server
