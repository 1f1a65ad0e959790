// Services with an upstream, which is a value here: what it answers.
#include <algorithm>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/est/service_fixture.h"
#include "server/est/snapshot.h"
#include "server/store/certificate_record.h"
#include "server/upstream/forwarder.h"

namespace bestow::server {
namespace {

using Kind = ForwardAnswer::Kind;

class FakeForwarder : public Forwarder {
 public:
  void Forward(ForwardRequest request, Done done) override {
    requests.push_back(request);
    done(answer(request));
  }
  std::optional<Bytes> CsrAttrs(const std::string&) override {
    return csr_attrs;
  }

  std::function<ForwardAnswer(const ForwardRequest&)> answer;
  std::optional<Bytes> csr_attrs;
  std::vector<ForwardRequest> requests;
};

class ForwardingTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    service_ = std::make_unique<EstService>(EstService::Options{
        [this] { return snapshot_; },
        {store_.get(), authenticator_.get(), &clock_, sealer_.get(),
         audit_.get(), &upstream_},
        [this](const std::string& line) { log_.push_back(line); }});
    UpstreamConfig& upstream = config_.service.upstream;
    upstream.connection.server.host = "est.example";
    upstream.connection.folder = "upstream/main";
    upstream.retry_after = absl::Seconds(77);
    Configure(config_);
    upstream_.answer = [this](const ForwardRequest& request) {
      return IssueTo(request, contents_);
    };
    contents_.subject = *Name::FromCommonName("gw-17");
    contents_.key_usage = kDigitalSignature;
    contents_.extended_key_usage = {oids::KpClientAuth()};
    contents_.validity = absl::Hours(48);
  }

  ForwardAnswer IssueTo(const ForwardRequest& request,
                        const SubscriberContents& contents) {
    ForwardAnswer answer;
    answer.kind = Kind::kIssued;
    ca_->Issue(contents, request.spki, clock_.Now(),
               [&](absl::StatusOr<Certificate> issued) {
                 answer.certificate = *std::move(issued);
               });
    return answer;
  }
  // So many may live. It has heard of the upstream's CA certificates.
  void ConfigureMaxLive(int max_live) {
    config_.service.profile.max_live = max_live;
    Snapshot::Materials materials;
    materials.tls_certificate.sans = {*GeneralName::Dns("est.example")};
    materials.cas = {{"ca", {ca_, {ca_->certificate()}, {}}}};
    materials.upstream_cas["upstream/main"] = {ca_->certificate()};
    auto snapshot = Snapshot::Create(config_, materials);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    snapshot_ = *snapshot;
  }
  void StoreNow(Issuance issuance) {
    std::promise<absl::Status> stored;
    store_->Issue(std::move(issuance), [&](absl::StatusOr<Issued> issued) {
      stored.set_value(issued.status());
    });
    const absl::Status status = stored.get_future().get();
    ASSERT_TRUE(status.ok()) << status;
  }
  void Answer(Kind kind) {
    upstream_.answer = [kind](const ForwardRequest&) {
      ForwardAnswer answer;
      answer.kind = kind;
      answer.reason = "for a reason";
      return answer;
    };
  }

  HttpResponse Ask(Signer& key, const std::string& subject = "CN=gw-17") {
    return Enroll(MakeCsr(key, subject), Basic("gw-17", kSecret));
  }

  Config config_;
  FakeForwarder upstream_;
  SubscriberContents contents_;
};

TEST_F(ForwardingTest, RecordsAndHandsOutWhatTheUpstreamIssued) {
  const Certificate issued = IssuedBy(Ask(*device_));
  ASSERT_EQ(upstream_.requests.size(), 1u);
  EXPECT_EQ(upstream_.requests[0].folder, "upstream/main");
  EXPECT_EQ(upstream_.requests[0].spki, device_->public_key_spki());
  EXPECT_EQ(upstream_.requests[0].common_name, "gw-17");
  auto record = store_->FindCertificate(issued.serial);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->certificate, issued.der);
  EXPECT_EQ(record->identity, "gw-17");
  EXPECT_EQ(record->operation, "simpleenroll");
  // The reply was lost: the same again, and the upstream is not asked.
  EXPECT_EQ(IssuedBy(Ask(*device_)), issued);
  EXPECT_EQ(upstream_.requests.size(), 1u);
}

// Not what the key has got elsewhere meanwhile.
TEST_F(ForwardingTest, RepeatsTheLabelsOwnCertificate) {
  const Certificate issued = IssuedBy(Ask(*device_));
  Issuance elsewhere;
  elsewhere.record =
      RecordOf(*IssueTo(upstream_.requests[0], contents_).certificate);
  elsewhere.record.identity_id = store_->FindIdentity("gw-17")->id;
  elsewhere.record.label = "plant";
  elsewhere.record.issued_at = clock_.Now();
  StoreNow(std::move(elsewhere));
  EXPECT_EQ(IssuedBy(Ask(*device_)), issued);
  EXPECT_EQ(upstream_.requests.size(), 1u);
  // Nor when its own is revoked.
  RevokeOrder revoke;
  revoke.serial = issued.serial;
  revoke.revocation.at = clock_.Now();
  ASSERT_TRUE(store_->Revoke(revoke).ok());
  ExpectNothingButAudited([&] { return Ask(*device_); }, "secret-spent");
}

