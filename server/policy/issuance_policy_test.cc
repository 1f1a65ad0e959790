#include "server/policy/issuance_policy.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/pki/certificate_policies.h"
#include "common/pki/name.h"
#include "common/pki/name_constraints.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/policy/identity_name.h"

namespace bestow::server {
namespace {

// The parts of the two certificates that the policy reads.
ServerNames MakeServerNames() {
  Certificate tls;
  tls.subject = *Name::FromText("CN=est.site.example");
  tls.sans = {*GeneralName::Dns("est.site.example"),
              *GeneralName::Ip("192.0.2.1")};
  Certificate ca;
  ca.subject = *Name::FromText("CN=Site CA");
  return ServerNames(tls, {ca}, {"backup.site.example", "2001:db8::1"});
}

IssuancePolicy MakePolicy(const std::string& subject,
                          std::vector<std::string> sans = {}) {
  ProfileConfig profile;
  profile.subject = subject;
  profile.sans = std::move(sans);
  return IssuancePolicy(profile, MakeServerNames());
}

TEST(IssuancePolicyTest, NamesComeFromTheIdentity) {
  auto granted =
      MakePolicy("O=Acme,CN={identity}",
                 {"dns:{identity}.dev.example", "uri:urn:{identity}"})
          .Grant("gw-17");
  ASSERT_TRUE(granted.ok()) << granted.status();
  EXPECT_EQ(granted->subject.ToText(), "O=Acme,CN=gw-17");
  EXPECT_EQ(granted->sans, (std::vector<GeneralName>{
                               *GeneralName::Dns("gw-17.dev.example"),
                               *GeneralName::FromText("uri:urn:gw-17")}));
  EXPECT_EQ(granted->key_usage, kDigitalSignature);
  EXPECT_EQ(granted->extended_key_usage,
            std::vector<der::Oid>{oids::KpClientAuth()});
}

// RFC 7030 3.6.1: a device with the server's name could play the server.
TEST(IssuancePolicyTest, RefusesTheServersAndTheCasNames) {
  struct Case {
    std::string subject;
    std::vector<std::string> sans;
    std::string identity;
  };
  const Case kCases[] = {
      {"CN={identity}", {}, "est.site.example"},
      {"CN={identity}", {}, "EST.Site.Example"},
      {"CN={identity}", {}, "est.site.example."},
      {"CN={identity}", {}, "backup.site.example"},
      {"CN={identity}", {}, "192.0.2.1"},
      {"CN=dev {identity}", {}, "est.site.example"},
      {"CN={identity}.site.example", {}, "est"},
      {"CN=x{identity}", {"dns:{identity}.site.example"}, "est"},
      {"CN=*.{identity}", {}, "site.example"},
      {"CN=x{identity}", {"dns:EST.SITE.EXAMPLE"}, "a"},
      {"CN=x{identity}", {"ip:192.0.2.1"}, "a"},
      {"CN=x{identity}", {"ip:2001:db8:0::1"}, "a"},
      {"CN=x{identity}", {"uri:https://est.site.example/x"}, "a"},
      {"CN=x{identity}", {"uri:https://a@EST.site.example:8443"}, "a"},
      {"CN={identity} CA", {}, "Site"},
      {"CN={identity} ca", {}, "site"},
      {"CN={identity} CA,CN=x", {}, "site"},
  };
  for (const Case& c : kCases) {
    const IssuancePolicy policy = MakePolicy(c.subject, c.sans);
    const absl::Status status = policy.Grant(c.identity).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status) &&
                absl::StrContains(status.message(), "is this server's"))
        << c.subject << " " << c.identity << " " << status;
    EXPECT_FALSE(policy.CheckIdentity(c.identity).ok());
  }
}

TEST(IssuancePolicyTest, GrantsNamesThatAreNotTheServers) {
  for (const char* identity :
       {"gw-17", "est", "site.example", "xest.site.example", "192.0.2.2",
        "est.site.example.org", "Site"}) {
    auto granted = MakePolicy("CN={identity}").Grant(identity);
    EXPECT_TRUE(granted.ok()) << identity << granted.status();
  }
  EXPECT_TRUE(MakePolicy("CN={identity}",
                         {"dns:a.est.site.example", "uri:urn:est.site.example",
                          "email:a@est.site.example"})
                  .Grant("a")
                  .ok());
}

TEST(IssuancePolicyTest, RefusesRightsOfACaWhateverTheProfileSays) {
  for (uint32_t usage : {kKeyCertSign, kCrlSign}) {
    ProfileConfig profile;
    profile.key_usage |= usage;
    EXPECT_TRUE(absl::IsPermissionDenied(
        IssuancePolicy(profile, MakeServerNames()).Grant("a").status()));
  }
  for (const der::Oid& purpose :
       {oids::KpCmcRa(), oids::KpCmcCa(), oids::KpOcspSigning(),
        oids::AnyExtendedKeyUsage()}) {
    ProfileConfig profile;
    profile.extended_key_usage.push_back(purpose);
    EXPECT_TRUE(absl::IsPermissionDenied(
        IssuancePolicy(profile, MakeServerNames()).Grant("a").status()));
  }
}

