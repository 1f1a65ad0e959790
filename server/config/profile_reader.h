// [profile], [profiles.NAME] and use_profile.
#ifndef SERVER_CONFIG_PROFILE_READER_H_
#define SERVER_CONFIG_PROFILE_READER_H_

#include <functional>
#include <map>
#include <string>

#include "server/config/config.h"
#include "server/config/toml_reader.h"

namespace bestow::server {

using NamedProfiles = std::map<std::string, ProfileConfig, std::less<>>;

// [profiles.NAME], each over the defaults. At the top of the file.
NamedProfiles ReadNamedProfiles(TomlReader& toml);

// Of a service's table: `use_profile` puts a named profile in the place of what
// `profile` says already; [profile] then says key by key what is different.
void ReadServiceProfile(TomlReader& toml, const NamedProfiles& profiles,
                        ProfileConfig& profile);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_PROFILE_READER_H_
