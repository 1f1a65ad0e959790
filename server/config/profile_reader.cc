#include "server/config/profile_reader.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/pki/certificate_policies.h"
#include "server/config/known_names.h"
#include "server/config/name_template.h"
#include "server/config/profile_rules.h"
#include "server/config/san_pattern.h"
#include "server/config/value_readers.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr int kMaxCount = 1'000'000;

void ReadProfile(TomlReader& toml, ProfileConfig& profile) {
  // Short ones are for tests and demonstrations; ten years is a device's life.
  toml.ReadDuration("validity", absl::Seconds(1), 3653 * kDay,
                    &profile.validity);
  toml.ReadDuration("backdate", absl::ZeroDuration(), 7 * kDay,
                    &profile.backdate);
  if (ReadKeyUsage(toml, &profile.key_usage) && profile.key_usage == 0) {
    toml.Complain("key_usage", "needs at least one");
  }
  ReadValues<der::Oid>(toml, "extended_key_usage", PurposeByName,
                       &profile.extended_key_usage);
  if (toml.ReadText("subject", &profile.subject) && !profile.subject.empty()) {
    absl::StatusOr<Name> subject =
        RenderSubject(profile.subject, kSampleIdentity);
    if (!subject.ok()) toml.Complain("subject", subject.status().message());
  }
  ReadSans(toml, &profile.sans);
  ReadNames(toml, "may_add", &profile.may_add, [](const std::string& pattern) {
    return SanPattern::Parse(pattern).status();
  });
  ReadEnum<OtherNames>(
      toml, "other_names",
      {{"ignore", OtherNames::kIgnored}, {"refuse", OtherNames::kRefused}},
      &profile.other_names);
  ReadNames(toml, "policies", &profile.policies, [](const std::string& oid) {
    return PolicyOf(oid, "").ok()
               ? absl::OkStatus()
               : absl::InvalidArgumentError(absl::StrCat(
                     "\"", oid,
                     "\" is no object identifier like 1.3.6.1.4.1.99999.1"));
  });
  if (toml.ReadText("cps", &profile.cps) && !profile.cps.empty() &&
      !IsWebUrl(profile.cps)) {
    toml.Complain("cps",
                  "must be an http or https URL of at most 200 printable "
                  "characters");
  }
  toml.ReadInt("max_live", 0, kMaxCount, &profile.max_live);
  ReadValues<KeyType>(toml, "key_types", DeviceKeyTypeByName,
                      &profile.key_types);
  for (const ProfileMistake& mistake : FindProfileMistakes(profile)) {
    toml.Complain(mistake.key, mistake.what);
  }
}

}  // namespace

NamedProfiles ReadNamedProfiles(TomlReader& toml) {
  NamedProfiles profiles;
  toml.InNamedTables("profiles", [&](const std::string& name) {
    if (!IsCaName(name)) {
      toml.ComplainOfTable(
          "can't be a profile's name: 1 to 64 of A-Z a-z 0-9 . _ -, starting "
          "with a letter or digit");
    }
    ReadProfile(toml, profiles[name]);
  });
  return profiles;
}

void ReadServiceProfile(TomlReader& toml, const NamedProfiles& profiles,
                        ProfileConfig& profile) {
  std::string name;
  if (toml.ReadText("use_profile", &name)) {
    const auto found = profiles.find(name);
    if (found == profiles.end()) {
      std::vector<std::string> known;
      for (const auto& [each, unused] : profiles) known.push_back(each);
      toml.Complain("use_profile",
                    absl::StrCat("there is no [profiles.", name, "]",
                                 known.empty() ? "" : "; there is ",
                                 absl::StrJoin(known, ", ")));
    } else {
      profile = found->second;
    }
  }
  const bool is_changed = toml.Has("profile");
  toml.InTable("profile", [&] {
    // What is taken over as it is has been judged where it stands.
    if (is_changed) return ReadProfile(toml, profile);
    ProfileConfig unused;
    ReadProfile(toml, unused);
  });
}

}  // namespace bestow::server
