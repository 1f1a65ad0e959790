// bestow-server.toml as a value.
#ifndef SERVER_CONFIG_CONFIG_H_
#define SERVER_CONFIG_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/key_type.h"
#include "common/der/oid.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/extension.h"
#include "common/pki/oids.h"
#include "server/config/admin_config.h"
#include "server/config/ca_keys_config.h"
#include "server/config/revocation_config.h"
#include "server/config/store_config.h"
#include "server/config/tls_config.h"
#include "server/config/upstream_config.h"

namespace bestow::server {

// What becomes of names that a request asks for and the profile does not give.
enum class OtherNames { kIgnored, kRefused };

// [profile], [profiles.NAME]: what a certificate looks like; "{identity}" in
// the templates is replaced by policy/.
struct ProfileConfig {
  absl::Duration validity = absl::Hours(24 * 90);
  absl::Duration backdate = absl::Minutes(5);
  uint32_t key_usage = kDigitalSignature;
  std::vector<der::Oid> extended_key_usage = {oids::KpClientAuth()};
  std::string subject = "CN={identity}";  // empty: the sans alone
  std::vector<std::string> sans;
  // What a request may add to them (SanPattern); else names are the server's
  // to give.
  std::vector<std::string> may_add;
  OtherNames other_names = OtherNames::kIgnored;
  std::vector<std::string> policies;  // dotted
  std::string cps;                    // the URI of their statement, or empty
  // How many certificates of an identity may be valid at this label at once; a
  // renewal takes the place of the one that it renews. 0: any number.
  int max_live = 0;
  // The kinds of device keys; empty: every one that is strong enough
  // (CheckPublicKeyStrength).
  std::vector<KeyType> key_types;
};

// RFC 7030 3.5: whether /csrattrs asks for a link, and whether one has to be
// there. One that is there is verified, whatever this says.
enum class Linking { kOff, kOptional, kRequired };
// Which Digest challenges stand beside Basic's (RFC 7616).
enum class DigestOffer { kOff, kMd5, kSha256, kBoth };
// What an enrollment and /serverkeygen need to show.
enum class Require { kAny, kCertificate, kPassword, kCertificateAndPassword };

// [auth]
struct AuthConfig {
  bool basic = true;
  DigestOffer digest = DigestOffer::kOff;
  Require require = Require::kAny;
  Linking linking = Linking::kOptional;
  // PEM files, relative to the state folder: CAs of manufacturers, whose
  // certificates are good for a first enrollment (RFC 7030 3.3.2).
  std::vector<std::string> idevid_anchors;
  // The identity of such a certificate's owner, from its subject
  // (RenderIdevidIdentity). It must be known to the database, unless:
  std::string idevid_identity = "{serialNumber}";
  bool idevid_register = false;  // it is registered at its first enrollment
  absl::Duration nonce_lifetime = absl::Minutes(5);  // Digest
};

enum class Approval { kAutomatic, kManual };

// [enrollment]
struct EnrollmentConfig {
  // kManual: a first enrollment waits for `bestow-server approve`.
  Approval approval = Approval::kAutomatic;
  absl::Duration approval_retry_after = absl::Minutes(5);
  absl::Duration approval_expiry = absl::Hours(24 * 7);
  // A re-enrollment only this long before notAfter; zero: at any time.
  absl::Duration renewal_window;
  // A re-enrollment also this long after notAfter; zero: not at all.
  absl::Duration expired_grace;
  // ChangeSubjectName (RFC 6402), to what the profile gives the identity.
  bool allow_name_change = false;
  bool server_keys = false;    // /serverkeygen is offered
  bool allow_same_key = true;  // else each renewal is a rekey
};

// What one client is asked to put into its request.
struct CsrAttrsRequest {
  std::vector<der::Oid> oids;
  std::optional<KeyType> key_type;
  // Extensions with their values, as templates like the profile's.
  std::vector<std::string> sans;
  uint32_t key_usage = 0;  // 0: not asked for
  std::vector<der::Oid> extended_key_usage;
  // Asks by RFC 9908's certificationRequestInfoTemplate, where `subject` can
  // stand too; else by RFC 7030's attributes.
  bool as_template = false;
  std::string subject;
};

// [csr_attrs]
struct CsrAttrsConfig {
  CsrAttrsRequest all;
  // [[csr_attrs.for]]: the first whose pattern fits an authenticated identity
  // takes the place of `all`, key by key.
  struct ForIdentities {
    std::vector<std::string> identities;  // with * and ?
    CsrAttrsRequest request;
  };
  std::vector<ForIdentities> for_identities;
};

// [limits] of one service. 0: no limit.
struct ServiceLimits {
  int body_bytes = 64 * 1024;  // never 0
  int pending_requests = 1000;
  int enrollments_per_minute = 0;
};

// [renewal_info]
struct RenewalInfoConfig {
  absl::Duration retry_after = absl::Hours(6);  // when to ask again
  std::string explanation_url;
};

// One label's service, or that without a label.
struct ServiceConfig {
  std::string label;
  std::string realm = "Bestow";
  std::string ca = "ca";  // folder below the state folder: "ca" or "cas/NAME"
  absl::Duration secret_retry_window = absl::Hours(24);
  ProfileConfig profile;
  AuthConfig auth;
  EnrollmentConfig enrollment;
  CsrAttrsConfig csr_attrs;
  est::LineWrap line_wrap = est::LineWrap::kAuto;
  ServiceLimits limits;
  RenewalInfoConfig renewal_info;
  UpstreamConfig upstream;

