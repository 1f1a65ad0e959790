#include "agent/server_key/fetch.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "agent/credentials/credential_store.h"
#include "agent/credentials/state_folder.h"
#include "agent/server_key/key_exchange.h"
#include "agent/server_key/key_reply.h"
#include "agent/server_key/protection.h"
#include "agent/server_key/sealed_key.h"
#include "agent/server_key/server_key_store.h"
#include "agent/server_key/tpm_decryptor.h"
#include "common/crypto/public_key.h"
#include "common/crypto/signer.h"
#include "common/est/server_key.h"
#include "common/est_client/trust.h"
#include "common/est_client/trust_source.h"
#include "common/net/event_loop.h"
#include "common/tpm/errors.h"

namespace bestow::agent {
namespace {

// Runs `job` on the TPM's thread and waits for it.
template <typename Result>
Result OnTpm(const TpmWorker::Queue& queue,
             const std::function<Result(Tpm&)>& job) {
  std::optional<Result> result;
  absl::Notification done;
  queue.Post([&](Tpm& tpm) {
    result.emplace(job(tpm));
    done.Notify();
  });
  done.WaitForNotification();
  return *std::move(result);
}

// What the daemon keeps in the identity's folder.
struct State {
  std::string folder;
  Trust trust;
  std::optional<Credential> current;
};

// The identity's folder, made where the daemon did not run yet.
absl::StatusOr<std::string> FolderFor(const Config& config,
                                      const IdentityConfig& identity) {
  auto state = StateFolder::Open(config.state_dir);
  if (state.ok()) return (*state)->IdentityFolder(identity.name);
  // The daemon holds it, and has made what there is to make.
  if (absl::IsAlreadyExists(state.status())) {
    return FindIdentityFolder(config.state_dir, identity.name);
  }
  return state.status();
}

absl::StatusOr<State> ReadState(const Config& config,
                                const IdentityConfig& identity) {
  auto folder = FolderFor(config, identity);
  if (!folder.ok()) return folder.status();
  State out{.folder = *folder};
  auto configured = ReadConfiguredCas(identity.ca_file);
  if (!configured.ok()) return configured.status();
  const CredentialReader reader(*std::move(folder));
  auto learned = reader.CaCerts(TrustSource(identity.ca_sha256, *configured));
  if (!learned.ok()) return learned.status();
  auto trust = MakeTrust(*configured, *learned, identity.ca_sha256);
  if (!trust.ok()) return trust.status();
  out.trust = *std::move(trust);
  auto current = reader.Current();
  if (!current.ok()) return current.status();
  out.current = *std::move(current);
  if (out.current && out.current->key.wants_auth) {
    auto protection = ReadKeyProtection(identity);
    if (!protection.ok()) return protection.status();
    out.current->key.auth = protection->auth;
  }
  return out;
}

// The key of a request that an earlier call left, or a new one that is on disk
// before anything is sent.
absl::StatusOr<std::unique_ptr<SoftwareSigner>> RequestKey(
    const FetchOptions& options, ServerKeyStore& store,
    const TpmWorker::Queue& tpm) {
  using Opened = absl::StatusOr<Secret>;
  auto kept = store.RequestKey(options.name);
  if (!kept.ok()) return kept.status();
  if (kept->has_value()) {
    const Opened pkcs8 =
        OnTpm<Opened>(tpm, [&](Tpm& t) { return UnsealPrivateKey(t, **kept); });
    if (pkcs8.ok()) {
      auto key = SoftwareSigner::FromPkcs8Der(pkcs8->bytes());
      if (key.ok() && (*key)->type() == options.type) return key;
    } else if (const TpmAction action = TpmActionOf(pkcs8.status());
               action != TpmAction::kKeyLost && action != TpmAction::kGiveUp) {
      // The TPM is busy, full, away or locked out: the key, to which a
      // one-time secret may be bound, is not lost.
      return pkcs8.status();
    }
  }
  auto key = SoftwareSigner::Generate(options.type);
  if (!key.ok()) return key.status();
  auto pkcs8 = (*key)->ToPkcs8Der();
  if (!pkcs8.ok()) return pkcs8.status();
  using Sealed = absl::StatusOr<SealedKey>;
  const Sealed sealed =
      OnTpm<Sealed>(tpm, [&](Tpm& t) { return SealPrivateKey(t, *pkcs8); });
  if (!sealed.ok()) return sealed.status();
  if (auto s = store.SaveRequestKey(options.name, *sealed); !s.ok()) return s;
  return key;
}

absl::StatusOr<HttpResponse> Exchange(const KeyExchange::Context& context) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  absl::StatusOr<HttpResponse> out = absl::InternalError("no reply");
  KeyExchange exchange(**loop, context);
  exchange.Start([&](absl::StatusOr<HttpResponse> response) {
    out = std::move(response);
    (*loop)->Stop();
  });
  (*loop)->Run();
  return out;
}

absl::StatusOr<KeyReplyParts> ReadParts(const HttpResponse& response) {
  auto type = FindHeader(response.headers, "Content-Type");
  if (!type) {
    return absl::InvalidArgumentError(
        "the server's reply says no Content-Type");
  }
  auto reply = est::ParseServerKeyReply(*type, response.body);
  if (!reply.ok()) {
    return absl::Status(
        reply.status().code(),
        absl::StrCat("the server's reply: ", reply.status().message()));
  }
  return KeyReplyParts{.encrypted = reply->encrypted,
                       .key = std::move(reply->key),
                       .certs_only = std::move(reply->certs_only)};
}

}  // namespace

