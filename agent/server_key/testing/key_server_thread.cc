#include "agent/server_key/testing/key_server_thread.h"

#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "common/cms/envelop.h"
#include "common/cms/smime_capabilities.h"
#include "common/crypto/key_type.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/oids.h"

namespace bestow::agent {

KeyServerThread::KeyServerThread(KeyCa& ca, TlsVersions versions)
    : ca_(ca),
      loop_(*EventLoop::Create()),
      server_(std::make_unique<EstTestServer>(*loop_, versions)) {
  server_->override_reply = [this](const Seen& seen) { return Reply(seen); };
  thread_ = std::thread([this] { loop_->Run(); });
}

KeyServerThread::~KeyServerThread() {
  loop_->Stop();
  thread_.join();
  server_.reset();
}

std::vector<EstTestServer::Seen> KeyServerThread::requests() {
  absl::MutexLock lock(&mutex_);
  return requests_;
}

Secret KeyServerThread::pkcs8() {
  absl::MutexLock lock(&mutex_);
  return pkcs8_.Copy();
}

void KeyServerThread::Bend(
    std::function<std::optional<HttpResponse>(const Seen&)> instead) {
  absl::MutexLock lock(&mutex_);
  instead_ = std::move(instead);
}

void KeyServerThread::Share(Secret key) {
  absl::MutexLock lock(&mutex_);
  shared_ = std::move(key);
}

void KeyServerThread::Know(const Certificate& device) {
  absl::MutexLock lock(&mutex_);
  device_ = device;
}

void KeyServerThread::ServeAnyone() {
  absl::MutexLock lock(&mutex_);
  anyone_ = true;
}

HttpResponse KeyServerThread::Mixed(
    const std::vector<est::MultipartPart>& parts) {
  est::Multipart message;
  message.preamble = "This is the preamble.\r\n";
  message.parts = parts;
  message.epilogue = "\r\n";
  HttpResponse out;
  out.headers = {{"Content-Type", "multipart/mixed; boundary=xyz"}};
  out.body = *est::SerializeMultipart(message, "xyz");
  return out;
}

est::MultipartPart KeyServerThread::Part(std::string_view type,
                                         ByteView content) {
  return {.headers = absl::StrCat("Content-Type: ", type,
                                  "\r\nContent-Transfer-Encoding: base64\r\n"),
          .body = est::EncodeBody(content)};
}

std::optional<HttpResponse> KeyServerThread::Reply(const Seen& seen) {
  absl::MutexLock lock(&mutex_);
  if (instead_) {
    if (auto reply = instead_(seen)) return reply;
  }
  if (seen.operation != est::Operation::kServerKeyGen) return std::nullopt;
  if (seen.authorization.empty() && seen.client.empty() && !anyone_) {
    return HttpResponse{
        .status = 401,
        .headers = {{"WWW-Authenticate", "Basic realm=\"test\""}}};
  }
  requests_.push_back(seen);
  pkcs8_ = NewPkcs8(*KeyTypeOfSpki(seen.csr->spki));
  const Certificate certificate = ca_.Issue("web", SpkiOf(pkcs8_));
  return Mixed(
      {KeyPart(*seen.csr), Part("application/pkcs7-mime; smime-type=certs-only",
                                CertsOnly({certificate}))});
}

est::MultipartPart KeyServerThread::KeyPart(const Pkcs10Request& csr) {
  if (!csr.smime_capabilities) {
    return Part("application/pkcs8", pkcs8_.bytes());
  }
  const auto list = *cms::ParseSmimeCapabilitiesDer(*csr.smime_capabilities);
  const Secret signed_data = ca_.SignKey(pkcs8_.bytes());
  absl::StatusOr<Bytes> der = absl::UnknownError("no recipient");
  if (csr.decrypt_key_identifier) {
    auto algorithms = cms::ChooseForKek(&list, shared_.bytes().size());
    der = cms::EnvelopForKek(
        signed_data.bytes(), oids::CmsSignedData(),
        {.key_identifier = *csr.decrypt_key_identifier, .key = shared_.Copy()},
        algorithms->content);
  } else if (csr.asymmetric_decrypt_key_identifier == device_->subject_key_id) {
    auto algorithms = cms::ChooseForPublicKey(&list, device_->spki);
    der = cms::EnvelopForPublicKey(signed_data.bytes(), oids::CmsSignedData(),
                                   *cms::RecipientOf(*device_), *algorithms);
  }
  CHECK_OK(der.status());
  return Part("application/pkcs7-mime; smime-type=server-generated-key", *der);
}

}  // namespace bestow::agent