TEST(IssuancePolicyTest, RefusesAnIdentityThatMakesNoName) {
  EXPECT_TRUE(absl::IsPermissionDenied(
      MakePolicy("CN={identity}", {"dns:{identity}"}).Grant("a@b").status()));
}

IssuancePolicy MakePolicy(const ProfileConfig& profile,
                          const std::vector<std::string>& permitted = {}) {
  std::vector<NameConstraints> constraints;
  if (!permitted.empty()) {
    for (const std::string& text : permitted) {
      constraints.emplace_back().permitted.push_back(
          *NameSubtree::FromText(text));
    }
  }
  return IssuancePolicy(profile, MakeServerNames(), constraints);
}

std::vector<GeneralName> Names(const std::vector<std::string>& texts) {
  std::vector<GeneralName> names;
  for (const std::string& text : texts) {
    names.push_back(*GeneralName::FromText(text));
  }
  return names;
}

ProfileConfig ProfileThatAdds() {
  ProfileConfig profile;
  profile.sans = {"dns:{identity}.devices.example"};
  profile.may_add = {"dns:*.{identity}.devices.example", "ip:192.0.2.0/24",
                     "uri:https://est.site.example/*"};
  return profile;
}

TEST(IssuancePolicyTest, AddsWhatTheProfileLetsARequestAdd) {
  const IssuancePolicy policy = MakePolicy(ProfileThatAdds());
  SubscriberContents contents = *policy.Grant("gw-17");
  ASSERT_TRUE(
      policy
          .AddWishes("gw-17",
                     Names({"dns:gw-17.devices.example",
                            "dns:eth0.gw-17.devices.example",
                            "dns:eth0.gw-18.devices.example", "dns:www.example",
                            "ip:192.0.2.7", "ip:192.0.2.7"}),
                     contents)
          .ok());
  EXPECT_EQ(contents.sans,
            Names({"dns:gw-17.devices.example",
                   "dns:eth0.gw-17.devices.example", "ip:192.0.2.7"}));
}

// RFC 7030 3.6.1: whatever the profile says.
TEST(IssuancePolicyTest, NobodyAddsTheServersNames) {
  const IssuancePolicy policy = MakePolicy(ProfileThatAdds());
  for (const std::string name :
       {"ip:192.0.2.1", "uri:https://est.site.example/x"}) {
    SubscriberContents contents = *policy.Grant("gw-17");
    EXPECT_TRUE(absl::IsPermissionDenied(
        policy.AddWishes("gw-17", Names({name}), contents)))
        << name;
  }
}

TEST(IssuancePolicyTest, AddsSixteenNamesAtMost) {
  const IssuancePolicy policy = MakePolicy(ProfileThatAdds());
  std::vector<std::string> wishes;
  for (int i = 0; i < 16; ++i) {
    wishes.push_back(absl::StrCat("dns:e", i, ".gw-17.devices.example"));
  }
  SubscriberContents contents = *policy.Grant("gw-17");
  EXPECT_TRUE(policy.AddWishes("gw-17", Names(wishes), contents).ok());
  wishes.push_back("dns:more.gw-17.devices.example");
  contents = *policy.Grant("gw-17");
  EXPECT_TRUE(absl::IsPermissionDenied(
      policy.AddWishes("gw-17", Names(wishes), contents)));
}

TEST(IssuancePolicyTest, RefusesOtherNamesWhereTheProfileDoes) {
  ProfileConfig profile = ProfileThatAdds();
  const auto check = [&](const std::string& subject,
                         const std::vector<std::string>& sans) {
    const IssuancePolicy policy = MakePolicy(profile);
    SubscriberContents contents = *policy.Grant("gw-17");
    Pkcs10Request request;
    request.subject = *Name::FromText(subject);
    request.requested_sans = Names(sans);
    EXPECT_TRUE(
        policy.AddWishes("gw-17", request.requested_sans, contents).ok());
    return policy.CheckOtherNames(request, contents);
  };
  EXPECT_TRUE(check("CN=root", {"dns:www.example"}).ok());
  profile.other_names = OtherNames::kRefused;
  EXPECT_TRUE(check("", {}).ok());
  EXPECT_TRUE(check("CN=gw-17", {"dns:gw-17.devices.example",
                                 "dns:a.gw-17.devices.example"})
                  .ok());
  EXPECT_TRUE(absl::IsPermissionDenied(check("CN=root", {})));
  EXPECT_TRUE(absl::IsPermissionDenied(check("", {"dns:www.example"})));
  EXPECT_TRUE(absl::IsPermissionDenied(
      check("CN=gw-17", {"dns:a.gw-18.devices.example"})));
}

TEST(IssuancePolicyTest, GivesSansAloneAndPolicies) {
  ProfileConfig profile;
  profile.subject = "";
  profile.sans = {"uri:urn:dev:{identity}"};
  profile.policies = {"1.3.6.1.4.1.99999.1"};
  profile.cps = "http://pki.example.net/cps";
  const auto granted = MakePolicy(profile).Grant("gw-17");
  ASSERT_TRUE(granted.ok()) << granted.status();
  EXPECT_TRUE(granted->subject.empty());
  EXPECT_EQ(granted->policies,
            std::vector<CertificatePolicy>{*PolicyOf(
                "1.3.6.1.4.1.99999.1", "http://pki.example.net/cps")});
}

