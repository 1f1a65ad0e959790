#include "server/backup/archive.h"

#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/backup/sealed_stream.h"
#include "server/backup/tar_header.h"

namespace bestow::server {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 16;
constexpr uint32_t kHashMode = 0600;

class Hasher {
 public:
  Hasher() { SHA256_Init(&context_); }
  void Add(ByteView bytes) {
    SHA256_Update(&context_, bytes.data(), bytes.size());
  }
  Bytes Take() {
    Bytes digest(SHA256_DIGEST_LENGTH);
    SHA256_Final(digest.data(), &context_);
    return digest;
  }

 private:
  SHA256_CTX context_;
};

Bytes DigestOf(ByteView bytes) {
  Hasher hasher;
  hasher.Add(bytes);
  return hasher.Take();
}

absl::Status WriteFile(const std::string& path, const BackupPart& part,
                       ByteSink& sink) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenFileSource(path);
  if (!source.ok()) return source.status();
  Hasher hasher;
  Bytes piece(kPieceBytes);
  uint64_t size = 0;
  for (;;) {
    absl::StatusOr<size_t> count = (*source)->Read(piece.data(), piece.size());
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    size += *count;
    if (size > part.size) break;
    const ByteView read = ByteView(piece).first(*count);
    hasher.Add(read);
    absl::Status status = sink.Write(read);
    if (!status.ok()) return status;
  }
  if (size != part.size || hasher.Take() != part.sha256) {
    return absl::AbortedError(absl::StrCat(path, " changed meanwhile"));
  }
  return absl::OkStatus();
}

absl::Status WritePadding(uint64_t size, ByteSink& sink) {
  return sink.Write(Bytes(TarPadding(size), 0));
}

// "HASH  manifest.json", which sha256sum -c takes.
std::string HashLine(std::string_view manifest) {
  const Bytes digest = DigestOf(AsBytes(manifest));
  return absl::StrCat(absl::BytesToHexString(AsText(digest)), "  ",
                      kManifestName, "\n");
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the backup is damaged or not whole (", what,
                   "): take another copy of the file"));
}

class ArchiveReader {
 public:
  explicit ArchiveReader(ByteSource& source) : source_(source) {}

  absl::StatusOr<TarHeader> Next() {
    Bytes block(kTarBlock);
    absl::StatusOr<size_t> count = source_.Read(block.data(), block.size());
    if (!count.ok()) return count.status();
    block.resize(*count);
    return ParseTarHeader(block);
  }

  absl::Status Content(uint64_t size,
                       const std::function<absl::Status(ByteView)>& visit) {
    Bytes piece(kPieceBytes);
    uint64_t left = size;
    absl::Status status;
    while (left > 0 && status.ok()) {
      const auto want = static_cast<size_t>(
          std::min(left, static_cast<uint64_t>(piece.size())));
      status = Fill(piece, want);
      if (status.ok()) status = visit(ByteView(piece).first(want));
      left -= want;
    }
    if (status.ok()) status = Zeros(TarPadding(size));
    Cleanse(piece.data(), piece.size());
    return status;
  }

  absl::Status End() {
    absl::Status status = Zeros(2 * kTarBlock);
    if (!status.ok()) return status;
    uint8_t more = 0;
    absl::StatusOr<size_t> count = source_.Read(&more, 1);
    if (!count.ok()) return count.status();
    return *count == 0 ? absl::OkStatus() : Damaged("there is more behind it");
  }

 private:
  absl::Status Fill(Bytes& buffer, size_t size) {
    absl::StatusOr<size_t> count = source_.Read(buffer.data(), size);
    if (!count.ok()) return count.status();
    return *count == size ? absl::OkStatus() : Damaged("its end is missing");
  }

  absl::Status Zeros(size_t size) {
    Bytes block(2 * kTarBlock);
    absl::Status status = Fill(block, size);
    if (!status.ok()) return status;
    const bool zeros =
        std::all_of(block.begin(), block.begin() + static_cast<long>(size),
                    [](uint8_t octet) { return octet == 0; });
    return zeros ? absl::OkStatus() : Damaged("what fills it up is not zeros");
  }

  ByteSource& source_;
};

