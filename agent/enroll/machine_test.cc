#include "agent/enroll/machine.h"

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const ScheduleOptions kOptions = {.fraction = 0.5,
                                  .jitter = 0,
                                  .retry_min = absl::Seconds(5),
                                  .retry_max = absl::Minutes(10)};
const Validity kValid = {kNow - absl::Hours(1), kNow + absl::Hours(9), 0};
const absl::Time kRenewAt = kNow + absl::Hours(4);

class MachineTest : public ::testing::Test {
 protected:
  std::vector<Action> Do(const Event& event, absl::Time now = kNow) {
    return machine_.Handle(event, now);
  }
  // Through an attempt up to the request being sent.
  void GoToSend() {
    Do(event::CaCertsFetched{});
    for (const Action& next : Do(event::CsrAttrsFetched{})) {
      if (std::holds_alternative<action::MakeKey>(next)) Do(event::KeyMade{});
    }
    EXPECT_EQ(Do(event::CsrReady{}).size(), 1u);
  }
  static absl::Time Due(const std::vector<Action>& actions) {
    const auto* schedule = std::get_if<action::ScheduleAt>(&actions.back());
    return schedule == nullptr ? absl::InfinitePast() : schedule->time;
  }

  std::mt19937_64 random_{17};
  Machine machine_{kOptions, random_};
};

TEST_F(MachineTest, FirstEnrollmentWithAPin) {
  EXPECT_THAT(Do(event::Started{}),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, true}));
  EXPECT_THAT(Do(event::CaCertsFetched{}),
              ElementsAre(action::FetchCsrAttrs{Mode::kEnroll}));
  EXPECT_THAT(Do(event::CsrAttrsFetched{}), ElementsAre(action::MakeKey{}));
  EXPECT_THAT(Do(event::KeyMade{}),
              ElementsAre(action::BuildCsr{Mode::kEnroll, false}));
  EXPECT_THAT(Do(event::CsrReady{}),
              ElementsAre(action::SendCsr{Mode::kEnroll}));
  EXPECT_THAT(Do(event::Issued{}), ElementsAre(action::Save{}));
  EXPECT_THAT(Do(event::Saved{kValid}),
              ElementsAre(action::ScheduleAt{kRenewAt, true}));
}

