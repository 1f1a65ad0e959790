// The event loop: libevent behind a small class. Only common/net includes
// <event2/*>.
#ifndef COMMON_NET_EVENT_LOOP_H_
#define COMMON_NET_EVENT_LOOP_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

struct event_base;

namespace bestow {

// One thread runs it and owns whatever is registered with it. Only Post() and
// Stop() may be called from other threads.
class EventLoop {
 public:
  // Cancels on destruction. The callback never runs after that.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  // As Timer, for a signal or a descriptor.
  class Watch {
   public:
    virtual ~Watch() = default;
  };

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();

  // Runs until Stop(). Functions posted before Stop() run first.
  void Run();
  void Stop();
  // Runs `fn` on the loop's thread; thread-safe, in order, never inline.
  void Post(std::function<void()> fn);

  std::unique_ptr<Timer> RunAfter(absl::Duration delay,
                                  std::function<void()> fn);
  std::unique_ptr<Watch> OnSignal(int signal_number, std::function<void()> fn);
  std::unique_ptr<Watch> OnReadable(int fd, std::function<void()> fn);
  std::unique_ptr<Watch> OnWritable(int fd, std::function<void()> fn);

  // True on the thread that runs the loop, or while none does.
  bool OnLoopThread() const;
  event_base* base() const;

 private:
  struct Impl;
  explicit EventLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bestow

#endif  // COMMON_NET_EVENT_LOOP_H_
