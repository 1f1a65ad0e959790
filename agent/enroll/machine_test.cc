#include "agent/enroll/machine.h"

#include <deque>
#include <memory>
#include <optional>
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
                                  .retry_max = absl::Minutes(10),
                                  .cacerts_interval = absl::InfiniteDuration(),
                                  .info_interval = absl::InfiniteDuration()};
const Validity kValid = {kNow - absl::Hours(1), kNow + absl::Hours(9), 0};
const absl::Time kRenewAt = kNow + absl::Hours(4);

ScheduleOptions WithCheckups() {
  ScheduleOptions options = kOptions;
  options.cacerts_interval = absl::Hours(2);
  options.info_interval = absl::Hours(1);
  return options;
}

action::ScheduleAt At(absl::Time time, bool is_renewal) {
  return {time, is_renewal, time};
}

class MachineTest : public ::testing::Test {
 protected:
  // The actions but KeepAgenda, which is remembered.
  std::vector<Action> Do(const Event& event, absl::Time now = kNow) {
    std::vector<Action> actions = machine_->Handle(event, now);
    if (!actions.empty()) {
      if (auto* keep = std::get_if<action::KeepAgenda>(&actions.front())) {
        agenda_ = keep->agenda;
        actions.erase(actions.begin());
      }
    }
    return actions;
  }
  // As after a reboot: what was made durable is all that is left.
  void NewMachine(ScheduleOptions options) {
    machine_.emplace(options, random_);
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
  std::optional<Machine> machine_{std::in_place, kOptions, random_};
  Agenda agenda_;
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
  EXPECT_THAT(Do(event::Saved{kValid}), ElementsAre(At(kRenewAt, true)));
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
              ElementsAre(At(kRenewAt, true)));
  // A timer that fires early is set again.
  EXPECT_THAT(Do(event::TimerFired{}), ElementsAre(At(kRenewAt, true)));
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

TEST_F(MachineTest, AKeyThatIsKnownToBeLostWaitsForNoRenewal) {
  Do(event::Started{.credential = kValid, .has_trust = true});
  EXPECT_THAT(Do(event::KeyLost{"lost"}),
              ElementsAre(action::ReportProblem{"lost"},
                          action::FetchCaCerts{Mode::kEnroll, false}));
  // A wait after a failure is a wait still.
  const auto actions = Do(event::Failed{FailureKind::kOther, "x", {}});
  EXPECT_THAT(Do(event::KeyLost{"lost"}), ::testing::IsEmpty());
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
  EXPECT_THAT(Do(event::ClockChanged{}), ElementsAre(At(kRenewAt, true)));
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

// Each costs a key of the TPM.
TEST_F(MachineTest, CertificatesOfSecondsInARowAreSpacedByTheBackoff) {
  absl::Time now = kNow;
  const auto renew = [&](absl::Duration lifetime) {
    for (const Event& event :
         std::vector<Event>{event::TimerFired{}, event::CaCertsFetched{},
                            event::CsrAttrsFetched{}, event::KeyMade{},
                            event::CsrReady{}, event::Issued{}}) {
      EXPECT_EQ(Do(event, now).size(), 1u);
    }
    const auto actions = Do(event::Saved{{now, now + lifetime, 0}}, now);
    EXPECT_TRUE(std::holds_alternative<action::ScheduleAt>(actions.back()));
    const absl::Duration delay = Due(actions) - now;
    now = Due(actions);
    return delay;
  };
  now = Due(Do(event::Started{.credential = kValid, .has_trust = true}));
  for (int round = 0; round < 2; ++round) {
    // One may be a slip.
    EXPECT_EQ(renew(absl::Seconds(1)), absl::Seconds(1));
    absl::Duration longest;
    for (int i = 1; i < 50; ++i) {
      const absl::Duration delay =
          renew(i % 2 == 0 ? absl::Seconds(1)
                           : kOptions.retry_min - absl::Milliseconds(1));
      EXPECT_GE(delay, kOptions.retry_min);
      EXPECT_LE(delay,
                i < 5 ? kOptions.retry_min * (1 << i) : kOptions.retry_max);
      longest = std::max(longest, delay);
    }
    EXPECT_GT(longest, kOptions.retry_max / 2);
    // One that lasts is renewed in its time, and forgets the others.
    EXPECT_EQ(renew(kOptions.retry_min), kOptions.retry_min / 2);
    EXPECT_EQ(renew(kOptions.retry_min), kOptions.retry_min / 2);
  }
}

// RFC 7030 4.2.3: as told, across reboots.
TEST_F(MachineTest, ARestartKeepsTheWaitThatTheServerAskedFor) {
  Do(event::Started{.has_trust = true});
  GoToSend();
  Do(event::Deferred{absl::Hours(2)});
  ASSERT_TRUE(agenda_.wait.has_value());
  const absl::Time until = kNow + absl::Hours(2);
  const event::Started again{
      .has_pending_key = true, .has_trust = true, .agenda = agenda_};
  NewMachine(kOptions);
  EXPECT_THAT(Do(again, kNow + absl::Hours(1)), ElementsAre(At(until, false)));
  EXPECT_THAT(Do(event::TimerFired{}, until),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
  // It is over, and forgotten.
  EXPECT_EQ(agenda_.wait, std::nullopt);
  NewMachine(kOptions);
  EXPECT_THAT(Do(again, until),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
  // A renewal that waits is not hindered by a certificate that is still good.
  event::Started renewing = again;
  renewing.credential = kValid;
  NewMachine(kOptions);
  EXPECT_THAT(Do(renewing, kNow + absl::Minutes(1)),
              ElementsAre(At(kRenewAt, true)));
}

TEST_F(MachineTest, AWrongClockDoesNotStretchAWaitThatWasKept) {
  event::Started started{.has_trust = true};
  started.agenda.wait = {kNow + absl::Hours(2), absl::Hours(2)};
  const absl::Time epoch = absl::UnixEpoch();
  EXPECT_THAT(Do(started, epoch),
              ElementsAre(At(epoch + absl::Hours(2), false)));
  // The clock is set: the rest of the wait is what was meant.
  EXPECT_THAT(Do(event::ClockChanged{}, kNow + absl::Hours(1)),
              ElementsAre(At(kNow + absl::Hours(2), false)));
  // A length that no server could have asked for is none.
  NewMachine(kOptions);
  started.agenda.wait = {absl::InfiniteFuture(), absl::InfiniteDuration()};
  EXPECT_THAT(Do(started), ElementsAre(At(kNow + kRetryAfterMax, false)));
}

// A board without a battery starts in 1970, when no renewal is due; the wait
// that was kept counts as soon as its clock is set.
TEST_F(MachineTest, AWaitIsKeptThoughTheClockIsSetAfterTheStart) {
  event::Started started{.credential = kValid, .has_trust = true};
  const absl::Time until = kRenewAt + absl::Hours(2);
  started.agenda.wait = {until, absl::Hours(3)};
  EXPECT_THAT(Do(started, absl::UnixEpoch()), ElementsAre(At(kRenewAt, true)));
  EXPECT_THAT(Do(event::ClockChanged{}, kRenewAt + absl::Minutes(1)),
              ElementsAre(At(until, false)));
  EXPECT_THAT(Do(event::TimerFired{}, until),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
}

TEST_F(MachineTest, OurOwnBackoffIsNotKept) {
  Do(event::Started{.has_trust = true});
  Do(event::Failed{.problem = "down"});
  EXPECT_EQ(agenda_.wait, std::nullopt);
  Do(event::TimerFired{}, kNow + absl::Hours(1));
  Do(event::Failed{{}, "busy (503)", absl::Minutes(9)});
  EXPECT_EQ(agenda_.wait->until, kNow + absl::Minutes(9));
}

TEST_F(MachineTest, APendingKeyOfAnotherTypeIsReplaced) {
  Do(event::Started{.has_pending_key = true, .has_trust = true});
  Do(event::CaCertsFetched{});
  EXPECT_THAT(Do(event::CsrAttrsFetched{.pending_key_fits = false}),
              ElementsAre(action::MakeKey{}));
}

// RFC 7030 4.2.2: the same key is renewal, a new one rekey.
TEST_F(MachineTest, RenewsWithTheSameKeyWhenToldTo) {
  ScheduleOptions options = kOptions;
  options.same_key = true;
  NewMachine(options);
  Do(event::Started{.credential = kValid, .has_trust = true}, kRenewAt);
  Do(event::CaCertsFetched{}, kRenewAt);
  EXPECT_THAT(Do(event::CsrAttrsFetched{}, kRenewAt),
              ElementsAre(action::BuildCsr{Mode::kReenroll, false, true}));
  Do(event::CsrReady{}, kRenewAt);
  // The server insists on a new one.
  const auto actions =
      Do(event::Failed{FailureKind::kRefused, "no", {}}, kRenewAt);
  Do(event::TimerFired{}, Due(actions));
  Do(event::CaCertsFetched{}, Due(actions));
  EXPECT_THAT(Do(event::CsrAttrsFetched{}, Due(actions)),
              ElementsAre(action::MakeKey{}));
}

TEST_F(MachineTest, TheSameKeyServesOnlyWhereItCan) {
  ScheduleOptions options = kOptions;
  options.same_key = true;
  struct {
    const char* what;
    bool has_credential, has_pending, fits;
    Action next;
  } cases[] = {
      {"there is none", false, false, true, action::MakeKey{}},
      {"it is of another type", true, false, false, action::MakeKey{}},
      {"a request waits", true, true, true,
       action::BuildCsr{Mode::kReenroll, false, false}},
      {"it does", true, false, true,
       action::BuildCsr{Mode::kReenroll, false, true}},
  };
  for (const auto& one : cases) {
    NewMachine(options);
    event::Started started{.has_pending_key = one.has_pending,
                           .has_trust = true};
    if (one.has_credential) started.credential = kValid;
    Do(started, kRenewAt);
    Do(event::CaCertsFetched{}, kRenewAt);
    EXPECT_THAT(
        Do(event::CsrAttrsFetched{.current_key_fits = one.fits}, kRenewAt),
        ElementsAre(one.next))
        << one.what;
  }
}

TEST_F(MachineTest, WithinTheGraceAnExpiredCertificateIsTriedFirst) {
  ScheduleOptions options = kOptions;
  options.expired_grace = absl::Hours(24);
  const absl::Time now = kValid.not_after + absl::Hours(1);
  const event::Started started{.credential = kValid, .has_trust = true};
  const auto reenroll =
      ElementsAre(action::FetchCaCerts{Mode::kReenroll, false});
  const auto enroll = ElementsAre(action::FetchCaCerts{Mode::kEnroll, false});
  NewMachine(options);
  EXPECT_THAT(Do(started, now), reenroll);
  // Refused: the secret, at once.
  EXPECT_THAT(Do(event::Failed{FailureKind::kRefused, "expired", {}}, now),
              ElementsAre(action::ReportProblem{"expired"},
                          action::FetchCaCerts{Mode::kEnroll, false}));
  // Not heard at all: some tries, then the secret.
  NewMachine(options);
  absl::Time at = now;
  EXPECT_THAT(Do(started, at), reenroll);
  for (int i = 0; i < 3; ++i) {
    at = Due(Do(event::Failed{.problem = "handshake"}, at));
    if (i < 2) {
      EXPECT_THAT(Do(event::TimerFired{}, at), reenroll);
    }
  }
  EXPECT_THAT(Do(event::TimerFired{}, at), enroll);
  // Beyond the grace it is not tried.
  NewMachine(options);
  EXPECT_THAT(Do(started, kValid.not_after + absl::Hours(25)), enroll);
}

TEST_F(MachineTest, ABrokenLinkIsMadeAnewOnce) {
  Do(event::Started{.has_pending_key = true, .has_trust = true});
  Do(event::CaCertsFetched{});
  Do(event::CsrAttrsFetched{.wants_linking = true});
  Do(event::CsrReady{});
  EXPECT_THAT(Do(event::LinkBroken{"closed"}),
              ElementsAre(action::BuildCsr{Mode::kEnroll, true}));
  Do(event::CsrReady{});
  const auto actions = Do(event::LinkBroken{"closed"});
  EXPECT_EQ(actions.front(), Action(action::ReportProblem{"closed"}));
  EXPECT_GT(Due(actions), kNow);
}

TEST_F(MachineTest, RefreshesTheCaCertificatesBetweenRenewals) {
  NewMachine(WithCheckups());
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.next_cacerts = kNow + absl::Hours(1);
  started.agenda.next_info = kRenewAt + absl::Hours(9);
  auto actions = Do(started);
  const absl::Time wake = kNow + absl::Hours(1);
  EXPECT_THAT(actions, ElementsAre(action::ScheduleAt{kRenewAt, true, wake}));
  EXPECT_THAT(Do(event::TimerFired{}, wake),
              ElementsAre(action::FetchCaCerts{Mode::kCheckup, false}));
  actions = Do(event::CaCertsFetched{}, wake);
  ASSERT_EQ(actions.size(), 1u);
  const auto& next = std::get<action::ScheduleAt>(actions[0]);
  EXPECT_EQ(next.time, kRenewAt);
  EXPECT_GE(next.wake, wake + absl::Hours(2) * 0.9);
  EXPECT_LE(next.wake, wake + absl::Hours(2) * 1.1);
  EXPECT_EQ(agenda_.next_cacerts, next.wake);
}

TEST_F(MachineTest, ACheckupThatFailsLeavesTheRenewalAlone) {
  NewMachine(WithCheckups());
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.next_cacerts = started.agenda.next_info = kNow;
  Do(started);
  absl::Time now = kNow;
  while (now < kRenewAt) {
    const auto actions = Do(event::Failed{.problem = "down"}, now);
    ASSERT_EQ(actions.size(), 2u);
    const auto& wait = std::get<action::ScheduleAt>(actions[1]);
    EXPECT_EQ(wait.time, kRenewAt);
    EXPECT_TRUE(wait.is_renewal);
    EXPECT_GT(wait.wake, now);
    now = wait.wake;
    EXPECT_THAT(Do(event::TimerFired{}, now),
                ElementsAre(action::FetchCaCerts{
                    now < kRenewAt ? Mode::kCheckup : Mode::kReenroll, false}));
  }
}

TEST_F(MachineTest, RenewalInformationPullsARenewalForward) {
  NewMachine(WithCheckups());
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.next_cacerts = kRenewAt;
  started.agenda.next_info = kNow;
  EXPECT_THAT(Do(started), ElementsAre(action::FetchRenewalInfo{}));
  const event::RenewalInfoFetched soon{
      event::RenewalInfoFetched::Window{kNow + absl::Hours(1),
                                        kNow + absl::Hours(2)},
      absl::Minutes(30)};
  auto actions = Do(soon);
  ASSERT_EQ(actions.size(), 1u);
  const auto first = std::get<action::ScheduleAt>(actions[0]);
  EXPECT_GE(first.time, kNow + absl::Hours(1));
  EXPECT_LT(first.time, kNow + absl::Hours(2));
  EXPECT_EQ(first.wake, kNow + absl::Minutes(30));
  // The same window again: the same time, also after a restart.
  Do(event::TimerFired{}, first.wake);
  actions = Do(soon, first.wake);
  EXPECT_EQ(std::get<action::ScheduleAt>(actions[0]).time, first.time);
  NewMachine(WithCheckups());
  started.agenda = agenda_;
  actions = Do(started);
  EXPECT_EQ(std::get<action::ScheduleAt>(actions[0]).time, first.time);
  EXPECT_THAT(Do(event::TimerFired{}, first.time),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
}

TEST_F(MachineTest, AWindowOfThePastMeansNow) {
  NewMachine(WithCheckups());
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.next_cacerts = kRenewAt;
  started.agenda.next_info = kNow;
  Do(started);
  EXPECT_THAT(Do(event::RenewalInfoFetched{
                  event::RenewalInfoFetched::Window{kNow - absl::Hours(2),
                                                    kNow - absl::Hours(1)},
                  {}}),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
}

TEST_F(MachineTest, ANonsensicalWindowIsIgnoredAndOneThatIsGoneForgotten) {
  NewMachine(WithCheckups());
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.next_cacerts = kRenewAt;
  started.agenda.next_info = kNow;
  started.agenda.window = {kValid.obtained_at, kNow + absl::Hours(1),
                           kNow + absl::Hours(2), kNow + absl::Minutes(90)};
  Do(started);
  auto actions = Do(event::RenewalInfoFetched{
      event::RenewalInfoFetched::Window{kNow, kNow - absl::Hours(1)}, {}});
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<action::ReportProblem>(actions[0]));
  EXPECT_EQ(Due(actions), kNow + absl::Minutes(90));
  Do(event::TimerFired{}, *agenda_.next_info);
  actions = Do(event::RenewalInfoFetched{}, kNow + absl::Minutes(80));
  EXPECT_EQ(Due(actions), kRenewAt);
}

TEST_F(MachineTest, AWindowOfAnEarlierCertificateCountsForNothing) {
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.window = {kValid.obtained_at - absl::Hours(1), kNow, kNow,
                           kNow};
  EXPECT_THAT(Do(started), ElementsAre(At(kRenewAt, true)));
}

TEST_F(MachineTest, RenewNowRenewsWhateverItWaitsFor) {
  Do(event::Started{.credential = kValid, .has_trust = true});
  EXPECT_THAT(Do(event::RenewNow{}),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
  // It is under way already.
  EXPECT_THAT(Do(event::RenewNow{}), ElementsAre());
  GoToSend();
  Do(event::Issued{});
  const Validity next = {kNow, kNow + absl::Hours(10), 0};
  EXPECT_THAT(Do(event::Saved{next}),
              ElementsAre(At(kNow + absl::Hours(5), true)));
}

TEST_F(MachineTest, RenewNowAsksAgainBeforeTheWaitIsOver) {
  Do(event::Started{.has_trust = true});
  GoToSend();
  Do(event::Deferred{absl::Hours(3)});
  ASSERT_TRUE(agenda_.wait.has_value());
  EXPECT_THAT(Do(event::RenewNow{}),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
  EXPECT_EQ(agenda_.wait, std::nullopt);
}

TEST_F(MachineTest, RenewNowThatFailsBeforeItsTimeLeavesThePlanAsItWas) {
  Do(event::Started{.credential = kValid, .has_trust = true});
  Do(event::RenewNow{});
  const event::Failed refused{FailureKind::kRefused, "too early", {}};
  EXPECT_THAT(Do(refused), ElementsAre(action::ReportProblem{"too early"},
                                       At(kRenewAt, true)));
  // When it is due anyway, it is tried again like any other.
  Do(event::RenewNow{}, kRenewAt);
  auto actions = Do(refused, kRenewAt);
  EXPECT_LE(Due(actions), kRenewAt + kOptions.retry_min * 2);
  // And where the key is lost there is no plan to go back to.
  NewMachine(kOptions);
  Do(event::Started{.credential = kValid, .has_trust = true});
  Do(event::RenewNow{});
  Do(event::Failed{FailureKind::kCurrentKeyLost, "lost", {}});
  actions = Do(event::Failed{.problem = "down"});
  EXPECT_LE(Due(actions), kNow + kOptions.retry_min * 2);
}

TEST_F(MachineTest, RenewNowWaitsForACheckupToEnd) {
  NewMachine(WithCheckups());
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.next_cacerts = kNow;
  started.agenda.next_info = kNow;
  EXPECT_THAT(Do(started),
              ElementsAre(action::FetchCaCerts{Mode::kCheckup, false}));
  EXPECT_THAT(Do(event::RenewNow{}), ElementsAre());
  EXPECT_THAT(Do(event::CaCertsFetched{}),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
}

TEST_F(MachineTest, PausedNothingBeginsUntilItIsResumed) {
  Do(event::Started{.credential = kValid, .has_trust = true});
  EXPECT_THAT(Do(event::Pause{}), ElementsAre(action::StayPaused{}));
  EXPECT_THAT(Do(event::Pause{}), ElementsAre());
  for (const Event& event :
       {Event(event::TimerFired{}), Event(event::ClockChanged{}),
        Event(event::RenewNow{})}) {
    EXPECT_THAT(Do(event, kRenewAt), ElementsAre());
  }
  EXPECT_THAT(Do(event::Resume{}, kRenewAt),
              ElementsAre(action::FetchCaCerts{Mode::kReenroll, false}));
  EXPECT_THAT(Do(event::Resume{}, kRenewAt), ElementsAre());
}

TEST_F(MachineTest, ARestartStaysPaused) {
  EXPECT_THAT(Do(event::Started{.has_trust = true, .paused = true}),
              ElementsAre(action::StayPaused{}));
  EXPECT_THAT(Do(event::Resume{}),
              ElementsAre(action::FetchCaCerts{Mode::kEnroll, false}));
}

TEST_F(MachineTest, AnAttemptUnderWayIsFinishedBeforeThePause) {
  Do(event::Started{.has_trust = true});
  GoToSend();
  EXPECT_THAT(Do(event::Pause{}), ElementsAre());
  EXPECT_THAT(Do(event::Issued{}), ElementsAre(action::Save{}));
  EXPECT_THAT(Do(event::Saved{kValid}), ElementsAre(action::StayPaused{}));
  EXPECT_THAT(Do(event::Resume{}), ElementsAre(At(kRenewAt, true)));
  // One that fails is not tried again.
  Do(event::RenewNow{});
  Do(event::Pause{});
  EXPECT_THAT(Do(event::Failed{.problem = "down"}),
              ElementsAre(action::ReportProblem{"down"}, action::StayPaused{}));
}

TEST_F(MachineTest, AWaitThatTheServerAskedForOutlivesAPause) {
  Do(event::Started{.has_trust = true});
  GoToSend();
  Do(event::Pause{});
  EXPECT_EQ(Do(event::Deferred{absl::Minutes(9)}).back(),
            Action(action::StayPaused{}));
  EXPECT_THAT(Do(event::Resume{}, kNow + absl::Minutes(2)),
              ElementsAre(At(kNow + absl::Minutes(9), false)));
}

TEST_F(MachineTest, PlansThatAreFarOffAreMended) {
  NewMachine(WithCheckups());
  event::Started started{.credential = kValid, .has_trust = true};
  started.agenda.next_cacerts = started.agenda.next_info =
      absl::InfiniteFuture();
  const auto actions = Do(started);
  EXPECT_LE(std::get<action::ScheduleAt>(actions[0]).wake,
            kNow + absl::Hours(3));
}

// Every sequence of events up to a length, from every start: the promises
// that hold whatever comes.
struct World {
  World(const event::Started& started, const ScheduleOptions& options)
      : machine(options, random),
        has_pending(started.has_pending_key),
        has_trust(started.has_trust),
        has_credential(started.credential.has_value()) {}
  std::mt19937_64 random{5};
  Machine machine;
  bool has_pending;
  bool has_trust;
  bool has_credential;
  bool fetches_cacerts = false;
  Mode mode = Mode::kEnroll;
  bool paused = false;
  bool step_under_way = false;
  bool timer_set = false;
  bool rests = false;
};

void CheckAction(World& world, const Event& event, const Action& next,
                 absl::Time now) {
  if (const auto* fetch = std::get_if<action::FetchCaCerts>(&next)) {
    EXPECT_EQ(fetch->bootstrap, !world.has_trust);
    world.mode = fetch->mode;
  } else if (std::holds_alternative<action::FetchRenewalInfo>(next)) {
    EXPECT_TRUE(world.has_trust);
    EXPECT_TRUE(world.has_credential);
    world.mode = Mode::kCheckup;
  } else if (const auto* attrs = std::get_if<action::FetchCsrAttrs>(&next)) {
    EXPECT_TRUE(world.has_trust);
    EXPECT_EQ(attrs->mode, world.mode);
  } else if (std::holds_alternative<action::MakeKey>(next)) {
    // Only what does not fit is replaced.
    const auto* attrs = std::get_if<event::CsrAttrsFetched>(&event);
    EXPECT_TRUE(!world.has_pending ||
                (attrs != nullptr && !attrs->pending_key_fits));
  } else if (const auto* build = std::get_if<action::BuildCsr>(&next)) {
    if (std::holds_alternative<event::KeyMade>(event)) {
      world.has_pending = true;
    }
    EXPECT_EQ(world.has_pending, !build->same_key);
    if (build->same_key) {
      EXPECT_EQ(build->mode, Mode::kReenroll);
    }
  } else if (const auto* send = std::get_if<action::SendCsr>(&next)) {
    // Nothing is sent, least of all a secret, before the server is trusted
    // and the request is on disk.
    EXPECT_TRUE(world.has_trust);
    EXPECT_TRUE(std::holds_alternative<event::CsrReady>(event));
    EXPECT_EQ(send->mode, world.mode);
    // What shows a certificate has one to show.
    EXPECT_TRUE(send->mode == Mode::kEnroll || world.has_credential);
  } else if (std::holds_alternative<action::Save>(next)) {
    EXPECT_TRUE(std::holds_alternative<event::Issued>(event));
  } else if (std::holds_alternative<action::DropPendingKey>(next)) {
    world.has_pending = false;
  } else if (const auto* at = std::get_if<action::ScheduleAt>(&next)) {
    EXPECT_GE(at->wake, now);
    EXPECT_LE(at->wake, at->time);
    // Nobody puts a device to sleep for longer, unless it is well.
    EXPECT_TRUE(at->is_renewal || at->time <= now + kRetryAfterMax);
  } else if (const auto* keep = std::get_if<action::KeepAgenda>(&next)) {
    const Agenda& agenda = keep->agenda;
    if (agenda.wait) {
      EXPECT_LE(agenda.wait->length, kRetryAfterMax);
      EXPECT_LE(agenda.wait->until, now + agenda.wait->length);
    }
  }
  // A checkup makes nothing and sends nothing.
  if (world.mode == Mode::kCheckup) {
    EXPECT_FALSE(std::holds_alternative<action::MakeKey>(next) ||
                 std::holds_alternative<action::BuildCsr>(next) ||
                 std::holds_alternative<action::SendCsr>(next) ||
                 std::holds_alternative<action::DropPendingKey>(next));
  }
}

bool IsStep(const Action& action) {
  return !std::holds_alternative<action::StayPaused>(action) &&
         !std::holds_alternative<action::DropPendingKey>(action) &&
         !std::holds_alternative<action::KeepAgenda>(action) &&
         !std::holds_alternative<action::ScheduleAt>(action) &&
         !std::holds_alternative<action::ReportProblem>(action);
}

void Check(World& world, const Event& event, absl::Time now) {
  if (const auto* started = std::get_if<event::Started>(&event)) {
    world.paused = started->paused;
  } else if (std::holds_alternative<event::Pause>(event)) {
    world.paused = true;
  } else if (std::holds_alternative<event::Resume>(event)) {
    world.paused = false;
  }
  const std::vector<Action> actions = world.machine.Handle(event, now);
  if (actions.empty()) return;
  if (std::holds_alternative<event::CaCertsFetched>(event)) {
    EXPECT_TRUE(world.fetches_cacerts);
    world.has_trust = true;
  }
  if (std::holds_alternative<event::Saved>(event)) {
    world.has_pending = false;
    world.has_credential = true;
  }
  int steps = 0, timers = 0, rests = 0;
  for (const Action& next : actions) {
    steps += IsStep(next) ? 1 : 0;
    timers += std::holds_alternative<action::ScheduleAt>(next) ? 1 : 0;
    rests += std::holds_alternative<action::StayPaused>(next) ? 1 : 0;
    CheckAction(world, event, next, now);
  }
  world.fetches_cacerts =
      std::holds_alternative<action::FetchCaCerts>(actions.back());
  // One thing goes on at a time, and it is the last of the actions.
  EXPECT_EQ(steps + timers + rests, 1);
  EXPECT_TRUE(IsStep(actions.back()) ||
              std::holds_alternative<action::ScheduleAt>(actions.back()) ||
              std::holds_alternative<action::StayPaused>(actions.back()));
  world.step_under_way = steps == 1;
  world.timer_set = timers == 1;
  world.rests = rests == 1;
  // The off switch holds: what was begun is finished, and nothing else begins.
  EXPECT_TRUE(!world.rests || world.paused);
  if (world.paused) {
    EXPECT_FALSE(world.timer_set);
    EXPECT_FALSE(
        std::holds_alternative<action::FetchCaCerts>(actions.back()) ||
        std::holds_alternative<action::FetchRenewalInfo>(actions.back()));
  }
}

// Something goes on, or waits for its time, or for whoever paused it.
bool IsAlive(const World& world) {
  return world.step_under_way || world.timer_set ||
         (world.rests && world.paused);
}

std::vector<Event> EveryEvent(absl::Time now) {
  using Window = event::RenewalInfoFetched::Window;
  return {event::TimerFired{},
          event::RenewNow{},
          event::Pause{},
          event::Resume{},
          event::ClockChanged{},
          event::CaCertsFetched{},
          event::CsrAttrsFetched{false},
          event::CsrAttrsFetched{true},
          event::CsrAttrsFetched{false, false, false},
          event::RenewalInfoFetched{},
          event::RenewalInfoFetched{Window{now - absl::Hours(1), now}, {}},
          event::RenewalInfoFetched{Window{now, now - absl::Hours(1)},
                                    absl::Seconds(3)},
          event::KeyMade{},
          event::CsrReady{},
          event::LinkBroken{"x"},
          event::KeyLost{"x"},
          event::Issued{},
          event::Saved{{now, now + absl::Hours(2), 0}},
          event::Deferred{absl::Seconds(30)},
          event::Deferred{},
          event::Failed{FailureKind::kOther, "x", {}},
          event::Failed{FailureKind::kRefused, "x", {}},
          event::Failed{FailureKind::kPendingKeyLost, "x", {}},
          event::Failed{FailureKind::kCurrentKeyLost, "x", absl::Seconds(3)}};
}

// The options that change what it does, by bit.
ScheduleOptions OptionsOf(int bits) {
  ScheduleOptions options = (bits & 1) != 0 ? WithCheckups() : kOptions;
  options.same_key = (bits & 2) != 0;
  if ((bits & 4) != 0) options.expired_grace = absl::Hours(24);
  return options;
}

TEST(MachineExhaustiveTest, PromisesHoldForEverySequenceOfEvents) {
  constexpr int kLength = 3;
  const size_t kinds = EveryEvent(kNow).size();
  size_t total = 1;
  for (int i = 0; i < kLength; ++i) total *= kinds;
  // Due; expired, within a grace; not due, with plans that are due.
  const absl::Time begins[] = {kRenewAt, kValid.not_after + absl::Hours(1),
                               kNow};
  for (int start = 0; start < 8 * 8; ++start) {
    const absl::Time begin = begins[start % 3];
    event::Started started;
    if ((start & 1) != 0) started.credential = kValid;
    started.has_pending_key = (start & 2) != 0;
    started.has_trust = (start & 4) != 0;
    started.paused = start % 5 == 0;
    if (begin == kNow) started.agenda.next_cacerts = kNow - absl::Hours(1);
    if (begin == kRenewAt) {
      started.agenda.wait = {kRenewAt + absl::Minutes(2), absl::Minutes(9)};
    }
    const ScheduleOptions options = OptionsOf((start >> 3) & 7);
    const std::vector<Event> events = EveryEvent(begin);
    for (size_t sequence = 0; sequence < total; ++sequence) {
      World world(started, options);
      absl::Time now = begin;
      Check(world, started, now);
      size_t rest = sequence;
      for (int i = 0; i < kLength; ++i, rest /= kinds) {
        now += absl::Minutes(1);
        Check(world, events[rest % kinds], now);
        ASSERT_TRUE(IsAlive(world));
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
    started.paused = walk % 7 == 0;
    World world(started, OptionsOf(walk % 8));
    absl::Time now = kNow;
    Check(world, started, now);
    for (int i = 0; i < 100; ++i) {
      now += absl::Seconds(static_cast<int64_t>(random() % 4000));
      const std::vector<Event> events = EveryEvent(now);
      Check(world, events[random() % events.size()], now);
      ASSERT_TRUE(IsAlive(world));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace bestow::agent