absl::Status FetchServerKey(
    const Config& config, const IdentityConfig& identity,
    const FetchOptions& options, const TpmWorker::Queue& tpm,
    const Clock& clock, const std::function<void(const std::string&)>& log) {
  if (auto s = CheckServerKeyName(options.name); !s.ok()) return s;
  auto state = ReadState(config, identity);
  if (!state.ok()) return state.status();
  auto protection = ChooseProtection(
      options.protection,
      {.identifier = identity.psk_id, .file = identity.psk_file},
      state->current);
  if (!protection.ok()) return protection.status();
  auto store = ServerKeyStore::Open(state->folder);
  if (!store.ok()) return store.status();
  auto request_key = RequestKey(options, **store, tpm);
  if (!request_key.ok()) return request_key.status();

  auto response = Exchange({.config = identity,
                            .trust = state->trust,
                            .current = state->current,
                            .protection = *protection,
                            .request_key = **request_key,
                            .tpm = tpm,
                            .clock = clock,
                            .log = log});
  if (!response.ok()) return response.status();
  auto parts = ReadParts(*response);
  Cleanse(response->body.data(), response->body.size());
  if (!parts.ok()) return parts.status();

  using Saved = absl::Status;
  return OnTpm<Saved>(tpm, [&](Tpm& t) -> absl::Status {
    std::optional<TpmDecryptor> own_key;
    KeyReplyContext context = {.protection = *protection,
                               .type = options.type,
                               .trust = state->trust,
                               .now = clock.Now()};
    if (protection->kind == KeyProtection::Kind::kOwnKey) {
      own_key.emplace(t, state->current->key);
      context.own_key = &*own_key;
      context.own_names = cms::NamesOf(state->current->certificate);
      // Without the extension, the name is what the request called it.
      context.own_names.subject_key_id = protection->identifier;
    }
    auto received = OpenKeyReply(*parts, context);
    if (!received.ok()) return received.status();
    auto sealed = SealPrivateKey(t, received->pkcs8);
    if (!sealed.ok()) return sealed.status();
    return (*store)->Save(options.name,
                          {.key = *std::move(sealed),
                           .certificate = std::move(received->certificate),
                           .chain = std::move(received->chain)});
  });
}

absl::StatusOr<Secret> ShowServerKey(const Config& config,
                                     const IdentityConfig& identity,
                                     const std::string& name,
                                     const TpmWorker::Queue& tpm) {
  auto folder = FindIdentityFolder(config.state_dir, identity.name);
  // Where no agent ran yet there is no key either.
  if (absl::IsNotFound(folder.status())) folder = config.state_dir;
  if (!folder.ok()) return folder.status();
  auto stored = ReadServerKey(*folder, name);
  if (!stored.ok()) return stored.status();
  using Opened = absl::StatusOr<Secret>;
  Opened pkcs8 = OnTpm<Opened>(
      tpm, [&](Tpm& t) { return UnsealPrivateKey(t, stored->key); });
  if (!pkcs8.ok()) return pkcs8.status();
  auto key = SoftwareSigner::FromPkcs8Der(pkcs8->bytes());
  if (!key.ok() || (*key)->public_key_spki() != stored->certificate.spki) {
    return absl::DataLossError(absl::StrCat("the key and the certificate of ",
                                            name, " don't fit each other"));
  }
  return (*key)->ToPkcs8Pem();
}

}  // namespace bestow::agent
