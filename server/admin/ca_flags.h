// What the `ca` commands' flags say.
#ifndef SERVER_ADMIN_CA_FLAGS_H_
#define SERVER_ADMIN_CA_FLAGS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/admin/command.h"
#include "server/ca/ca_certificate.h"
#include "server/ca/ca_key.h"

namespace bestow::server {

// A CA's folder, and how its key is opened.
struct CaPlace {
  std::string folder;
  std::string name;  // as a config has it: "cas/plant"; "": of no state folder
  CaKeyOptions keys;
};

// `name`: "plant" or "cas/plant" and "ca" in --state_dir, whose [ca_keys]
// count; with another "/" in it, any folder: "./root". --passphrase_file and
// --tpm, where they are given, count more. kInvalidArgument: no CA's name;
// kFailedPrecondition: no state folder, or its config is wrong.
absl::StatusOr<CaPlace> CaPlaceOf(const CommandLine& line,
                                  std::string_view name);

// --ca_name or --subject (default: CN= the last part of `argument`),
// --validity, --path_length, --permit_... and --exclude_..., --policy and
// --cps, --crl_url and --ca_issuers_url. kInvalidArgument, naming the flag.
absl::StatusOr<CaContents> CaContentsOf(const CommandLine& line,
                                        absl::Duration validity,
                                        std::optional<uint64_t> path_length);

// The flags that CaContentsOf() reads, and those of them that a request can ask
// for.
const std::vector<std::string_view>& CaContentsFlags();
const std::vector<std::string_view>& CaRightsFlags();

}  // namespace bestow::server

#endif  // SERVER_ADMIN_CA_FLAGS_H_