TEST_F(ForwardingTest, ForwardsNoOtherNames) {
  for (const char* subject : {"CN=gw-18", "CN=gw-17,O=x", ""}) {
    EXPECT_EQ(Ask(*device_, subject).status, 403) << subject;
  }
  EXPECT_TRUE(upstream_.requests.empty());
  IssuedBy(Ask(*device_));
}

TEST_F(ForwardingTest, ASecretServesOneKeyWhateverTheUpstreamAnswers) {
  Answer(Kind::kDown);
  const HttpResponse down = Ask(*device_);
  EXPECT_EQ(down.status, 503);
  EXPECT_EQ(HeaderOf(down, "Retry-After"), "77");
  const auto other = *SoftwareSigner::Generate();
  EXPECT_EQ(Ask(*other).status, 403);
  EXPECT_EQ(upstream_.requests.size(), 1u);
  upstream_.answer = [this](const ForwardRequest& request) {
    return IssueTo(request, contents_);
  };
  IssuedBy(Ask(*device_));
}

TEST_F(ForwardingTest, SaysWhatTheUpstreamSays) {
  struct Case {
    Kind kind;
    int status;
  };
  for (const Case& c : {Case{Kind::kRefused, 403},
                        {Kind::kDown, 503},
                        {Kind::kBusy, 503},
                        {Kind::kNotServed, 503},
                        {Kind::kBadReply, 502}}) {
    Answer(c.kind);
    const HttpResponse response = Ask(*device_);
    EXPECT_EQ(response.status, c.status);
    EXPECT_TRUE(absl::StrContains(response.body, "for a reason"))
        << response.body;
  }
  upstream_.answer = [](const ForwardRequest&) {
    ForwardAnswer answer;
    answer.kind = Kind::kWaiting;
    answer.retry_after = absl::Seconds(5);
    return answer;
  };
  const HttpResponse waiting = Ask(*device_);
  EXPECT_EQ(waiting.status, 202);
  EXPECT_EQ(HeaderOf(waiting, "Retry-After"), "5");
  EXPECT_EQ(RecordCount(), 0u);
}

TEST_F(ForwardingTest, TellsDevicesToWaitForADayAtMost) {
  struct Case {
    absl::Duration upstream;
    const char* told;
  };
  for (Kind kind : {Kind::kWaiting, Kind::kDown, Kind::kBusy}) {
    for (const Case& c : {Case{absl::InfiniteDuration(), "86400"},
                          {absl::Hours(24 * 365 * 100), "86400"},
                          {absl::Hours(24), "86400"},
                          {absl::Seconds(5), "5"},
                          {absl::ZeroDuration(), "1"}}) {
      upstream_.answer = [&](const ForwardRequest&) {
        ForwardAnswer answer;
        answer.kind = kind;
        answer.retry_after = c.upstream;
        return answer;
      };
      EXPECT_EQ(HeaderOf(Ask(*device_), "Retry-After"), c.told);
    }
  }
}

TEST_F(ForwardingTest, HandsOutNoMoreThanTheProfileGives) {
  SubscriberContents other = contents_;
  other.subject = *Name::FromCommonName("gw-18");
  SubscriberContents ra = contents_;
  ra.extended_key_usage.push_back(oids::KpCmcRa());
  for (const SubscriberContents& bad : {other, ra}) {
    upstream_.answer = [&](const ForwardRequest& request) {
      return IssueTo(request, bad);
    };
    EXPECT_EQ(Ask(*device_).status, 502);
  }
  EXPECT_EQ(RecordCount(), 0u);
}

// Signed upstream, and in no record here: an operator can have it revoked.
TEST_F(ForwardingTest, AuditsWhatIsSignedAndNotRecorded) {
  const Certificate taken = IssuedBy(Ask(*device_));
  const auto other = *SoftwareSigner::Generate();
  const std::string password = Basic("gw-17", kPassword);
  std::optional<Certificate> unrecorded;
  const auto expect = [&](const std::string& why) {
    const int64_t before = store_->LastAudit()->sequence;
    const HttpResponse response = Enroll(MakeCsr(*other, "CN=gw-17"), password);
    EXPECT_EQ(response.status, 502) << response.body;
    EXPECT_TRUE(absl::StrContains(response.body, why)) << response.body;
    const auto entries = AuditAfter(before);
    const auto found = std::find_if(
        entries.begin(), entries.end(), [&](const AuditRecord& record) {
          return record.entry.serial == unrecorded->serial;
        });
    ASSERT_NE(found, entries.end());
    EXPECT_EQ(found->entry.outcome, "failed");
    EXPECT_EQ(found->entry.subject, "gw-17");
    for (const std::string& text :
         {unrecorded->SerialHex(), unrecorded->issuer.ToText(), why,
          std::string("have it revoked there")}) {
      EXPECT_TRUE(absl::StrContains(found->entry.detail, text))
          << found->entry.detail;
    }
  };
  SubscriberContents ra = contents_;
  ra.extended_key_usage.push_back(oids::KpCmcRa());
  upstream_.answer = [&](const ForwardRequest& request) {
    ForwardAnswer answer = IssueTo(request, ra);
    unrecorded = answer.certificate;
    return answer;
  };
  expect("extended key usage");
  // Another CA gives it a number that stands in a record.
  upstream_.answer = [&](const ForwardRequest& request) {
    ForwardAnswer answer = IssueTo(request, contents_);
    answer.certificate->serial = taken.serial;
    answer.certificate->issuer = *Name::FromText("CN=Another CA");
    unrecorded = answer.certificate;
    return answer;
  };
  expect("recorded here");
  EXPECT_EQ(RecordCount(), 1u);
}

