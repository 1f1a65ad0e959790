#include "server/upstream/contents_check.h"

#include <functional>
#include <string>

#include "absl/strings/match.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"

namespace bestow::server {
namespace {

SubscriberContents Granted() {
  SubscriberContents granted;
  granted.subject = *Name::FromText("CN=gw-1,O=Acme");
  granted.sans = {*GeneralName::Dns("gw-1.site"), *GeneralName::Dns("gw-1")};
  granted.key_usage = kDigitalSignature | kKeyAgreement;
  granted.extended_key_usage = {oids::KpClientAuth(), oids::KpServerAuth()};
  return granted;
}

TEST(ContentsCheckTest, ForwardsTheNamesThatAreGranted) {
  Pkcs10Request request;
  request.subject = *Name::FromText("CN=gw-1,O=Acme");
  EXPECT_TRUE(CheckForwardable(request, Granted()).ok());
  request.requested_sans = {*GeneralName::Dns("gw-1")};
  EXPECT_TRUE(CheckForwardable(request, Granted()).ok());
  // The upstream may go by them, so that nothing else gets through.
  request.requested_sans.push_back(*GeneralName::Dns("gw-2"));
  absl::Status status = CheckForwardable(request, Granted());
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "gw-2")) << status;
  request.requested_sans.clear();
  for (const char* subject : {"", "CN=gw-2,O=Acme", "CN=gw-1", "O=Acme,CN=gw-1",
                              "CN=gw-1,O=Acme,CN=gw-2"}) {
    request.subject = *Name::FromText(subject);
    EXPECT_TRUE(absl::IsPermissionDenied(CheckForwardable(request, Granted())))
        << subject;
  }
}

TEST(ContentsCheckTest, TakesFromUpstreamWhatThisLabelGives) {
  Certificate good;
  good.subject = *Name::FromText("CN=gw-1,O=Acme");
  good.sans = {*GeneralName::Dns("gw-1.site")};
  good.key_usage = kDigitalSignature;
  good.extended_key_usage = {oids::KpClientAuth()};
  good.basic_constraints = BasicConstraints{.is_ca = false};
  EXPECT_TRUE(CheckIssuedContents(good, Granted()).ok());
  struct Case {
    const char* message;
    std::function<void(Certificate&)> change;
  };
  for (const Case& c : {
           Case{"Subject",
                [](Certificate& c) { c.subject = *Name::FromText("CN=gw-1"); }},
           {"SubjectAltName",
            [](Certificate& c) { c.sans = {*GeneralName::Dns("gw-9")}; }},
           {"a CA's",
            [](Certificate& c) { c.basic_constraints->is_ca = true; }},
           {"key usages", [](Certificate& c) { *c.key_usage |= kKeyCertSign; }},
           {"key usages",
            [](Certificate& c) { c.key_usage = kKeyEncipherment; }},
           {"every use of its key",
            [](Certificate& c) { c.key_usage.reset(); }},
           {"every purpose",
            [](Certificate& c) { c.extended_key_usage.clear(); }},
           {"1.3.6.1.5.5.7.3.28",
            [](Certificate& c) {
              c.extended_key_usage.push_back(oids::KpCmcRa());
            }},
           {"2.5.29.37.0",
            [](Certificate& c) {
              c.extended_key_usage = {oids::AnyExtendedKeyUsage()};
            }},
       }) {
    SCOPED_TRACE(c.message);
    Certificate bad = good;
    c.change(bad);
    absl::Status status = CheckIssuedContents(bad, Granted());
    EXPECT_TRUE(absl::IsPermissionDenied(status));
    EXPECT_TRUE(absl::StrContains(status.message(), c.message)) << status;
  }
  // Not for a registration authority's purpose, whatever is granted.
  SubscriberContents generous = Granted();
  generous.extended_key_usage.push_back(oids::KpCmcRa());
  good.extended_key_usage.push_back(oids::KpCmcRa());
  EXPECT_FALSE(CheckIssuedContents(good, generous).ok());
}

}  // namespace
}  // namespace bestow::server
