// Upstreams with a real one, over HTTPS.
#include "server/upstream/upstreams.h"

#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "common/pki/pkcs10.h"
#include "gtest/gtest.h"
#include "server/upstream/upstream_fixture.h"

namespace bestow::server {
namespace {

using Kind = ForwardAnswer::Kind;

class UpstreamsTest : public ::testing::Test {
 protected:
  UpstreamsTest() : upstream_(clock_) {
    const std::string state_dir =
        absl::StrCat(getenv("TEST_TMPDIR"), "/upstreams", getpid());
    std::filesystem::remove_all(state_dir);
    std::filesystem::create_directories(state_dir);
    EXPECT_TRUE(WriteFileAtomically(state_dir + "/anchors.pem",
                                    AsBytes(SerializeCertificatePem(
                                        upstream_.ca().certificate().der)),
                                    0600)
                    .ok());
    EXPECT_TRUE(WriteFileAtomically(state_dir + "/secret",
                                    AsBytes(FakeUpstream::kSecret), 0600)
                    .ok());
    connection_.server = upstream_.url();
    connection_.anchors = "anchors.pem";
    connection_.username = FakeUpstream::kUser;
    connection_.secret_file = "secret";
    connection_.folder = "upstream/main";
    connection_.timeout = absl::Seconds(60);
    connection_.connections = 1;
    connection_.queued = 2;
    Pkcs10Template wanted;
    wanted.subject = *Name::FromCommonName("gw-17");
    wanted.spki = device_->public_key_spki();
    const Bytes info = *SerializePkcs10InfoDer(wanted);
    csr_ = *AssemblePkcs10Der(info, device_->algorithm(),
                              *SignAndWait(*device_, info));
    upstreams_ = *Upstreams::Create(
        {state_dir, &clock_, [](const std::string&) { /* nobody reads it */ }});
    upstreams_->Configure({connection_});
  }

  void Forward() {
    ForwardRequest request;
    request.folder = connection_.folder;
    request.csr_der = csr_;
    request.spki = device_->public_key_spki();
    request.common_name = "gw-17";
    upstreams_->Forward(std::move(request), [this](ForwardAnswer answer) {
      std::lock_guard<std::mutex> lock(mutex_);
      answers_.push_back(std::move(answer));
      wake_.notify_all();
    });
  }
  // Takes so many answers.
  std::vector<ForwardAnswer> Wait(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait(lock, [&] { return answers_.size() >= count; });
    return std::exchange(answers_, {});
  }
  Kind Ask() {
    Forward();
    return Wait(1)[0].kind;
  }

  SystemClock clock_;
  FakeUpstream upstream_;
  UpstreamConnection connection_;
  std::unique_ptr<SoftwareSigner> device_ = *SoftwareSigner::Generate();
  Bytes csr_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<ForwardAnswer> answers_;
  std::unique_ptr<Upstreams> upstreams_;  // goes first: its thread
};

TEST_F(UpstreamsTest, AnswersWhateverItIsAsked) {
  // Until it has its own certificate.
  while (Ask() == Kind::kDown) {
  }
  ASSERT_EQ(Ask(), Kind::kIssued);
  upstream_.Answer("simpleenroll", FakeUpstream::Status(0));
  const size_t before = upstream_.asked().size();
  Forward();  // under way
  while (upstream_.asked().size() == before) {
  }
  for (int i = 0; i < 4; ++i) Forward();
  // Two wait, two find no place: that is no reason to sign in its place.
  for (const ForwardAnswer& answer : Wait(2)) {
    EXPECT_EQ(answer.kind, Kind::kBusy);
  }
  // A reload with another upstream for the label: nobody is left waiting.
  UpstreamConnection other = connection_;
  other.queued = 3;
  upstreams_->Configure({other});
  for (const ForwardAnswer& answer : Wait(3)) {
    EXPECT_EQ(answer.kind, Kind::kBusy);
    EXPECT_FALSE(answer.reason.empty());
  }
  upstream_.Answer("simpleenroll", std::nullopt);
  EXPECT_EQ(Ask(), Kind::kIssued);
  upstreams_->Configure({});
  EXPECT_EQ(Ask(), Kind::kNotServed);
}

}  // namespace
}  // namespace bestow::server