// RFC 5280 4.2.1.10
TEST(IssuancePolicyTest, KeepsToTheCasNameConstraints) {
  ProfileConfig profile = ProfileThatAdds();
  const std::vector<std::string> kDevices = {"dns:devices.example"};
  const IssuancePolicy policy = MakePolicy(profile, kDevices);
  EXPECT_TRUE(policy.CheckAgainstCa().ok());
  SubscriberContents contents = *policy.Grant("gw-17");
  EXPECT_TRUE(
      policy.AddWishes("gw-17", Names({"ip:192.0.2.7"}), contents).ok());
  // One CA of the chain says no.
  const IssuancePolicy narrow =
      MakePolicy(profile, {"dns:devices.example", "dns:no.example"});
  EXPECT_TRUE(absl::IsFailedPrecondition(narrow.CheckAgainstCa()));
  EXPECT_TRUE(absl::IsPermissionDenied(narrow.Grant("gw-17").status()));
  const IssuancePolicy no_address =
      MakePolicy(profile, {"dns:devices.example", "ip:10.0.0.0/8"});
  EXPECT_TRUE(no_address.CheckAgainstCa().ok());
  contents = *no_address.Grant("gw-17");
  EXPECT_TRUE(absl::IsPermissionDenied(
      no_address.AddWishes("gw-17", Names({"ip:192.0.2.7"}), contents)));

  // Where identities are the names of hosts, some fit.
  profile.sans = {"dns:{identity}"};
  const IssuancePolicy hosts = MakePolicy(profile, kDevices);
  EXPECT_TRUE(hosts.CheckAgainstCa().ok());
  EXPECT_TRUE(hosts.Grant("gw-17.devices.example").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(hosts.Grant("gw-17.other").status()));
  profile.sans = {"dns:{identity}.other.example"};
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MakePolicy(profile, kDevices).CheckAgainstCa()));
  profile.sans = {};
  profile.subject = "O=Acme,CN={identity}";
  EXPECT_TRUE(MakePolicy(profile, {"dirname:O=Acme"}).CheckAgainstCa().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MakePolicy(profile, {"dirname:O=Other"}).CheckAgainstCa()));
}

TEST(IdentityNameTest, TakesPlainNamesOnly) {
  for (const char* good : {"a", "gw-17", "A.b_c@d-9", "00:"}) {
    EXPECT_EQ(CheckIdentityName(good).ok(), !absl::StrContains(good, ":"))
        << good;
  }
  EXPECT_TRUE(CheckIdentityName(std::string(64, 'a')).ok());
  EXPECT_FALSE(CheckIdentityName(std::string(65, 'a')).ok());
  for (const char* bad : {"", ".a", "-a", "a b", "a,b", "a=b", "a+b", "a\\b",
                          "a\nb", "a\"b", "{identity}", "\xc3\xa4", "a/b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckIdentityName(bad))) << bad;
  }
}

// RFC 7030 4.2.2
TEST(CheckSameNamesTest, ComparesSubjectAndSubjectAltName) {
  Certificate current;
  current.subject = *Name::FromText("CN=a,O=b");
  current.sans = {*GeneralName::Dns("a.example"),
                  *GeneralName::Dns("b.example")};
  Pkcs10Request request;
  request.subject = current.subject;
  request.requested_sans = {current.sans[1], current.sans[0]};
  EXPECT_TRUE(CheckSameNames(request, current).ok());

  request.subject = *Name::FromText("CN=a,O=c");
  EXPECT_TRUE(absl::IsInvalidArgument(CheckSameNames(request, current)));
  request.subject = *Name::FromText("O=b,CN=a");
  EXPECT_TRUE(absl::IsInvalidArgument(CheckSameNames(request, current)));
  request.subject = *Name::FromText("CN=a");
  EXPECT_TRUE(absl::IsInvalidArgument(CheckSameNames(request, current)));
  request.subject = current.subject;
  request.requested_sans.pop_back();
  EXPECT_TRUE(absl::IsInvalidArgument(CheckSameNames(request, current)));
  request.requested_sans.clear();
  EXPECT_TRUE(absl::IsInvalidArgument(CheckSameNames(request, current)));
}

TEST(CheckSameNamesTest, TakesAnotherStringTypeOfTheSameText) {
  Certificate current;
  current.subject = *Name::FromText("CN=a");  // UTF8String
  Pkcs10Request request;
  const Bytes printable = {0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06,
                           0x03, 0x55, 0x04, 0x03, 0x13, 0x01, 'a'};
  request.subject = *Name::ParseDer(printable);
  EXPECT_NE(request.subject, current.subject);
  EXPECT_TRUE(CheckSameNames(request, current).ok());
}

}  // namespace
}  // namespace bestow::server
