#include "common/net/event_loop.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/status/status.h"

namespace bestow {
namespace {

struct EventDeleter {
  void operator()(event* e) const { event_free(e); }
};
using UniqueEvent = std::unique_ptr<event, EventDeleter>;

// A libevent event and what to run. The function is shared with the call under
// way, so that a callback may destroy the object that it was set on.
class Registration : public EventLoop::Timer, public EventLoop::Watch {
 public:
  Registration(event_base* base, int fd, short what, std::function<void()> fn)
      : fn_(std::make_shared<std::function<void()>>(std::move(fn))),
        event_(event_new(base, fd, what, &Registration::Trampoline, this)) {
    CHECK(event_ != nullptr) << "event_new failed";
  }

  void Arm(const timeval* after) {
    CHECK_EQ(event_add(event_.get(), after), 0) << "event_add failed";
  }

 private:
  static void Trampoline(evutil_socket_t, short, void* self) {
    std::shared_ptr<std::function<void()>> fn =
        static_cast<Registration*>(self)->fn_;
    (*fn)();
  }

  std::shared_ptr<std::function<void()>> fn_;
  UniqueEvent event_;  // goes first: no callback after it
};

}  // namespace

struct EventLoop::Impl {
  ~Impl() {
    // What was posted may hold events of this base, and post when it goes.
    while (!posted.empty()) {
      std::vector<std::function<void()>> left;
      left.swap(posted);
    }
    wakeup.reset();
    if (base != nullptr) event_base_free(base);
    if (wakeup_fd >= 0) close(wakeup_fd);
  }

  void RunPosted() {
    uint64_t count;
    if (read(wakeup_fd, &count, sizeof(count)) < 0) {
      CHECK(errno == EAGAIN || errno == EINTR) << "eventfd: errno " << errno;
    }
    std::vector<std::function<void()>> batch;
    {
      std::lock_guard<std::mutex> lock(mutex);
      batch.swap(posted);
    }
    for (std::function<void()>& fn : batch) {
      fn();
      fn = nullptr;  // what it holds goes before the next one runs
    }
  }

  event_base* base = nullptr;
  int wakeup_fd = -1;
  std::unique_ptr<Registration> wakeup;
  std::atomic<std::thread::id> runner{std::thread::id()};

  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // guarded by mutex
};

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  auto impl = std::make_unique<Impl>();
  impl->base = event_base_new();
  if (impl->base == nullptr) {
    return absl::InternalError("libevent can't make an event base");
  }
  impl->wakeup_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (impl->wakeup_fd < 0) return absl::ErrnoToStatus(errno, "eventfd");
  impl->wakeup = std::make_unique<Registration>(
      impl->base, impl->wakeup_fd, EV_READ | EV_PERSIST,
      [impl = impl.get()] { impl->RunPosted(); });
  impl->wakeup->Arm(nullptr);
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(impl)));
}

EventLoop::EventLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLoop::~EventLoop() = default;

void EventLoop::Run() {
  CHECK(impl_->runner.load() == std::thread::id()) << "the loop runs already";
  impl_->runner.store(std::this_thread::get_id());
  CHECK_NE(event_base_loop(impl_->base, EVLOOP_NO_EXIT_ON_EMPTY), -1)
      << "event_base_loop failed";
  impl_->runner.store(std::thread::id());
}

void EventLoop::Stop() {
  Post([this] { event_base_loopbreak(impl_->base); });
}

void EventLoop::Post(std::function<void()> fn) {
  // The write stays under the lock: who destroys the loop after its posted
  // function ran must not race with the wakeup of that same Post().
  std::lock_guard<std::mutex> lock(impl_->mutex);
  impl_->posted.push_back(std::move(fn));
  if (impl_->posted.size() > 1) return;  // woken already
  const uint64_t one = 1;
  ssize_t n = write(impl_->wakeup_fd, &one, sizeof(one));
  CHECK(n == sizeof(one) || errno == EAGAIN) << "eventfd: errno " << errno;
}

std::unique_ptr<EventLoop::Timer> EventLoop::RunAfter(
    absl::Duration delay, std::function<void()> fn) {
  DCHECK(OnLoopThread());
  auto timer =
      std::make_unique<Registration>(impl_->base, -1, 0, std::move(fn));
  const timeval after = absl::ToTimeval(
      std::clamp(delay, absl::ZeroDuration(), absl::Hours(24 * 365)));
  timer->Arm(&after);
  return timer;
}

std::unique_ptr<EventLoop::Watch> EventLoop::OnSignal(
    int signal_number, std::function<void()> fn) {
  DCHECK(OnLoopThread());
  auto watch = std::make_unique<Registration>(
      impl_->base, signal_number, EV_SIGNAL | EV_PERSIST, std::move(fn));
  watch->Arm(nullptr);
  return watch;
}

std::unique_ptr<EventLoop::Watch> EventLoop::OnReadable(
    int fd, std::function<void()> fn) {
  DCHECK(OnLoopThread());
  auto watch = std::make_unique<Registration>(
      impl_->base, fd, EV_READ | EV_PERSIST, std::move(fn));
  watch->Arm(nullptr);
  return watch;
}

std::unique_ptr<EventLoop::Watch> EventLoop::OnWritable(
    int fd, std::function<void()> fn) {
  DCHECK(OnLoopThread());
  auto watch = std::make_unique<Registration>(
      impl_->base, fd, EV_WRITE | EV_PERSIST, std::move(fn));
  watch->Arm(nullptr);
  return watch;
}

bool EventLoop::OnLoopThread() const {
  const std::thread::id runner = impl_->runner.load();
  return runner == std::thread::id() || runner == std::this_thread::get_id();
}

event_base* EventLoop::base() const { return impl_->base; }

}  // namespace bestow