absl::StatusOr<std::string> ReadManifest(ArchiveReader& reader) {
  absl::StatusOr<TarHeader> header = reader.Next();
  if (absl::IsInvalidArgument(header.status()) ||
      (header.ok() &&
       (header->name != kManifestName || header->size > kMaxManifestBytes))) {
    return absl::InvalidArgumentError(
        "the file is not a backup of bestow-server, or its beginning is "
        "damaged");
  }
  if (!header.ok()) return header.status();
  std::string text;
  absl::Status status = reader.Content(header->size, [&](ByteView piece) {
    absl::StrAppend(&text, AsText(piece));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return text;
}

absl::Status ReadPart(ArchiveReader& reader, const BackupPart& part,
                      const OnPiece& on_piece) {
  absl::StatusOr<TarHeader> header = reader.Next();
  if (absl::IsInvalidArgument(header.status())) {
    return Damaged(absl::StrCat(part.name, " is not where it should be"));
  }
  if (!header.ok()) return header.status();
  if (header->name != part.name || header->mode != part.mode ||
      header->size != part.size) {
    return Damaged(
        absl::StrCat("in the place of ", part.name, " is ", header->name));
  }
  Hasher hasher;
  absl::Status status = reader.Content(part.size, [&](ByteView piece) {
    hasher.Add(piece);
    return on_piece(part, piece);
  });
  if (!status.ok()) return status;
  if (hasher.Take() != part.sha256) {
    return Damaged(absl::StrCat(part.name, " is not what it was"));
  }
  return on_piece(part, {});
}

}  // namespace

absl::StatusOr<FileDigest> DigestFile(const std::string& path) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenFileSource(path);
  if (!source.ok()) return source.status();
  Hasher hasher;
  Bytes piece(kPieceBytes);
  FileDigest digest;
  for (;;) {
    absl::StatusOr<size_t> count = (*source)->Read(piece.data(), piece.size());
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    digest.size += *count;
    hasher.Add(ByteView(piece).first(*count));
  }
  digest.sha256 = hasher.Take();
  return digest;
}

absl::Status WriteArchive(const Manifest& manifest,
                          const std::vector<PartContent>& contents,
                          ByteSink& sink) {
  absl::StatusOr<std::string> text = SerializeManifest(manifest);
  if (!text.ok()) return text.status();
  if (contents.size() != manifest.parts.size()) {
    return absl::InternalError("not as many contents as parts");
  }
  const auto write_header = [&](const TarHeader& header) -> absl::Status {
    absl::StatusOr<Bytes> block = SerializeTarHeader(header);
    return block.ok() ? sink.Write(*block) : block.status();
  };
  absl::Status status =
      write_header({std::string(kManifestName), 0600, text->size()});
  if (status.ok()) status = sink.Write(AsBytes(*text));
  if (status.ok()) status = WritePadding(text->size(), sink);
  for (size_t i = 0; status.ok() && i < contents.size(); ++i) {
    const BackupPart& part = manifest.parts[i];
    const PartContent& content = contents[i];
    if (content.file.empty() &&
        DigestOf(content.bytes.bytes()) != part.sha256) {
      return absl::InternalError("a part's hash is another's");
    }
    status = write_header({part.name, part.mode, part.size});
    if (!status.ok()) break;
    status = content.file.empty() ? sink.Write(content.bytes.bytes())
                                  : WriteFile(content.file, part, sink);
    if (status.ok()) status = WritePadding(part.size, sink);
  }
  const std::string line = HashLine(*text);
  if (status.ok()) {
    status =
        write_header({std::string(kManifestHashName), kHashMode, line.size()});
  }
  if (status.ok()) status = sink.Write(AsBytes(line));
  if (status.ok()) status = WritePadding(line.size(), sink);
  if (status.ok()) status = sink.Write(Bytes(2 * kTarBlock, 0));
  return status.ok() ? sink.Finish() : status;
}

absl::StatusOr<Manifest> ReadArchive(ByteSource& source,
                                     const OnPiece& on_piece) {
  ArchiveReader reader(source);
  absl::StatusOr<std::string> text = ReadManifest(reader);
  if (!text.ok()) return text.status();
  absl::StatusOr<Manifest> manifest = ParseManifest(*text);
  if (!manifest.ok()) return manifest.status();
  for (const BackupPart& part : manifest->parts) {
    absl::Status status = ReadPart(reader, part, on_piece);
    if (!status.ok()) return status;
  }
  const std::string line = HashLine(*text);
  const BackupPart hash = {std::string(kManifestHashName), kHashMode,
                           line.size(), DigestOf(AsBytes(line))};
  absl::Status status = ReadPart(reader, hash, [](const BackupPart&, ByteView) {
    return absl::OkStatus();
  });
  if (status.ok()) status = reader.End();
  if (!status.ok()) return status;
  return manifest;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenBackup(
    const std::string& path, const Secret& passphrase) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenFileSource(path);
  if (!source.ok()) return source.status();
  Bytes first(kSealedMagicBytes);
  absl::StatusOr<size_t> count = (*source)->Read(first.data(), first.size());
  if (!count.ok()) return count.status();
  first.resize(*count);
  const bool is_sealed = IsSealed(first);
  source = OpenFileSource(path);  // from the beginning again
  if (!source.ok() || !is_sealed) return source;
  if (passphrase.empty()) {
    return absl::UnauthenticatedError(absl::StrCat(
        path, " is sealed under a passphrase: give --passphrase_file=FILE"));
  }
  return OpenSealed(*std::move(source), passphrase);
}

}  // namespace bestow::server