// It would be valid, and in no record.
TEST_F(ForwardingTest, AsksForNothingThatTheStoreIsSureToRefuse) {
  ConfigureMaxLive(1);
  const Certificate first = IssuedBy(Ask(*device_));
  ASSERT_EQ(upstream_.requests.size(), 1u);
  const auto other = *SoftwareSigner::Generate();
  const std::string password = Basic("gw-17", kPassword);
  const auto enroll_other = [&] {
    return Enroll(MakeCsr(*other, "CN=gw-17"), password);
  };
  ExpectNothingButAudited(enroll_other, "too-many-live");
  // A renewal takes the place of what it renews.
  const Certificate second =
      IssuedBy(Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(first)));
  ASSERT_EQ(upstream_.requests.size(), 2u);
  // There is no place for it where another has taken one.
  ConfigureMaxLive(0);
  IssuedBy(enroll_other());
  ASSERT_EQ(upstream_.requests.size(), 3u);
  ConfigureMaxLive(1);
  ExpectNothingButAudited(
      [&] {
        return Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(second));
      },
      "too-many-live");
  // Somebody else may have the key: neither an enrollment nor a renewal.
  ConfigureMaxLive(0);
  RevokeOrder revoke;
  revoke.serial = first.serial;
  revoke.revocation.at = clock_.Now();
  revoke.revocation.reason = RevocationReason::kKeyCompromise;
  ASSERT_TRUE(store_->Revoke(revoke).ok());
  ExpectNothingButAudited(
      [&] {
        return Reenroll(MakeCsr(*device_, "CN=gw-17"), ClientWith(second));
      },
      "key-compromised");
  ExpectNothingButAudited(
      [&] { return Enroll(MakeCsr(*device_, "CN=gw-17"), password); },
      "key-compromised");
  EXPECT_EQ(upstream_.requests.size(), 3u);
}

TEST_F(ForwardingTest, TheLocalCaSignsShortlyAndOnlyWhileUpstreamIsDown) {
  config_.service.upstream.when_down = WhenDown::kLocal;
  config_.service.upstream.local_ca = "ca";
  config_.service.upstream.local_validity = absl::Minutes(10);
  Configure(config_);
  // A refusal or distrust is not down, nor is a queue of ours that whoever was
  // refused has filled.
  for (Kind kind :
       {Kind::kRefused, Kind::kNotServed, Kind::kBadReply, Kind::kBusy}) {
    Answer(kind);
    EXPECT_NE(Ask(*device_).status, 200);
  }
  EXPECT_EQ(RecordCount(), 0u);
  Answer(Kind::kDown);
  const Certificate local = IssuedBy(Ask(*device_));
  EXPECT_LE(local.not_after, clock_.Now() + absl::Minutes(10));
  // When it is over, who needs no one-time secret gets another for this key.
  clock_.Advance(absl::Minutes(11));
  EXPECT_EQ(Ask(*device_).status, 403);
  const auto other = *SoftwareSigner::Generate();
  const std::string password = Basic("gw-17", kPassword);
  const Certificate first =
      IssuedBy(Enroll(MakeCsr(*other, "CN=gw-17"), password));
  EXPECT_EQ(IssuedBy(Enroll(MakeCsr(*other, "CN=gw-17"), password)), first);
  clock_.Advance(absl::Minutes(11));
  const Certificate second =
      IssuedBy(Enroll(MakeCsr(*other, "CN=gw-17"), password));
  EXPECT_NE(second, first);
}

TEST_F(ForwardingTest, WaitsForTheUpstreamsCaCertificates) {
  EXPECT_EQ(Get("/.well-known/est/cacerts").status, 503);
  config_.service.upstream.csr_attrs = CsrAttrsFrom::kUpstream;
  Configure(config_);
  EXPECT_EQ(Get("/.well-known/est/csrattrs").status, 503);
  upstream_.csr_attrs = Bytes();
  EXPECT_EQ(Get("/.well-known/est/csrattrs").status, 204);
  upstream_.csr_attrs = Bytes{0x30, 0x00};
  const HttpResponse attrs = Get("/.well-known/est/csrattrs");
  EXPECT_EQ(attrs.status, 200);
  EXPECT_TRUE(absl::StartsWith(attrs.body, "MAA="));
}

}  // namespace
}  // namespace bestow::server
