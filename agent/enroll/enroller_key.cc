// The enroller's part that works with keys: making, signing, keeping.
#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "agent/enroll/enroller.h"
#include "common/base/failpoint.h"
#include "common/crypto/key_type.h"
#include "common/pki/pkcs10.h"
#include "common/tpm/errors.h"
#include "common/tpm/tpm_public.h"

namespace bestow::agent {
namespace {

// Chips take seconds, and tens of them for an RSA key; a TPM that says nothing
// for this long hangs.
constexpr absl::Duration kTpmTimeout = absl::Minutes(3);

absl::Status FailpointError(std::string_view name) {
  return absl::InternalError(absl::StrCat("failpoint ", name));
}

}  // namespace

template <typename Result>
void Enroller::OnTpm(std::string_view what,
                     std::function<absl::StatusOr<Result>(Tpm&)> job,
                     std::function<void(absl::StatusOr<Result>)> done) {
  tpm_deadline_ = loop_.RunAfter(kTpmTimeout, [this, what] {
    Fail(what, absl::DeadlineExceededError(
                   "the TPM does not answer; does another program hold it?"));
  });
  tpm_.Post([this, loop = &loop_, guard = Guard(), job = std::move(job),
             done = std::move(done)](Tpm& tpm) {
    auto result = std::make_shared<absl::StatusOr<Result>>(job(tpm));
    loop->Post([this, guard, done, result] {
      guard([&] {
        tpm_deadline_.reset();
        done(*std::move(result));
      });
    });
  });
}

void Enroller::SayKeyLost() {
  observer_.log(
      "ATTENTION: the certificate's key can't be used any more; enrolling anew "
      "as \"" +
      config_.username + "\" with the secret of the config");
}

// Better known today than when the renewal is due, which may be in weeks. What
// else may be wrong with the TPM shows when it is needed.
void Enroller::CheckCurrentKey() {
  if (!current_) return;
  tpm_.Post([this, loop = &loop_, alive = std::weak_ptr(alive_),
             key = current_->key](Tpm& tpm) {
    const absl::Status status = tpm.CheckKey(key);
    if (TpmActionOf(status) != TpmAction::kKeyLost) return;
    loop->Post([this, alive, key, status] {
      if (alive.lock() == nullptr ||
          current_->key.public_blob != key.public_blob) {
        return;
      }
      SayKeyLost();
      Handle(event::KeyLost{std::string(status.message())});
    });
  });
}

void Enroller::Do(const action::MakeKey&) { MakeKeyOf(WantedKeyType()); }

void Enroller::MakeKeyOf(KeyType type) {
  OnTpm<TpmKey>(
      "making the key",
      [type, protection = protection_](Tpm& tpm) {
        return tpm.CreateKey(type, protection);
      },
      [this, type](absl::StatusOr<TpmKey> key) {
        if (!key.ok()) return CantMakeKey(type, key.status());
        if (Failpoint("agent.key_made")) {
          return Fail("", FailpointError("agent.key_made"));
        }
        if (absl::Status s = store_.SavePendingKey(*key); !s.ok()) {
          return Fail("keeping the new key", s);
        }
        pending_key_ = *std::move(key);
        observer_.log(
            absl::StrCat("made a key in the TPM (", KeyTypeName(type), ")"));
        if (Failpoint("agent.key_saved")) {
          return Fail("", FailpointError("agent.key_saved"));
        }
        Handle(event::KeyMade{});
      });
}

// The server's demand is a wish where the TPM can't meet it: what it thinks of
// another key is for it to say.
void Enroller::CantMakeKey(KeyType type, const absl::Status& status) {
  if (TpmActionOf(status) != TpmAction::kUnsupported ||
      (type == config_.key_type && !pending_key_)) {
    return Fail("", status);
  }
  observer_.log(
      absl::StrCat("note: the server asks for a key that this TPM can't make: ",
                   status.message()));
  if (pending_key_) return Handle(event::KeyMade{});
  MakeKeyOf(config_.key_type);
}

KeyType Enroller::WantedKeyType() const {
  return plan_.key_type.value_or(config_.key_type);
}

void Enroller::Do(const action::BuildCsr& action) {
  same_key_ = action.same_key;
  if (same_key_) {
    // As with a new key: after a crash it is known what was sent.
    if (absl::Status s = store_.SavePendingKey(current_->key); !s.ok()) {
      return Fail("keeping the key", s);
    }
  }
  if (!action.linked) return SignCsr(action.mode, std::nullopt);
  WithConnection(ChannelFor(action.mode), [this, mode = action.mode] {
    auto binding = client_->ChannelBinding();
    if (!binding.ok()) {
      return Fail("linking the request to the connection", binding.status());
    }
    SignCsr(mode, *std::move(binding));
  });
}

void Enroller::SignCsr(Mode mode, std::optional<std::string> binding) {
  auto spki = TpmPublicToSpki(RequestKey().public_blob);
  if (!spki.ok()) return Fail("reading the key", spki.status());
  auto type = KeyTypeOfSpki(*spki);
  if (!type.ok()) return Fail("reading the key", type.status());
  const SignatureAlgorithm algorithm = SignatureAlgorithmOf(*type);
  Pkcs10Template wanted =
      mode == Mode::kReenroll
          ? ReenrollTemplate(current_->certificate, plan_, *std::move(spki))
          : EnrollTemplate(config_.subject, config_.sans, plan_,
                           *std::move(spki));
  if (plan_.link_with == LinkWith::kEstIdentityLinking) {
    wanted.est_identity_linking = std::move(binding);
  } else {
    wanted.challenge_password = std::move(binding);
  }
  auto info = SerializePkcs10InfoDer(wanted);
  if (!info.ok()) return Fail("building the request", info.status());
  OnTpm<Bytes>(
      "signing the request",
      [key = RequestKey(), algorithm, info = *info](Tpm& tpm) {
        return tpm.Sign(key, algorithm, info);
      },
      [this, algorithm, info = *info](absl::StatusOr<Bytes> signature) {
        if (!signature.ok()) {
          const bool lost =
              TpmActionOf(signature.status()) == TpmAction::kKeyLost;
          return Fail("", signature.status(),
                      !lost       ? FailureKind::kOther
                      : same_key_ ? FailureKind::kCurrentKeyLost
                                  : FailureKind::kPendingKeyLost);
        }
        auto csr = AssemblePkcs10Der(info, algorithm, *signature);
        if (!csr.ok()) return Fail("building the request", csr.status());
        if (absl::Status s = store_.SavePendingCsr(*csr); !s.ok()) {
          return Fail("keeping the request", s);
        }
        csr_der_ = *std::move(csr);
        if (Failpoint("agent.csr_saved")) {
          return Fail("", FailpointError("agent.csr_saved"));
        }
        Handle(event::CsrReady{});
      });
}

void Enroller::Do(const action::Save&) {
  Credential next{.key = RequestKey(),
                  .certificate = issued_->certificate,
                  .chain = issued_->chain,
                  .obtained_at = clock_.Now(),
                  .renewal_draw = absl::Uniform<double>(random_, -1, 1)};
  if (Failpoint("agent.before_save")) {
    return Fail("", FailpointError("agent.before_save"));
  }
  if (absl::Status s = store_.Save(next); !s.ok()) {
    return Fail("keeping the new certificate", s);
  }
  (void)Failpoint("agent.saved");  // a place to die; nothing is left to fail
  const bool is_renewal = current_.has_value();
  if (is_renewal &&
      (current_->certificate.subject != next.certificate.subject ||
       current_->certificate.sans != next.certificate.sans)) {
    observer_.log("note: the server gave the new certificate other names");
  }
  current_ = std::move(next);
  pending_key_.reset();
  same_key_ = false;
  issued_.reset();
  observer_.saved(*current_, is_renewal);
  Handle(event::Saved{ValidityOf(*current_)});
}

}  // namespace bestow::agent
