// What no profile may say, because RFC 5280 or the safety of the fleet forbids
// what it would issue.
#ifndef SERVER_CONFIG_PROFILE_RULES_H_
#define SERVER_CONFIG_PROFILE_RULES_H_

#include <string>
#include <vector>

#include "server/config/config.h"

namespace bestow::server {

struct ProfileMistake {
  std::string key;  // of the table: "key_usage"
  std::string what;
};

// Contradictions of values that are each right by themselves. Empty: none.
// NOT checked: the CA's own limits, which the config does not know.
std::vector<ProfileMistake> FindProfileMistakes(const ProfileConfig& profile);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_PROFILE_RULES_H_
