#include "server/ca/ca_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/pki/encrypted_pkcs8.h"
#include "common/pki/pem.h"
#include "common/tpm/errors.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/tpm_signer.h"
#include "common/tpm/tss2_key_file.h"
#include "server/ca/patient_tpm.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxKeyFileBytes = size_t{128} << 10;
constexpr size_t kMaxPassphraseBytes = 1024;
constexpr char kPlain[] = "PRIVATE KEY";
constexpr char kEncrypted[] = "ENCRYPTED PRIVATE KEY";
constexpr char kTss2[] = "TSS2 PRIVATE KEY";

absl::Status Problem(const std::string& path, std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", what));
}

// Of each of PatientTpm's calls, which are some themselves.
constexpr absl::Duration kTpmPauses = absl::Seconds(2);

std::unique_ptr<Tpm> OpenTpm(const std::string& tcti) {
  return std::make_unique<PatientTpm>(
      std::make_unique<EsysTpm>(
          EsysTpmOptions{.tcti = tcti, .retry = {.total = kTpmPauses}}),
      [](absl::Duration pause) { absl::SleepFor(pause); });
}

// With its thread, which goes when the key and its last signature have.
class OwningTpmSigner : public Signer,
                        public std::enable_shared_from_this<OwningTpmSigner> {
 public:
  static absl::StatusOr<std::shared_ptr<OwningTpmSigner>> Create(
      const std::string& tcti, TpmKey key) {
    auto worker = std::make_unique<TpmWorker>(OpenTpm(tcti));
    absl::StatusOr<std::shared_ptr<TpmSigner>> signer =
        TpmSigner::Create(worker->NewQueue(), std::move(key));
    if (!signer.ok()) return signer.status();
    return std::shared_ptr<OwningTpmSigner>(
        new OwningTpmSigner(std::move(worker), *std::move(signer)));
  }

  const Bytes& public_key_spki() const override {
    return signer_->public_key_spki();
  }
  SignatureAlgorithm algorithm() const override { return signer_->algorithm(); }
  void Sign(SignatureAlgorithm algorithm, ByteView message,
            Done done) override {
    // A worker that goes drops what is queued.
    signer_->Sign(
        algorithm, message,
        [self = shared_from_this(), done = std::move(done)](
            absl::StatusOr<Bytes> signature) { done(std::move(signature)); });
  }

 private:
  OwningTpmSigner(std::unique_ptr<TpmWorker> worker,
                  std::shared_ptr<TpmSigner> signer)
      : worker_(std::move(worker)), signer_(std::move(signer)) {}

  const std::unique_ptr<TpmWorker> worker_;
  const std::shared_ptr<TpmSigner> signer_;  // uses the above
};

std::string TpmAdvice(const absl::Status& status, const std::string& tcti) {
  switch (TpmActionOf(status)) {
    case TpmAction::kKeyLost:
      return absl::StrCat(
          status.message(), "; the key is of another TPM than ", tcti,
          ", or went when this one was cleared, and nothing brings it back: "
          "move the TPM that made it here, or make another CA (`bestow-server "
          "ca create`)");
    case TpmAction::kUnreachable:
      return absl::StrCat(status.message(),
                          "; [ca_keys] tpm in bestow-server.toml says where "
                          "this machine's TPM is");
    default:
      return std::string(status.message());
  }
}

absl::StatusOr<std::shared_ptr<Signer>> OpenTpmKey(
    const std::string& path, TpmKey key, const CaKeyOptions& options) {
  absl::StatusOr<std::shared_ptr<OwningTpmSigner>> signer =
      OwningTpmSigner::Create(options.tpm, std::move(key));
  if (!signer.ok()) return Problem(path, signer.status().message());
  // No certificate, CRL or CMS begins like this.
  absl::StatusOr<Bytes> probe =
      SignAndWait(**signer, AsBytes("bestow-server: is the key there?"));
  if (!probe.ok()) {
    return Problem(path, TpmAdvice(probe.status(), options.tpm));
  }
  return std::shared_ptr<Signer>(*std::move(signer));
}

absl::StatusOr<Secret> DecryptKey(const std::string& path, ByteView der,
                                  const CaKeyOptions& options) {
  absl::StatusOr<EncryptedPrivateKeyInfo> key =
      ParseEncryptedPrivateKeyInfoDer(der);
  if (!key.ok()) return Problem(path, key.status().message());
  if (options.passphrase_file.empty()) {
    return Problem(path,
                   "is under a passphrase: say in bestow-server.toml where "
                   "that is, as [ca_keys] passphrase_file or "
                   "passphrase_credential, or as --passphrase_file (of an "
                   "issuer, or a key from elsewhere: --from_passphrase_file)");
  }
  absl::StatusOr<Secret> passphrase = ReadPassphrase(options.passphrase_file);
  if (!passphrase.ok()) return passphrase.status();
  absl::StatusOr<Secret> plain = DecryptPrivateKeyInfo(*key, *passphrase);
  if (absl::IsPermissionDenied(plain.status())) {
    return Problem(
        path, absl::StrCat("the passphrase in ", options.passphrase_file,
                           " is not this key's, or the key's file is damaged: "
                           "put the right passphrase there, or the key back "
                           "from a backup"));
  }
  if (!plain.ok()) return Problem(path, plain.status().message());
  return plain;
}

// The first block; its content is the caller's to cleanse.
absl::StatusOr<PemBlock> ReadKeyPem(const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxKeyFileBytes);
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  absl::StatusOr<std::vector<PemBlock>> blocks = ParsePem(*pem, 1);
  Cleanse(pem->data(), pem->size());
  if (!blocks.ok()) return Problem(path, blocks.status().message());
  if (blocks->empty()) return Problem(path, "holds no PEM block");
  return std::move(blocks->front());
}

