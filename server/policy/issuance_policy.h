// What an authenticated identity may get (RFC 7030 3.7, 4.2.2).
#ifndef SERVER_POLICY_ISSUANCE_POLICY_H_
#define SERVER_POLICY_ISSUANCE_POLICY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/crypto/key_type.h"
#include "common/pki/certificate.h"
#include "common/pki/change_subject_name.h"
#include "common/pki/name.h"
#include "common/pki/name_constraints.h"
#include "common/pki/pkcs10.h"
#include "server/ca/subscriber.h"
#include "server/config/config.h"
#include "server/config/san_pattern.h"
#include "server/policy/server_names.h"

namespace bestow::server {

// Names are the server's to give: what a request asks for is a wish, and it is
// not granted but for what the profile lets it add. Immutable, thread-safe.
class IssuancePolicy {
 public:
  // `ca_constraints`: the name constraints of the CAs from the issuing one up
  // to the root, as far as they have any.
  IssuancePolicy(ProfileConfig profile, ServerNames server_names,
                 std::vector<NameConstraints> ca_constraints = {});

  // kFailedPrecondition when the CA's name constraints let no identity have
  // what the profile gives.
  absl::Status CheckAgainstCa() const;

  // The certificate that the profile gives to `identity`. kPermissionDenied
  // when no such certificate may be, whatever the profile says: CA rights,
  // id-kp-cmcRA, the server's or the CA's names; or when the profile's
  // templates make no valid name of this identity, or one that the CA's name
  // constraints forbid.
  absl::StatusOr<SubscriberContents> Grant(const std::string& identity) const;

  // Adds those of `wishes` that the profile lets `identity` add.
  // kPermissionDenied: one that nobody may have, as above, or too many.
  absl::Status AddWishes(const std::string& identity,
                         const std::vector<GeneralName>& wishes,
                         SubscriberContents& contents) const;
  // kPermissionDenied, naming the first, when the request asks for a name that
  // is not granted and the profile says that this is refused.
  absl::Status CheckOtherNames(const Pkcs10Request& request,
                               const SubscriberContents& granted) const;

  // kPermissionDenied, naming those that are, unless keys of this type are
  // certified. nullopt: a strong key of another size.
  absl::Status CheckKeyType(std::optional<KeyType> type) const;
  // Fits what was granted to the key: the usages that such a key can do.
  // kPermissionDenied when none is left. `spki`: DER SubjectPublicKeyInfo.
  absl::Status FitToKey(ByteView spki, SubscriberContents& contents) const;

  // Whether an operator may add such an identity: Grant()'s rules, and the
  // name's own. kInvalidArgument or kPermissionDenied.
  absl::Status CheckIdentity(const std::string& identity) const;

 private:
  // Neither the server's names nor outside of the CA's constraints.
  absl::Status CheckNames(const SubscriberContents& contents) const;
  absl::Status CheckConstraints(const SubscriberContents& contents) const;
  // The profile's own names for `identity`, unchecked.
  absl::Status RenderNames(const std::string& identity,
                           SubscriberContents& contents) const;

  const ProfileConfig profile_;
  const ServerNames server_names_;
  const std::vector<NameConstraints> ca_constraints_;
  const std::vector<SanPattern> may_add_;
};

// RFC 7030 4.2.2: "The request Subject field and SubjectAltName extension MUST
// be identical to the corresponding fields in the certificate being
// renewed/rekeyed." kInvalidArgument, naming the field, otherwise. Names are
// compared by their values: a client may choose another string type.
absl::Status CheckSameNames(const Pkcs10Request& request,
                            const Certificate& current);
// The same for what the profile would issue now: kPermissionDenied.
absl::Status CheckSameNames(const SubscriberContents& granted,
                            const Certificate& current);
// RFC 6402 2.8: the names after the change, where a field that is left out of
// it is deleted, are those of `granted`. kPermissionDenied otherwise.
absl::Status CheckNameChange(const ChangeSubjectName& change,
                             const SubscriberContents& granted);
// For the log: the request's names, when they are not empty and not those
// granted; else "".
std::string DescribeWish(const Pkcs10Request& request,
                         const SubscriberContents& granted);

}  // namespace bestow::server

#endif  // SERVER_POLICY_ISSUANCE_POLICY_H_
