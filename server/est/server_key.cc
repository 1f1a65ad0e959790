#include "server/est/server_key.h"

#include <utility>
#include <variant>
#include <vector>

#include "common/cms/envelop.h"
#include "common/cms/server_generated_key.h"
#include "common/pki/oids.h"

namespace bestow::server {
namespace {

// Shared by the steps of one key's making.
struct Making {
  std::shared_ptr<Exchange> exchange;
  KeyRecipient recipient;
  absl::Time now;
  ServerKeyDone done;
  std::shared_ptr<ServerKey> made = std::make_shared<ServerKey>();

  void Finish(const absl::Status& status) {
    exchange->Resume([status, made = made, done = done] {
      if (!status.ok()) return done(status);
      done(made);
    });
  }
};

absl::StatusOr<Bytes> Envelop(ByteView signed_data,
                              const KeyRecipient& recipient) {
  if (const auto* kek = std::get_if<cms::KekRecipient>(&recipient.key)) {
    return cms::EnvelopForKek(signed_data, oids::CmsSignedData(), *kek,
                              recipient.algorithms.content);
  }
  return cms::EnvelopForPublicKey(
      signed_data, oids::CmsSignedData(),
      std::get<cms::PublicKeyRecipient>(recipient.key), recipient.algorithms);
}

void SignAndEnvelop(const std::shared_ptr<Making>& making,
                    const Secret& pkcs8) {
  const Service& service = making->exchange->service();
  std::vector<Bytes> chain;
  for (const Certificate& certificate : service.ca_chain) {
    chain.push_back(certificate.der);
  }
  cms::SignKeyPackage(pkcs8.bytes(), chain, service.ca->signer(), making->now,
                      [making](absl::StatusOr<Secret> signed_data) {
                        if (!signed_data.ok())
                          return making->Finish(signed_data.status());
                        absl::StatusOr<Bytes> enveloped =
                            Envelop(signed_data->bytes(), making->recipient);
                        if (!enveloped.ok())
                          return making->Finish(enveloped.status());
                        making->made->is_encrypted = true;
                        making->made->key = Secret(*std::move(enveloped));
                        making->Finish(absl::OkStatus());
                      });
}

}  // namespace

void MakeServerKey(KeyMaker& maker, std::shared_ptr<Exchange> exchange,
                   KeyType type, KeyRecipient recipient, absl::Time now,
                   ServerKeyDone done) {
  auto making = std::make_shared<Making>();
  making->exchange = std::move(exchange);
  making->recipient = std::move(recipient);
  making->now = now;
  making->done = std::move(done);
  maker.Make(
      type, [making](absl::StatusOr<std::shared_ptr<SoftwareSigner>> key) {
        if (!key.ok()) return making->Finish(key.status());
        making->made->spki = (*key)->public_key_spki();
        absl::StatusOr<Secret> pkcs8 = (*key)->ToPkcs8Der();
        if (!pkcs8.ok()) return making->Finish(pkcs8.status());
        if (std::holds_alternative<std::monostate>(making->recipient.key)) {
          making->made->key = *std::move(pkcs8);
          return making->Finish(absl::OkStatus());
        }
        SignAndEnvelop(making, *pkcs8);
      });
}

}  // namespace bestow::server