  // Of the CA that signs here; empty: only the upstream does.
  const std::string& signing_ca() const {
    return upstream.forwards() ? upstream.local_ca : ca;
  }
};

// [limits] of the whole server.
struct LimitsConfig {
  int connections = 1000;  // over all workers
  int header_bytes = 8 * 1024;
  int requests_per_connection = 100;
  absl::Duration handshake_timeout = absl::Seconds(15);
  absl::Duration header_timeout = absl::Seconds(10);
  absl::Duration body_timeout = absl::Seconds(20);
  absl::Duration idle_timeout = absl::Seconds(30);
  absl::Duration drain_timeout = absl::Seconds(10);
  int queued_issuances = 4096;
  int queued_passwords = 256;
  // Wrong credentials: so many at once from one address or for one user, then
  // one more each interval.
  int wrong_credentials = 10;
  absl::Duration wrong_credentials_interval = absl::Seconds(10);
};

struct Config {
  std::vector<std::string> listen = {"127.0.0.1:8443"};
  // Of the server's own certificate, when it is renewed; empty: as it has them.
  // No device's certificate may carry one.
  std::vector<std::string> hostnames;
  int workers = 0;  // 0: one per core
  LimitsConfig limits;
  AdminConfig admin;
  TlsConfig tls;
  HttpConfig http;
  RevocationSettings revocation;
  StoreConfig store;
  CaKeysConfig ca_keys;
  ServiceConfig service;              // without a label
  std::vector<ServiceConfig> labels;  // in the order of their names

  // nullptr: no such label. "" is `service`.
  const ServiceConfig* Find(std::string_view label) const;
  // The largest body that any service takes.
  int MaxBodyBytes() const;
};

// The top of the file is the service without a label; [labels.NAME], and
// [labels.NAME.profile], .auth and so on, say key by key what is different
// there.
// kInvalidArgument with one line for each mistake, "<file>:<line>: ...": bad
// TOML, an unknown key (with the nearest known one), a wrong type, a value out
// of its range, a label that EST can't have, a template that can't make a name,
// a right that no device may have, settings that exclude each other. NOT
// checked: that addresses can be listened on, that named files are there.
absl::StatusOr<Config> ParseConfig(std::string_view text,
                                   const std::string& file);

// The commented file that `init` writes. Parses to the defaults, with the
// given `listen`, `hostnames` and `ca_keys`.
std::string ConfigFileText(const std::vector<std::string>& listen,
                           const std::vector<std::string>& hostnames,
                           const CaKeysConfig& ca_keys = {});

}  // namespace bestow::server

#endif  // SERVER_CONFIG_CONFIG_H_
