#include "server/backup/manifest.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/admin/json.h"
#include "server/backup/tar_header.h"

namespace bestow::server {
namespace {

constexpr std::string_view kFormat = "bestow backup";
constexpr int64_t kVersion = 1;
constexpr size_t kHashBytes = 32;
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%SZ";

absl::Status Problem(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the backup's manifest is not one of ours: ", what));
}

std::string Hex(ByteView bytes) {
  return absl::BytesToHexString(AsText(bytes));
}

std::optional<Bytes> HashOf(const Json& object, std::string_view name) {
  std::string bytes;
  if (!absl::HexStringToBytes(TextOf(object, name), &bytes) ||
      bytes.size() != kHashBytes) {
    return std::nullopt;
  }
  return ToBytes(AsBytes(bytes));
}

absl::Status CheckPart(const BackupPart& part) {
  if (part.sha256.size() != kHashBytes) return Problem("a hash");
  return SerializeTarHeader({part.name, part.mode, part.size}).status();
}

absl::StatusOr<BackupPart> PartOf(const Json& object) {
  BackupPart part;
  part.name = TextOf(object, "name");
  part.mode = 0;
  const std::string mode = TextOf(object, "mode");
  if (mode.size() != 4 || mode[0] != '0') return Problem("a mode");
  for (char digit : mode) {
    if (digit < '0' || digit > '7') return Problem("a mode");
    part.mode = part.mode * 8 + static_cast<uint32_t>(digit - '0');
  }
  const std::optional<int64_t> size = NumberOf(object, "size");
  if (!size.has_value() || *size < 0) return Problem("a size");
  part.size = static_cast<uint64_t>(*size);
  std::optional<Bytes> hash = HashOf(object, "sha256");
  if (!hash.has_value()) return Problem("a hash");
  part.sha256 = *std::move(hash);
  absl::Status status = CheckPart(part);
  if (!status.ok()) return Problem(status.message());
  return part;
}

}  // namespace

absl::StatusOr<std::string> SerializeManifest(const Manifest& manifest) {
  Json parts = Json::array();
  for (const BackupPart& part : manifest.parts) {
    absl::Status status = CheckPart(part);
    if (!status.ok()) return status;
    parts.push_back({{"name", part.name},
                     {"mode", absl::StrFormat("%04o", part.mode)},
                     {"size", static_cast<int64_t>(part.size)},
                     {"sha256", Hex(part.sha256)}});
  }
  if (manifest.parts.size() > kMaxParts) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kMaxParts, " files"));
  }
  Json json = {{"format", std::string(kFormat)},
               {"version", kVersion},
               {"made_at", absl::FormatTime(kTimeFormat, manifest.made_at,
                                            absl::UTCTimeZone())},
               {"state_dir", manifest.state_dir},
               {"audit",
                {{"sequence", manifest.audit_sequence},
                 {"hash", Hex(manifest.audit_hash)}}},
               {"parts", std::move(parts)}};
  std::string text = JsonPage(json);
  if (text.size() > kMaxManifestBytes) {
    return absl::InvalidArgumentError("the manifest is longer than a MiB");
  }
  return text;
}

absl::StatusOr<Manifest> ParseManifest(std::string_view text) {
  absl::StatusOr<Json> parsed = ParseJson(text);
  if (!parsed.ok()) return Problem(parsed.status().message());
  const Json& json = *parsed;
  if (TextOf(json, "format") != kFormat) return Problem("its format");
  const std::optional<int64_t> version = NumberOf(json, "version");
  if (!version.has_value() || *version < kVersion) return Problem("version");
  if (*version > kVersion) {
    return absl::UnimplementedError(absl::StrCat(
        "the backup is of version ", *version,
        ", and this bestow-server knows ", kVersion,
        ": restore it with the version that made it, or a newer one"));
  }
  Manifest manifest;
  if (!absl::ParseTime(kTimeFormat, TextOf(json, "made_at"), &manifest.made_at,
                       nullptr)) {
    return Problem("made_at");
  }
  manifest.state_dir = TextOf(json, "state_dir");
  const auto audit = json.find("audit");
  if (audit == json.end()) return Problem("audit");
  const std::optional<int64_t> sequence = NumberOf(*audit, "sequence");
  std::optional<Bytes> hash = HashOf(*audit, "hash");
  if (!sequence.has_value() || *sequence < 0 || !hash.has_value()) {
    return Problem("audit");
  }
  manifest.audit_sequence = *sequence;
  manifest.audit_hash = *std::move(hash);
  const auto parts = json.find("parts");
  if (parts == json.end() || !parts->is_array() || parts->size() > kMaxParts) {
    return Problem("parts");
  }
  std::set<std::string> names;
  for (const Json& object : *parts) {
    absl::StatusOr<BackupPart> part = PartOf(object);
    if (!part.ok()) return part.status();
    if (part->name == kManifestName || part->name == kManifestHashName ||
        !names.insert(part->name).second) {
      return Problem("a name twice");
    }
    manifest.parts.push_back(*std::move(part));
  }
  // Nothing that is not understood is passed over.
  absl::StatusOr<std::string> canonical = SerializeManifest(manifest);
  if (!canonical.ok()) return Problem(canonical.status().message());
  if (*canonical != text) return Problem("it is written another way");
  return manifest;
}

}  // namespace bestow::server
