#include "agent/schedule/agenda.h"

#include <stdlib.h>

#include <string>

#include "common/base/file.h"
#include "gtest/gtest.h"

namespace bestow::agent {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr char kServer[] = "https://est.example:8443";

std::string Folder() { return getenv("TEST_TMPDIR"); }

Agenda Full() {
  Agenda agenda;
  agenda.wait = {kNow + absl::Minutes(5), absl::Minutes(5)};
  agenda.next_cacerts = kNow + absl::Hours(1);
  agenda.next_info = kNow + absl::Hours(2);
  agenda.window = {.obtained_at = kNow - absl::Nanoseconds(17),
                   .start = kNow + absl::Hours(3),
                   .end = absl::InfiniteFuture(),
                   .picked = kNow + absl::Milliseconds(1)};
  return agenda;
}

TEST(AgendaTest, RoundTrip) {
  for (const Agenda& agenda : {Full(), Agenda()}) {
    ASSERT_TRUE(WriteAgenda(Folder(), kServer, agenda).ok());
    auto back = ReadAgenda(Folder(), kServer);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, agenda);
  }
}

TEST(AgendaTest, AnotherServersPlansCountForNothing) {
  ASSERT_TRUE(WriteAgenda(Folder(), kServer, Full()).ok());
  EXPECT_EQ(*ReadAgenda(Folder(), "https://other.example"), Agenda());
  EXPECT_EQ(*ReadAgenda(Folder() + "/none", kServer), Agenda());
}

TEST(AgendaTest, DamageIsSaid) {
  const std::string server = "server = 'https://est.example:8443'\n";
  for (const std::string& text :
       {std::string("x = ["), server + "wait_until = 'soon'\n",
        server + "next_info = 7\n", server + "window_picked = '2026'\n"}) {
    ASSERT_TRUE(
        WriteFileAtomically(Folder() + "/agenda.toml", AsBytes(text), 0600)
            .ok());
    EXPECT_EQ(ReadAgenda(Folder(), kServer).status().code(),
              absl::StatusCode::kDataLoss)
        << text;
  }
}

}  // namespace
}  // namespace bestow::agent
