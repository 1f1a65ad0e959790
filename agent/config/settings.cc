#include "agent/config/settings.h"

#include <algorithm>

namespace bestow::agent {

void Settings::KeepTogether(std::vector<std::string_view> keys) {
  const bool overridden =
      std::any_of(keys.begin(), keys.end(),
                  [this](std::string_view key) { return IsOwn(key); });
  if (overridden) together_ = std::move(keys);
}

const std::string& Settings::SectionOf(std::string_view key) const {
  if (own_.empty()) return shared_;
  if (IsOwn(key) ||
      std::find(together_.begin(), together_.end(), key) != together_.end()) {
    return own_;
  }
  // What nobody gives is missed where there is a section to point at.
  if (!file_.Has(shared_, key) && file_.HasSection(own_)) return own_;
  return shared_;
}

}  // namespace bestow::agent
