// What a request may add to the names of its certificate.
#ifndef SERVER_CONFIG_SAN_PATTERN_H_
#define SERVER_CONFIG_SAN_PATTERN_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/pki/name.h"

namespace bestow::server {

// One of:
//   dns:*.devices.example      '*' stands for one whole label, in as many
//                              places as it stands, but not for the last
//   ip:192.0.2.7  ip:10.0.0.0/8  ip:2001:db8::/32
//   email:*@example.com        '*' for any mailbox; the host as for dns
//   uri:urn:dev:mac:*          '*' at the end, after one of : / # ? = & ;, for
//                              letters, digits and - . _ ~ : @; of a URI with a
//                              host only after that
// {identity}, but in addresses, is the name of who asks.
class SanPattern {
 public:
  // kInvalidArgument, saying what is wrong.
  static absl::StatusOr<SanPattern> Parse(std::string_view text);

  // Whether `identity` may add `name`. Hosts compare without case.
  bool Matches(const GeneralName& name, std::string_view identity) const;
  const std::string& text() const { return text_; }

 private:
  SanPattern(std::string text, GeneralName::Kind kind)
      : text_(std::move(text)), kind_(kind) {}

  std::string text_;
  GeneralName::Kind kind_;
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_SAN_PATTERN_H_