TEST_F(MachineTest, AKnownCaNeedsNoBootstrap) {
  EXPECT_THAT(Do(event::Started{.has_trust = true}),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
}

TEST_F(MachineTest, ARestartGoesOnWithThePendingKey) {
  Do(event::Started{.has_pending_key = true, .has_trust = true});
  Do(event::CaCertsFetched{});
  EXPECT_THAT(Do(event::CsrAttrsFetched{.wants_linking = true}),
              ElementsAre(action::BuildCsr{Mode::kEnroll, true}));
}

TEST_F(MachineTest, WaitsForRenewalThenReenrollsWithANewKey) {
  EXPECT_THAT(Do(event::Started{.credential = kValid, .has_trust = true}),
              ElementsAre(action::ScheduleAt{kRenewAt, true}));
  // A timer that fires early is set again.
  EXPECT_THAT(Do(event::TimerFired{}),
              ElementsAre(action::ScheduleAt{kRenewAt, true}));
  EXPECT_THAT(Do(event::TimerFired{}, kRenewAt),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
  Do(event::CaCertsFetched{});
  EXPECT_THAT(Do(event::CsrAttrsFetched{}), ElementsAre(action::MakeKey{}));
  Do(event::KeyMade{});
  EXPECT_THAT(Do(event::CsrReady{}),
              ElementsAre(action::SendCsr{Mode::kReenroll}));
}

TEST_F(MachineTest, AnExpiredCertificateFallsBackToEnrollment) {
  EXPECT_THAT(Do(event::Started{.credential = kValid, .has_trust = true},
                 kValid.not_after),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
}

TEST_F(MachineTest, ExpiryDuringRetriesFallsBackToo) {
  Do(event::Started{.credential = kValid, .has_trust = true}, kRenewAt);
  auto actions =
      Do(event::Failed{.problem = "down"}, kValid.not_after - absl::Seconds(1));
  EXPECT_THAT(Do(event::TimerFired{}, Due(actions)),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
}

TEST_F(MachineTest, ALostCurrentKeyFallsBackToEnrollmentAtOnce) {
  Do(event::Started{.credential = kValid, .has_trust = true}, kRenewAt);
  const event::Failed lost{FailureKind::kCurrentKeyLost, "lost", {}};
  EXPECT_THAT(Do(lost, kRenewAt),
              ElementsAre(action::ReportProblem{"lost"},
                          action::FetchCaCerts{Mode::kEnroll, false}));
  // And does not go round in circles.
  auto actions = Do(lost, kRenewAt);
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_GT(Due(actions), kRenewAt);
  EXPECT_THAT(Do(event::TimerFired{}, Due(actions)),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
}

TEST_F(MachineTest, ALostPendingKeyIsReplacedOnce) {
  Do(event::Started{.has_pending_key = true, .has_trust = true});
  Do(event::CaCertsFetched{});
  Do(event::CsrAttrsFetched{});
  const event::Failed lost{FailureKind::kPendingKeyLost, "lost", {}};
  EXPECT_THAT(Do(lost),
              ElementsAre(action::ReportProblem{"lost"},
                          action::DropPendingKey{}, action::MakeKey{}));
  Do(event::KeyMade{});
  auto actions = Do(lost);
  ASSERT_EQ(actions.size(), 3u);
  EXPECT_EQ(actions[1], Action(action::DropPendingKey{}));
  EXPECT_GT(Due(actions), kNow);
}

TEST_F(MachineTest, RetriesForEverWithGrowingDelays) {
  auto actions = Do(event::Started{.has_trust = true});
  absl::Time now = kNow;
  absl::Duration longest;
  for (int i = 1; i < 200; ++i) {
    actions = Do(event::Failed{.problem = "down"}, now);
    ASSERT_EQ(actions.size(), 2u);
    const absl::Duration delay = Due(actions) - now;
    EXPECT_GE(delay, kOptions.retry_min);
    EXPECT_LE(delay,
              i < 5 ? kOptions.retry_min * (1 << i) : kOptions.retry_max);
    longest = std::max(longest, delay);
    now = Due(actions);
    EXPECT_THAT(Do(event::TimerFired{}, now),
                ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
  }
  EXPECT_GT(longest, kOptions.retry_max / 2);
}

TEST_F(MachineTest, SuccessForgetsEarlierFailures) {
  Do(event::Started{.has_trust = true});
  absl::Time now = kNow;
  for (int i = 0; i < 20; ++i) {
    now = Due(Do(event::Failed{.problem = "down"}, now));
    Do(event::TimerFired{}, now);
  }
  GoToSend();
  Do(event::Issued{});
  Do(event::Saved{kValid});
  Do(event::TimerFired{}, kRenewAt);
  auto actions = Do(event::Failed{.problem = "down"}, kRenewAt);
  EXPECT_LE(Due(actions) - kRenewAt, kOptions.retry_min * 2);
}

TEST_F(MachineTest, HonoursRetryAfterWithinBounds) {
  Do(event::Started{.has_trust = true});
  GoToSend();
  auto actions = Do(event::Deferred{absl::Seconds(120)});
  EXPECT_EQ(Due(actions), kNow + absl::Seconds(120));
  Do(event::TimerFired{}, Due(actions));
  // The key is still the pending one: the same request again.
  Do(event::CaCertsFetched{});
  EXPECT_THAT(Do(event::CsrAttrsFetched{}),
              ElementsAre(action::BuildCsr{Mode::kEnroll, false}));
  actions = Do(event::Failed{{}, "busy (503)", absl::Hours(1000)});
  EXPECT_EQ(Due(actions), kNow + kRetryAfterMax);
}

TEST_F(MachineTest, A202WithoutRetryAfterBacksOff) {
  Do(event::Started{.has_trust = true});
  GoToSend();
  auto actions = Do(event::Deferred{});
  EXPECT_GE(Due(actions), kNow + kOptions.retry_min);
}

TEST_F(MachineTest, AClockThatJumpsAheadRenews) {
  Do(event::Started{.credential = kValid, .has_trust = true});
  EXPECT_THAT(Do(event::ClockChanged{}),
              ElementsAre(action::ScheduleAt{kRenewAt, true}));
  EXPECT_THAT(Do(event::ClockChanged{}, kRenewAt + absl::Hours(1)),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
}

TEST_F(MachineTest, AClockThatGoesBackDoesNotStretchARetry) {
  Do(event::Started{.has_trust = true});
  auto actions = Do(event::Failed{.problem = "down"});
  const absl::Duration delay = Due(actions) - kNow;
  const absl::Time back = kNow - absl::Hours(24 * 365);
  actions = Do(event::ClockChanged{}, back);
  EXPECT_LE(Due(actions), back + delay);
}

TEST_F(MachineTest, ACertificateThatIsDueOnArrivalDoesNotSpin) {
  Do(event::Started{.has_trust = true});
  GoToSend();
  Do(event::Issued{});
  auto actions = Do(event::Saved{{kNow, kNow, 0}});
  EXPECT_GT(Due(actions), kNow);
}

// Every sequence of events up to a length, from every start: the promises
// that hold whatever comes.
struct World {
  explicit World(const event::Started& started)
      : machine(kOptions, random),
        has_pending(started.has_pending_key),
        has_trust(started.has_trust) {}
  std::mt19937_64 random{5};
  Machine machine;
  bool has_pending;
  bool has_trust;
  bool step_under_way = false;
  bool timer_set = false;
};

void Check(World& world, const Event& event, absl::Time now) {
  const std::vector<Action> actions = world.machine.Handle(event, now);
  if (actions.empty()) return;
  int steps = 0, timers = 0;
  for (const Action& next : actions) {
    if (const auto* fetch = std::get_if<action::FetchCaCerts>(&next)) {
      ++steps;
      EXPECT_EQ(fetch->bootstrap, !world.has_trust);
    } else if (std::holds_alternative<action::FetchCsrAttrs>(next)) {
      ++steps;
      world.has_trust = true;
    } else if (std::holds_alternative<action::MakeKey>(next)) {
      ++steps;
      EXPECT_FALSE(world.has_pending);
    } else if (std::holds_alternative<action::BuildCsr>(next)) {
      ++steps;
      if (std::holds_alternative<event::KeyMade>(event)) {
        world.has_pending = true;
      }
      EXPECT_TRUE(world.has_pending);
    } else if (std::holds_alternative<action::SendCsr>(next)) {
      ++steps;
      // Nothing is sent, least of all a secret, before the server is trusted
      // and the key is on disk.
      EXPECT_TRUE(world.has_trust);
      EXPECT_TRUE(world.has_pending);
      EXPECT_TRUE(std::holds_alternative<event::CsrReady>(event));
    } else if (std::holds_alternative<action::Save>(next)) {
      ++steps;
      EXPECT_TRUE(std::holds_alternative<event::Issued>(event));
    } else if (std::holds_alternative<action::DropPendingKey>(next)) {
      world.has_pending = false;
    } else if (const auto* at = std::get_if<action::ScheduleAt>(&next)) {
      ++timers;
      EXPECT_GE(at->time, now);
    }
  }
  if (std::holds_alternative<event::Saved>(event)) world.has_pending = false;
  // One thing goes on at a time.
  EXPECT_EQ(steps + timers, 1);
  world.step_under_way = steps == 1;
  world.timer_set = timers == 1;
}

TEST(MachineExhaustiveTest, PromisesHoldForEverySequenceOfEvents) {
  const std::vector<Event> events = {
      event::TimerFired{},
      event::ClockChanged{},
      event::CaCertsFetched{},
      event::CsrAttrsFetched{false},
      event::CsrAttrsFetched{true},
      event::KeyMade{},
      event::CsrReady{},
      event::Issued{},
      event::Saved{kValid},
      event::Deferred{absl::Seconds(30)},
      event::Failed{FailureKind::kOther, "x", {}},
      event::Failed{FailureKind::kPendingKeyLost, "x", {}},
      event::Failed{FailureKind::kCurrentKeyLost, "x", absl::Seconds(3)}};
  constexpr int kLength = 4;
  size_t total = 1;
  for (int i = 0; i < kLength; ++i) total *= events.size();
  for (int start = 0; start < 8; ++start) {
    event::Started started;
    if ((start & 1) != 0) started.credential = kValid;
    started.has_pending_key = (start & 2) != 0;
    started.has_trust = (start & 4) != 0;
    for (size_t sequence = 0; sequence < total; ++sequence) {
      World world(started);
      absl::Time now = kRenewAt;
      Check(world, started, now);
      size_t rest = sequence;
      for (int i = 0; i < kLength; ++i, rest /= events.size()) {
        now += absl::Minutes(1);
        Check(world, events[rest % events.size()], now);
        ASSERT_TRUE(world.step_under_way || world.timer_set);
      }
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// Long random walks reach what short sequences do not.
TEST(MachineExhaustiveTest, PromisesHoldOnLongRandomWalks) {
  std::mt19937_64 random(99);
  for (int walk = 0; walk < 2000; ++walk) {
    event::Started started;
    started.has_trust = walk % 2 == 0;
    World world(started);
    absl::Time now = kNow;
    Check(world, started, now);
    for (int i = 0; i < 100; ++i) {
      now += absl::Seconds(static_cast<int64_t>(random() % 4000));
      switch (random() % 12) {
        case 0:
          Check(world, event::Failed{FailureKind::kOther, "x", {}}, now);
          break;
        case 1:
          Check(world, event::Failed{FailureKind::kPendingKeyLost, "x", {}},
                now);
          break;
        case 2:
          Check(world, event::Failed{FailureKind::kCurrentKeyLost, "x", {}},
                now);
          break;
        case 3:
          Check(world, event::ClockChanged{}, now);
          break;
        case 4:
          Check(world, event::Deferred{}, now);
          break;
        case 5:
          Check(world, event::CaCertsFetched{}, now);
          break;
        case 6:
          Check(world, event::CsrAttrsFetched{}, now);
          break;
        case 7:
          Check(world, event::KeyMade{}, now);
          break;
        case 8:
          Check(world, event::CsrReady{}, now);
          break;
        case 9:
          Check(world, event::Issued{}, now);
          break;
        case 10:
          Check(world, event::Saved{{now, now + absl::Hours(2), 0}}, now);
          break;
        default:
          Check(world, event::TimerFired{}, now);
          break;
      }
      ASSERT_TRUE(world.step_under_way || world.timer_set);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace bestow::agent
