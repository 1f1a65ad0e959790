// How trust follows a CA's rollover.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/est_client/trust.h"
#include "common/est_client/trust_rules.h"

namespace bestow {
namespace {

constexpr size_t kMaxLearned = 40;
// Less than the state folder gives back in PEM (CredentialReader::CaCerts):
// what can't be read at the next start would be trust that is lost.
constexpr size_t kMaxKept = 64;
constexpr size_t kMaxKeptBytes = 176 * 1024;

// What a root must be by itself, whoever vouches for it.
absl::Status CheckRoot(const Certificate& root, absl::Time now) {
  // Ed25519 is for CAs alone, so the devices' rule does not know it.
  if (!KeyTypeOfSpki(root.spki).ok()) {
    absl::Status strong = CheckPublicKeyStrength(root.spki);
    if (!strong.ok()) return strong;
  }
  if (now < root.not_before || now >= root.not_after) {
    return absl::PermissionDeniedError("it is not valid now");
  }
  return absl::OkStatus();
}

// RFC 4210 4.4: old and new are two keys of one CA, so all four certificates
// have one name; a certificate under another name says less than "this is my
// new key" (it may be a subordinate's, bound by what its issuer allows).
bool IsLinkTo(const Certificate& link, const Certificate& root) {
  return link != root && link.spki == root.spki &&
         link.subject == root.subject && link.issuer == root.subject &&
         MaySignCertificates(link);
}

class Updater {
 public:
  Updater(const Trust& trust, const std::vector<Certificate>& learned,
          const std::vector<Certificate>& reply, absl::Time now)
      : reply_(reply), now_(now) {
    if (trust.anchors != nullptr) {
      anchors_ = trust.anchors->certificates();
      verifier_ = trust.anchors;
    }
    // Those of before stay, so they are counted first.
    for (const Certificate& before : learned) {
      if (Contains(anchors_, before) && now < before.not_after) ++learned_;
    }
  }

  // To the end of the chain of links, however they are ordered.
  void AcceptRoots() {
    bool more = true;
    while (more) {
      more = false;
      for (const Certificate& root : reply_) {
        if (!IsSelfSignedCa(root) || Contains(anchors_, root)) continue;
        if (!JudgeRoot(root).ok()) continue;
        std::vector<Certificate> anchors = anchors_;
        anchors.push_back(root);
        auto verifier = TrustAnchors::Create(anchors);
        if (!verifier.ok()) continue;
        anchors_ = std::move(anchors);
        verifier_ = *std::move(verifier);
        added_.push_back(root);
        more = true;
      }
    }
  }

  absl::Status JudgeRoot(const Certificate& root) const {
    if (absl::Status s = CheckRoot(root, now_); !s.ok()) return s;
    if (learned_ + added_.size() >= kMaxLearnedAnchors) {
      return absl::ResourceExhaustedError("there are too many new CAs");
    }
    absl::Status why = absl::PermissionDeniedError(
        "no CA that is trusted vouches for it (there is no link certificate, "
        "RFC 4210 4.4)");
    for (const Certificate& link : reply_) {
      if (!IsLinkTo(link, root)) continue;
      absl::Status verified = Verify(link, {});
      if (verified.ok()) return verified;
      why = absl::PermissionDeniedError(absl::StrCat(
          "its link certificate can't be used: ", verified.message()));
    }
    return why;
  }

  absl::Status Verify(const Certificate& certificate,
                      const std::vector<Certificate>& over) const {
    if (verifier_ == nullptr) {
      return absl::FailedPreconditionError("no CA is trusted yet");
    }
    return verifier_->Verify(certificate, over, PathPurpose::kAny, now_);
  }

  const std::vector<Certificate>& anchors() const { return anchors_; }
  std::vector<Certificate> TakeAdded() { return std::move(added_); }

 private:
  const std::vector<Certificate>& reply_;
  const absl::Time now_;
  std::vector<Certificate> anchors_;
  std::shared_ptr<const TrustAnchors> verifier_;
  std::vector<Certificate> added_;
  size_t learned_ = 0;
};

// What is left for certificates in the state folder.
class Room {
 public:
  bool Take(const Certificate& certificate) {
    if (count_ == kMaxKept || certificate.der.size() > kMaxKeptBytes - bytes_) {
      return false;
    }
    ++count_;
    bytes_ += certificate.der.size();
    return true;
  }

 private:
  size_t count_ = 0;
  size_t bytes_ = 0;
};

std::string Describe(const Certificate& certificate) {
  return absl::StrCat(certificate.subject.ToText(), " (sha256 ",
                      HexEncode(Sha256(certificate.der)), ")");
}

}  // namespace

CaUpdate UpdateCaCerts(const Trust& trust,
                       const std::vector<Certificate>& learned,
                       const std::vector<Certificate>& reply, absl::Time now) {
  Updater updater(trust, learned, reply, now);
  updater.AcceptRoots();
  CaUpdate update;
  // Whatever the reply is full of, the anchors have their place.
  Room room;
  std::vector<Certificate> kept;
  for (const auto* list : {&learned, &reply}) {
    for (const Certificate& certificate : *list) {
      if (now < certificate.not_after && !Contains(kept, certificate) &&
          Contains(updater.anchors(), certificate) && room.Take(certificate)) {
        kept.push_back(certificate);
      }
    }
  }
  for (const Certificate& certificate : reply) {
    if (Contains(update.learned, certificate)) continue;
    if (Contains(updater.anchors(), certificate)) {
      if (Contains(kept, certificate)) update.learned.push_back(certificate);
      continue;
    }
    const absl::Status status = IsSelfSignedCa(certificate)
                                    ? updater.JudgeRoot(certificate)
                                    : updater.Verify(certificate, reply);
    if (status.ok() && update.learned.size() < kMaxLearned &&
        room.Take(certificate)) {
      update.learned.push_back(certificate);
    } else {
      update.refused.push_back(
          absl::StrCat(Describe(certificate), ": ",
                       status.ok() ? "there are too many" : status.message()));
    }
  }
  for (const Certificate& before : learned) {
    if (Contains(update.learned, before) ||
        !Contains(updater.anchors(), before)) {
      continue;
    }
    if (now >= before.not_after) {
      update.dropped.push_back(before);
    } else if (Contains(kept, before)) {
      update.learned.push_back(before);
    }
  }
  update.added = updater.TakeAdded();
  return update;
}

}  // namespace bestow