absl::Status NoSuchLabel(const std::string& path, std::string_view label) {
  return Problem(
      path,
      absl::StrCat("is a \"", label, "\", not a PKCS#8 or TSS2 private key",
                   absl::EndsWith(label, "PRIVATE KEY")
                       ? ": `openssl pkcs8 -topk8` makes one of it"
                       : ""));
}

}  // namespace

absl::StatusOr<KeyStorage> KeyStorageByName(std::string_view name) {
  if (name == "file") return KeyStorage::kFile;
  if (name == "tpm") return KeyStorage::kTpm;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is not one of file, tpm"));
}

absl::StatusOr<Secret> ReadPassphrase(const std::string& path) {
  const auto unreadable = [&](int error) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't read the passphrase: ",
                     absl::ErrnoToStatus(error, path).message()));
  };
  // What is looked at is what is read, whoever renames files meanwhile. A FIFO
  // must not hold us.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable(errno);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat st;
  if (fstat(fd, &st) != 0) return unreadable(errno);
  if (!S_ISREG(st.st_mode)) return Problem(path, "is no file");
  if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return Problem(path,
                   "is open to others, and a passphrase may not be: `chmod "
                   "0600` it, and choose another");
  }
  std::array<char, kMaxPassphraseBytes + 1> text;
  const absl::Cleanup cleanse = [&] { Cleanse(text.data(), text.size()); };
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(fd, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable(errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  if (size == text.size()) {
    return Problem(
        path, absl::StrCat("is longer than ", kMaxPassphraseBytes, " octets"));
  }
  std::string_view line(text.data(), size);
  if (absl::EndsWith(line, "\n")) line.remove_suffix(1);
  if (absl::EndsWith(line, "\r")) line.remove_suffix(1);
  if (line.empty()) return Problem(path, "holds no passphrase");
  if (line.find_first_of(std::string_view("\n\0", 2)) != line.npos) {
    return Problem(path, "a passphrase is one line");
  }
  return Secret(line);
}

absl::StatusOr<std::shared_ptr<Signer>> OpenCaKey(const std::string& path,
                                                  const CaKeyOptions& options) {
  absl::StatusOr<PemBlock> block = ReadKeyPem(path);
  if (!block.ok()) return block.status();
  const Secret content(std::move(block->content));
  if (block->label == kTss2) {
    absl::StatusOr<TpmKey> key = ParseTss2KeyDer(content.bytes());
    if (!key.ok()) return Problem(path, key.status().message());
    return OpenTpmKey(path, *std::move(key), options);
  }
  Secret decrypted;
  if (block->label == kEncrypted) {
    absl::StatusOr<Secret> plain = DecryptKey(path, content.bytes(), options);
    if (!plain.ok()) return plain.status();
    decrypted = *std::move(plain);
  } else if (block->label != kPlain) {
    return NoSuchLabel(path, block->label);
  }
  absl::StatusOr<std::unique_ptr<SoftwareSigner>> signer =
      SoftwareSigner::FromPkcs8Der(
          block->label == kEncrypted ? decrypted.bytes() : content.bytes());
  if (!signer.ok()) return Problem(path, signer.status().message());
  return std::shared_ptr<Signer>(*std::move(signer));
}

absl::StatusOr<NewCaKey> WrapCaKey(std::shared_ptr<SoftwareSigner> key,
                                   const CaKeyOptions& options) {
  NewCaKey made;
  if (options.passphrase_file.empty()) {
    absl::StatusOr<Secret> pem = key->ToPkcs8Pem();
    if (!pem.ok()) return pem.status();
    made.pem = *std::move(pem);
  } else {
    absl::StatusOr<Secret> passphrase = ReadPassphrase(options.passphrase_file);
    if (!passphrase.ok()) return passphrase.status();
    absl::StatusOr<Secret> der = key->ToPkcs8Der();
    if (!der.ok()) return der.status();
    absl::StatusOr<Bytes> encrypted =
        EncryptPrivateKeyInfo(*der, *passphrase, NewPbes2());
    if (!encrypted.ok()) return encrypted.status();
    made.pem = Secret(SerializePem(kEncrypted, *encrypted));
  }
  made.signer = std::move(key);
  return made;
}

absl::StatusOr<NewCaKey> MakeCaKey(KeyType type, KeyStorage storage,
                                   const CaKeyOptions& options) {
  if (storage == KeyStorage::kFile) {
    absl::StatusOr<std::unique_ptr<SoftwareSigner>> key =
        SoftwareSigner::Generate(type);
    if (!key.ok()) return key.status();
    return WrapCaKey(*std::move(key), options);
  }
  absl::StatusOr<TpmKey> key = OpenTpm(options.tpm)->CreateKey(type);
  if (!key.ok()) {
    return absl::FailedPreconditionError(TpmAdvice(key.status(), options.tpm));
  }
  absl::StatusOr<std::string> pem = SerializeTss2KeyPem(*key);
  if (!pem.ok()) return pem.status();
  absl::StatusOr<std::shared_ptr<OwningTpmSigner>> signer =
      OwningTpmSigner::Create(options.tpm, *std::move(key));
  if (!signer.ok()) return signer.status();
  return NewCaKey{*std::move(signer), Secret(std::string_view(*pem))};
}

absl::StatusOr<KeyStorage> CaKeyStorage(const std::string& path) {
  absl::StatusOr<PemBlock> block = ReadKeyPem(path);
  if (!block.ok()) return block.status();
  Cleanse(block->content.data(), block->content.size());
  if (block->label == kTss2) return KeyStorage::kTpm;
  if (block->label == kPlain || block->label == kEncrypted) {
    return KeyStorage::kFile;
  }
  return NoSuchLabel(path, block->label);
}

}  // namespace bestow::server
