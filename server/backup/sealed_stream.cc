#include "server/backup/sealed_stream.h"

#include <openssl/aead.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace bestow::server {
namespace {

constexpr std::string_view kMagic = "bestow-sealed-backup-1\n";
static_assert(kMagic.size() == kSealedMagicBytes);
constexpr int kR = 8;
constexpr int kP = 1;
constexpr int kMaxLog2N = 20;
constexpr size_t kMaxScryptBytes = size_t{3} << 29;  // 1.5 GiB
constexpr size_t kKeyBytes = 32;
constexpr size_t kTagBytes = 16;
constexpr size_t kNonceBytes = 12;

absl::StatusOr<Secret> KeyOf(const SealedHeader& header,
                             const Secret& passphrase) {
  Bytes key(kKeyBytes);
  const std::string_view text = passphrase.text();
  if (EVP_PBE_scrypt(text.data(), text.size(), header.salt.data(),
                     header.salt.size(), uint64_t{1} << header.log2_n,
                     static_cast<uint64_t>(header.r),
                     static_cast<uint64_t>(header.p), kMaxScryptBytes,
                     key.data(), key.size()) != 1) {
    return absl::ResourceExhaustedError(
        "no key can be made of the passphrase: not enough memory");
  }
  return Secret(std::move(key));
}

std::array<uint8_t, kNonceBytes> NonceOf(uint64_t chunk, bool is_last) {
  std::array<uint8_t, kNonceBytes> nonce = {};
  for (size_t i = 0; i < sizeof(chunk); ++i) {
    nonce[kNonceBytes - 2 - i] = static_cast<uint8_t>(chunk >> (8 * i));
  }
  nonce[kNonceBytes - 1] = is_last ? 1 : 0;
  return nonce;
}

class SealingSink : public ByteSink {
 public:
  SealingSink(std::unique_ptr<ByteSink> sink, Bytes header)
      : sink_(std::move(sink)), header_(std::move(header)) {}
  ~SealingSink() override { Cleanse(chunk_.data(), chunk_.size()); }

  bool Init(const Secret& key) {
    chunk_.reserve(kSealedChunk);
    return EVP_AEAD_CTX_init(context_.get(), EVP_aead_aes_256_gcm(),
                             key.bytes().data(), key.bytes().size(), kTagBytes,
                             nullptr) == 1;
  }

  absl::Status Write(ByteView bytes) override {
    while (!bytes.empty()) {
      // Not before more follows: the last chunk may be a full one.
      if (chunk_.size() == kSealedChunk) {
        absl::Status status = SealChunk(/*is_last=*/false);
        if (!status.ok()) return status;
      }
      const size_t count = std::min(kSealedChunk - chunk_.size(), bytes.size());
      chunk_.insert(chunk_.end(), bytes.begin(),
                    bytes.begin() + static_cast<long>(count));
      bytes = bytes.subspan(count);
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    absl::Status status = SealChunk(/*is_last=*/true);
    return status.ok() ? sink_->Finish() : status;
  }

 private:
  absl::Status SealChunk(bool is_last) {
    const auto nonce = NonceOf(number_++, is_last);
    Bytes sealed(chunk_.size() + kTagBytes);
    size_t size = 0;
    if (EVP_AEAD_CTX_seal(context_.get(), sealed.data(), &size, sealed.size(),
                          nonce.data(), nonce.size(), chunk_.data(),
                          chunk_.size(), header_.data(), header_.size()) != 1) {
      return absl::InternalError("sealing the backup failed");
    }
    Cleanse(chunk_.data(), chunk_.size());
    chunk_.clear();
    return sink_->Write(ByteView(sealed).first(size));
  }

  const std::unique_ptr<ByteSink> sink_;
  const Bytes header_;
  bssl::ScopedEVP_AEAD_CTX context_;
  Bytes chunk_;
  uint64_t number_ = 0;
};

class OpeningSource : public ByteSource {
 public:
  OpeningSource(std::unique_ptr<ByteSource> source, Bytes header)
      : source_(std::move(source)), header_(std::move(header)) {}
  ~OpeningSource() override { Cleanse(chunk_.data(), chunk_.size()); }

  bool Init(const Secret& key) {
    return EVP_AEAD_CTX_init(context_.get(), EVP_aead_aes_256_gcm(),
                             key.bytes().data(), key.bytes().size(), kTagBytes,
                             nullptr) == 1;
  }

  absl::StatusOr<size_t> Read(uint8_t* buffer, size_t size) override {
    size_t done = 0;
    while (done < size) {
      if (at_ == chunk_.size()) {
        if (was_last_) break;
        absl::Status status = OpenChunk();
        if (!status.ok()) return status;
        continue;
      }
      const size_t count = std::min(chunk_.size() - at_, size - done);
      std::copy_n(chunk_.begin() + static_cast<long>(at_), count,
                  buffer + done);
      at_ += count;
      done += count;
    }
    return done;
  }

