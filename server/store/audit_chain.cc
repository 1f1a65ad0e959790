#include "server/store/audit_chain.h"

#include <string_view>

#include "common/crypto/public_key.h"

namespace bestow::server {
namespace {

constexpr size_t kHashBytes = 32;

void AppendNumber(Bytes& out, uint64_t value, int octets) {
  for (int i = octets - 1; i >= 0; --i) {
    out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
}

void AppendField(Bytes& out, ByteView field) {
  AppendNumber(out, field.size(), 4);
  out.insert(out.end(), field.begin(), field.end());
}

}  // namespace

Bytes FirstAuditHash() { return Bytes(kHashBytes, 0); }

Bytes AuditHash(ByteView previous, const AuditRecord& record) {
  const AuditEntry& entry = record.entry;
  Bytes input = ToBytes(previous);
  AppendNumber(input, static_cast<uint64_t>(record.sequence), 8);
  AppendNumber(input, static_cast<uint64_t>(absl::ToUnixMillis(entry.at)), 8);
  for (const std::string* text :
       {&entry.actor, &entry.source, &entry.action, &entry.outcome,
        &entry.label, &entry.subject, &entry.detail}) {
    AppendField(input, AsBytes(*text));
  }
  AppendField(input, entry.serial);
  const Sha256Digest digest = Sha256(input);
  return Bytes(digest.begin(), digest.end());
}

}  // namespace bestow::server
