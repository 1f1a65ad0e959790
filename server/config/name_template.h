// Templates of names: "CN={identity}", "dns:{identity}.example".
#ifndef SERVER_CONFIG_NAME_TEMPLATE_H_
#define SERVER_CONFIG_NAME_TEMPLATE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/pki/name.h"

namespace bestow::server {

// `identity` takes the place of every "{identity}"; no other braces are known.
// It must not contain characters that a name's text gives a meaning to
// (policy/identity_name.h sees to that). kInvalidArgument: the result is not a
// name of its kind.
// A subject without {identity} would be everybody's, and is refused.
absl::StatusOr<Name> RenderSubject(std::string_view text,
                                   std::string_view identity);
absl::StatusOr<GeneralName> RenderSan(std::string_view text,
                                      std::string_view identity);

// The identity that a manufacturer's certificate (IDevID, 802.1AR) stands for:
// {CN} and {serialNumber} are the values of its subject's attributes.
// kInvalidArgument: the subject lacks one or has it twice, or the text knows
// other braces or none. NOT checked: that the result can be an identity's name.
absl::StatusOr<std::string> RenderIdevidIdentity(std::string_view text,
                                                 const Name& subject);
absl::Status CheckIdevidTemplate(std::string_view text);

}  // namespace bestow::server

#endif  // SERVER_CONFIG_NAME_TEMPLATE_H_
