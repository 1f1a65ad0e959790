#include "agent/enroll/key_demands.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace bestow::agent {
namespace {

bool IsRsa(KeyType type) {
  return type == KeyType::kRsa2048 || type == KeyType::kRsa3072;
}

}  // namespace

void KeyDemands::Algorithm(bool is_rsa, std::string_view what) {
  algorithms_.push_back(is_rsa);
  names_.emplace_back(what);
}

void KeyDemands::Key(bool is_rsa, std::optional<KeyType> type,
                     std::string_view what) {
  keys_.push_back({is_rsa, type});
  names_.emplace_back(what);
}

void KeyDemands::Signature(const std::vector<KeyType>& types,
                           std::string_view what) {
  asks_signature_ = true;
  signatures_.insert(signatures_.end(), types.begin(), types.end());
  names_.emplace_back(what);
}

std::optional<KeyType> KeyDemands::Choose(KeyType preferred) const {
  for (KeyType type : {preferred, KeyType::kEcP256, KeyType::kEcP384,
                       KeyType::kRsa2048, KeyType::kRsa3072}) {
    if (KeyFits(type) && SignatureFits(type)) return type;
  }
  return std::nullopt;
}

std::string KeyDemands::Describe() const { return absl::StrJoin(names_, ", "); }

bool KeyDemands::KeyFits(KeyType type) const {
  if (keys_.empty() && algorithms_.empty()) return true;
  bool kind_is_narrowed = false;
  for (const Wanted& wanted : keys_) {
    if (wanted.type == type) return true;
    kind_is_narrowed |= wanted.is_rsa == IsRsa(type);
  }
  return !kind_is_narrowed && std::find(algorithms_.begin(), algorithms_.end(),
                                        IsRsa(type)) != algorithms_.end();
}

bool KeyDemands::SignatureFits(KeyType type) const {
  return !asks_signature_ || std::find(signatures_.begin(), signatures_.end(),
                                       type) != signatures_.end();
}

}  // namespace bestow::agent