 private:
  absl::Status OpenChunk() {
    Bytes sealed(kSealedChunk + kTagBytes);
    absl::StatusOr<size_t> size = source_->Read(sealed.data(), sealed.size());
    if (!size.ok()) return size.status();
    // Which of two nonces: a chunk that is full may be the last. Only one of
    // them is right, so that nothing is gained by trying both.
    for (const bool is_last : {false, true}) {
      if (!is_last && *size != sealed.size()) continue;
      const auto nonce = NonceOf(number_, is_last);
      Bytes opened(kSealedChunk + kTagBytes);
      size_t opened_size = 0;
      if (EVP_AEAD_CTX_open(context_.get(), opened.data(), &opened_size,
                            opened.size(), nonce.data(), nonce.size(),
                            sealed.data(), *size, header_.data(),
                            header_.size()) == 1) {
        Cleanse(chunk_.data(), chunk_.size());
        opened.resize(opened_size);
        chunk_ = std::move(opened);
        at_ = 0;
        ++number_;
        was_last_ = is_last;
        return is_last ? ExpectEnd() : absl::OkStatus();
      }
    }
    if (number_ == 0) {
      return absl::PermissionDeniedError(
          "the passphrase is wrong, or the backup is damaged: try the "
          "passphrase that it was made with, then another copy of the file");
    }
    return absl::DataLossError(
        "the backup is damaged or not whole: take another copy of the file");
  }

  absl::Status ExpectEnd() {
    uint8_t more = 0;
    absl::StatusOr<size_t> count = source_->Read(&more, 1);
    if (!count.ok()) return count.status();
    if (*count == 0) return absl::OkStatus();
    return absl::DataLossError("there is more behind the end of the backup");
  }

  const std::unique_ptr<ByteSource> source_;
  const Bytes header_;
  bssl::ScopedEVP_AEAD_CTX context_;
  Bytes chunk_;
  size_t at_ = 0;
  uint64_t number_ = 0;
  bool was_last_ = false;
};

}  // namespace

bool IsSealed(ByteView first) {
  return first.size() >= kMagic.size() &&
         AsText(first.first(kMagic.size())) == kMagic;
}

absl::StatusOr<SealedHeader> ParseSealedHeader(ByteView bytes) {
  if (!IsSealed(bytes) || bytes.size() != kSealedHeaderBytes) {
    return absl::InvalidArgumentError("not a sealed backup of this version");
  }
  const uint8_t* cost = bytes.data() + kSealedMagicBytes;
  SealedHeader header;
  header.log2_n = cost[0];
  header.r = cost[1];
  header.p = cost[2];
  if (header.log2_n < kMinSealedLog2N || header.log2_n > kMaxLog2N ||
      header.r != kR || header.p != kP) {
    return absl::InvalidArgumentError(
        "the sealed backup asks for a scrypt that none of ours asks for");
  }
  std::copy_n(cost + 3, header.salt.size(), header.salt.begin());
  return header;
}

Bytes SerializeSealedHeader(const SealedHeader& header) {
  Bytes bytes = ToBytes(AsBytes(kMagic));
  bytes.push_back(static_cast<uint8_t>(header.log2_n));
  bytes.push_back(static_cast<uint8_t>(header.r));
  bytes.push_back(static_cast<uint8_t>(header.p));
  bytes.insert(bytes.end(), header.salt.begin(), header.salt.end());
  return bytes;
}

absl::StatusOr<std::unique_ptr<ByteSink>> SealInto(
    std::unique_ptr<ByteSink> sink, const Secret& passphrase, int log2_n) {
  if (passphrase.empty()) {
    return absl::InvalidArgumentError("the passphrase is empty");
  }
  SealedHeader header;
  header.log2_n = log2_n;
  header.r = kR;
  header.p = kP;
  RAND_bytes(header.salt.data(), header.salt.size());
  absl::StatusOr<Secret> key = KeyOf(header, passphrase);
  if (!key.ok()) return key.status();
  Bytes bytes = SerializeSealedHeader(header);
  absl::Status status = sink->Write(bytes);
  if (!status.ok()) return status;
  auto sealing =
      std::make_unique<SealingSink>(std::move(sink), std::move(bytes));
  if (!sealing->Init(*key)) return absl::InternalError("AES-256-GCM failed");
  return sealing;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenSealed(
    std::unique_ptr<ByteSource> source, const Secret& passphrase) {
  Bytes bytes(kSealedHeaderBytes);
  absl::StatusOr<size_t> size = source->Read(bytes.data(), bytes.size());
  if (!size.ok()) return size.status();
  bytes.resize(*size);
  absl::StatusOr<SealedHeader> header = ParseSealedHeader(bytes);
  if (!header.ok()) return header.status();
  absl::StatusOr<Secret> key = KeyOf(*header, passphrase);
  if (!key.ok()) return key.status();
  auto opening =
      std::make_unique<OpeningSource>(std::move(source), std::move(bytes));
  if (!opening->Init(*key)) return absl::InternalError("AES-256-GCM failed");
  return opening;
}

}  // namespace bestow::server
