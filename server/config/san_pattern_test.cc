#include "server/config/san_pattern.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

// A pattern, what gw-1 may add by it, and what not.
TEST(SanPatternTest, Matches) {
  struct Row {
    std::string pattern;
    std::vector<std::string> in, out;
  };
  for (const Row& row : std::vector<Row>{
           {"dns:*.devices.example",
            {"dns:a.devices.example", "dns:A.Devices.EXAMPLE"},
            {"dns:devices.example", "dns:a.b.devices.example",
             "dns:a.devices.example.evil", "dns:xdevices.example",
             "uri:http://a.devices.example/", "email:x@a.devices.example"}},
           {"dns:*.*.devices.example",
            {"dns:a.b.devices.example"},
            {"dns:a.devices.example"}},
           {"dns:*.{identity}.devices.example",
            {"dns:eth0.gw-1.devices.example", "dns:eth0.GW-1.devices.example"},
            {"dns:eth0.gw-2.devices.example", "dns:gw-1.devices.example"}},
           {"dns:{identity}-eth0.devices.example",
            {"dns:gw-1-eth0.devices.example"},
            {"dns:gw-2-eth0.devices.example"}},
           {"dns:alias.devices.example",
            {"dns:alias.devices.example"},
            {"dns:alias2.devices.example"}},
           {"ip:10.0.0.0/8", {"ip:10.1.2.3"}, {"ip:11.1.2.3", "ip:::1"}},
           {"ip:192.0.2.7", {"ip:192.0.2.7"}, {"ip:192.0.2.8"}},
           {"ip:2001:db8::/32", {"ip:2001:db8::7"}, {"ip:2001:db9::7"}},
           {"email:*@example.com",
            {"email:a@example.com", "email:b@EXAMPLE.com"},
            {"email:a@x.example.com", "email:a@example.com.evil",
             "dns:example.com"}},
           {"email:{identity}@*.example.com",
            {"email:gw-1@x.example.com"},
            {"email:gw-2@x.example.com", "email:GW-1@x.example.com",
             "email:gw-1@example.com"}},
           {"uri:urn:dev:mac:*",
            {"uri:urn:dev:mac:0024befffe804ff1"},
            {"uri:urn:dev:mac:", "uri:urn:dev:ow:1", "uri:URN:dev:mac:1"}},
           {"uri:https://a.example/{identity}/*",
            {"uri:https://a.example/gw-1/x"},
            {"uri:https://a.example/gw-2/x", "uri:https://a.example/gw-1",
             "uri:https://a.example/gw-1/", "uri:https://a.example/gw-1/..",
             "uri:https://a.example/gw-1/../gw-2",
             "uri:https://a.example/gw-1/%2e%2e%2fgw-2",
             "uri:https://a.example/gw-1/x?y"}},
           {"uri:urn:x:{identity}",
            {"uri:urn:x:gw-1"},
            {"uri:urn:x:gw-17", "uri:urn:x:gw"}},
       }) {
    const absl::StatusOr<SanPattern> pattern = SanPattern::Parse(row.pattern);
    ASSERT_TRUE(pattern.ok()) << pattern.status();
    for (const std::string& name : row.in) {
      EXPECT_TRUE(pattern->Matches(*GeneralName::FromText(name), "gw-1"))
          << row.pattern << " " << name;
    }
    for (const std::string& name : row.out) {
      EXPECT_FALSE(pattern->Matches(*GeneralName::FromText(name), "gw-1"))
          << row.pattern << " " << name;
    }
  }
}

// A request's name can hold what no config's name can.
TEST(SanPatternTest, AnAsteriskIsNoLabel) {
  const SanPattern pattern = *SanPattern::Parse("dns:*.devices.example");
  for (const std::string_view host :
       {"*.devices.example", ".devices.example", "a b.devices.example",
        "-.devices.example"}) {
    EXPECT_FALSE(pattern.Matches(
        {GeneralName::Kind::kDns, ToBytes(AsBytes(host))}, "gw-1"))
        << host;
  }
}

TEST(SanPatternTest, RefusesWhatIsTooWideOrNoPattern) {
  for (const auto& [text, why] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "no pattern of the form"},
           {"*", "no pattern of the form"},
           {"host.example", "no pattern of the form"},
           {"dirname:CN=*", "no pattern of the form"},
           {"dns:", "no host name"},
           {"dns:*", "last label open"},
           {"dns:a.*", "last label open"},
           {"dns:a*.example", "no host name"},
           {"dns:a..example", "no host name"},
           {"dns:{name}.example", "other braces"},
           {"ip:10.0.0.0/33", "no range"},
           {"ip:10.0.0.1/8", "below the range"},
           {"ip:*", "not an IP address"},
           {"ip:{identity}", "in an address"},
           {"email:example.com", "no mailbox"},
           {"email:a*@example.com", "no mailbox"},
           {"email:@example.com", "no mailbox"},
           {"email:a@*", "last label open"},
           {"uri:*", "only at its end"},
           {"uri:urn:*:x", "only at its end"},
           {"uri:urn:dev*", "only at its end"},
           {"uri:urn:{identity}*", "only at its end"},
           {"uri:https://*", "leaves the host open"},
           {"uri:https://a.example:*", "leaves the host open"},
           {"uri:relative", "not an absolute URI"},
       }) {
    const absl::Status status = SanPattern::Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_TRUE(absl::StrContains(status.message(), why)) << text << status;
  }
}

}  // namespace
}  // namespace bestow::server
