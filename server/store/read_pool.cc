#include "server/store/read_pool.h"

#include <utility>

#include "absl/time/clock.h"

namespace bestow::server {
namespace {
constexpr absl::Duration kBackoff = absl::Seconds(1);
}  // namespace

std::unique_ptr<SqlConnection> ReadPool::TakeIdle() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<SqlConnection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

absl::StatusOr<std::unique_ptr<SqlConnection>> ReadPool::Connect() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (absl::Now() < next_attempt_) return last_failure_;
  }
  absl::StatusOr<std::unique_ptr<SqlConnection>> connection =
      engine_.Connect(SqlEngine::Access::kRead);
  if (connection.ok()) return connection;
  std::lock_guard<std::mutex> lock(mutex_);
  last_failure_ = absl::UnavailableError(connection.status().message());
  next_attempt_ = absl::Now() + kBackoff;
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
