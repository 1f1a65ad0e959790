#include "server/config/admin_reader.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxPath = 1024;
constexpr size_t kMaxName = 64;  // of a file, or of a group

bool IsPrintable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
}

}  // namespace

void ReadAdmin(TomlReader& toml, AdminConfig& admin) {
  toml.InTable("admin", [&] {
    if (toml.ReadText("socket", &admin.socket)) {
      const std::string name = admin.socket.substr(admin.socket.rfind('/') + 1);
      if (name.empty() || name.size() > kMaxName || name == "." ||
          name == ".." || admin.socket.size() > kMaxPath ||
          !IsPrintable(admin.socket)) {
        toml.Complain("socket",
                      "must be a path whose last part is a name of at most 64 "
                      "characters");
      }
    }
    if (toml.ReadText("group", &admin.group) &&
        (admin.group.size() > kMaxName || !IsPrintable(admin.group))) {
      toml.Complain("group", "is no name of a group");
    }
  });
}

}  // namespace bestow::server
