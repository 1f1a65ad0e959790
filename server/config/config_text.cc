#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/config/config.h"

namespace bestow::server {
namespace {

std::string Quoted(const std::string& text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string QuotedList(const std::vector<std::string>& items) {
  return absl::StrCat(
      "[",
      absl::StrJoin(items, ", ",
                    [](std::string* out, const std::string& item) {
                      absl::StrAppend(out, Quoted(item));
                    }),
      "]");
}

}  // namespace

std::string ConfigFileText(const std::vector<std::string>& listen,
                           const std::vector<std::string>& hostnames,
                           const CaKeysConfig& ca_keys) {
  const std::string passphrase_file =
      ca_keys.passphrase_file.empty()
          ? ""
          : absl::StrCat("passphrase_file = ", Quoted(ca_keys.passphrase_file),
                         "\n");
  return absl::StrCat(
      R"toml(# bestow-server's settings. A mistake is reported with its line, and the server
# does not start with one. Durations: "90d", "12h", "5m", "30s". A running
# server reads this file again when it gets SIGHUP; `bestow-server check` tries
# it out.

# Where to listen; "[::]:8443" is every address. Port 0 picks a free one, which
# the server prints. Sockets passed by systemd take the place of these.
listen = )toml",
      QuotedList(listen), R"toml(

# The names of this server: its own certificate gets them when it is renewed,
# and it is renewed when they change. No device gets a certificate with one of
# them, whatever the profile says.
hostnames = )toml",
      QuotedList(hostnames), R"toml(

# Threads that serve connections; 0: one per core.
workers = 0

# What the password prompt of HTTP shows. Who has a password for Digest needs a
# new one after a change.
realm = "Bestow"

# The CA that issues: "ca", which init made, or "cas/NAME" of `ca create`.
ca = "ca"

[profile]
# Device certificates. Names come from who is authenticated, never from the
# request: {identity} is the name that `users add` or `secrets add` got.
validity = "90d"
# Clocks differ: certificates are valid from this long before they are issued.
backdate = "5m"
# "": none, then the sans have {identity}.
subject = "CN={identity}"
# For example ["dns:{identity}.devices.example", "uri:urn:dev:{identity}"].
sans = []
# What a request may add to these: ["dns:*.{identity}.devices.example",
# "ip:10.0.0.0/8", "email:*@example.com", "uri:urn:dev:mac:*"]. Other names that
# it asks for are ignored, or the request is refused ("refuse").
may_add = []
other_names = "ignore"
# digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment,
# keyAgreement.
key_usage = ["digitalSignature"]
# clientAuth, serverAuth, or dotted object identifiers.
extended_key_usage = ["clientAuth"]
# The kinds of device keys that are taken: ec-p256, ec-p384, rsa-2048, rsa-3072.
# Empty: these, and RSA up to 4096 bits.
key_types = []
# Certificate policies (object identifiers), and the URL of their statement.
policies = []
cps = ""
# How many certificates of an identity may be valid at once here; a renewal takes
# the place of the one that it renews. 0: any number.
max_live = 0
# [profiles.NAME] is one that labels share, over the defaults: they say
# use_profile = "NAME", and in their [labels.LABEL.profile] what is different.

[one_time_secrets]
# A reply can be lost. For this long after its first use, a one-time secret
# gives the same certificate again to the same key; to another key, never.
retry_window = "24h"

[auth]
# Passwords and one-time secrets over HTTP Basic.
basic = true
# HTTP Digest beside it, for who was given --digest: "off", "md5", "sha256",
# "both". MD5 is what clients in the field speak; a SHA-256 challenge makes most
# of them fail.
digest = "off"
nonce_lifetime = "5m"
# What an enrollment needs: "any", "certificate", "password",
# "certificate+password".
require = "any"
# Whether requests are linked to their TLS session (RFC 7030 3.5): "optional"
# asks for it in /csrattrs, "required" demands it, "off" does not ask. A link
# that is there is always verified. Behind a proxy that ends TLS no link is ever
# right: "off".
linking = "optional"
# PEM files, relative to this folder, of manufacturers' CAs whose certificates
# (IDevID) are good for a first enrollment, and whom one stands for: an identity
# made of its subject's {serialNumber} or {CN}.
idevid_anchors = []
idevid_identity = "{serialNumber}"
# Whether such an identity is made when it is new; else `identities add` makes it.
idevid_register = false

[enrollment]
# "manual": a first enrollment waits for `bestow-server approve` or `deny`.
# Clients ask again after approval_retry_after, until approval_expiry.
approval = "automatic"
approval_retry_after = "5m"
approval_expiry = "7d"
# Certificates are renewed only this long before they end; "0s": at any time.
renewal_window = "0s"
# Expired certificates are renewed for this long; "0s": never.
expired_grace = "0s"
# Whether a renewal may keep its key, or change its names (RFC 6402
# ChangeSubjectName) to what the profile gives now.
allow_same_key = true
allow_name_change = false
# Whether /serverkeygen makes keys for clients.
server_keys = false

[csr_attrs]
# What /csrattrs asks clients for: object identifiers, dotted or by name
# (challengePassword asks them to link the request to the TLS session), a kind
# of key, extensions with values. Nothing at all, and
# auth.linking "off": /csrattrs answers 204.
# [[csr_attrs.for]] with identities = ["gw-*"] asks some for something else.
oids = []
key_type = ""
# As RFC 9908's template, which few clients know yet, in place of attributes.
template = false

[reply]
# Base64 in one line up to 1,000 characters, else in lines of 64 ("auto").
# "never" is for strongSwan before 5.9.11, which can't read wrapped lines;
# "always" for clients on the libest library, which can't read long ones.
line_wrap = "auto"

[renewal_info]
# How soon clients ask again when to renew, and what explains it to people.
retry_after = "6h"
explanation_url = ""

[limits]
connections = 1000
requests_per_connection = 100
header_bytes = 8192
body_bytes = 65536
# Requests that wait for approval, and certificates per minute; 0: no limit.
pending_requests = 1000
enrollments_per_minute = 0
# For the whole of each phase, however slowly the bytes come.
handshake_timeout = "15s"
header_timeout = "10s"
body_timeout = "20s"
idle_timeout = "30s"
# How long requests under way may go on after SIGTERM.
drain_timeout = "10s"
# More than these waiting: 503, come back later.
queued_issuances = 4096
queued_passwords = 256
# Wrong passwords: this many at once from one address or for one user, then one
# more each interval.
wrong_credentials = 10
wrong_credentials_interval = "10s"

[admin]
# Where `bestow-server certificates list` and the like reach this server while
# it runs: an absolute path, or one below the state folder.
socket = "admin.sock"
# Root and the user that the server runs as may; and the members of this group,
# if one is named.
group = ""

[tls]
# The server's own certificate, tls/server.pem, is renewed by the CA that issued
# it after this share of its lifetime, and used for new connections at once. One
# from elsewhere is yours to renew: replace the files and send SIGHUP. With
# from = "upstream" another EST server issues it, and [tls.upstream] says which:
# url, anchors, username, secret_file.
from = "ca"
renew = true
validity = "90d"
fraction = 0.66
# Whether each renewal makes a new key.
new_key = true

[http]
# Plain HTTP, for CRLs (/crl/ca.crl), OCSP (/ocsp) and CA certificates
# (/ca/ca.cer) alone: ["[::]:8080"]. Empty: off. CRLs are made when this or
# revocation.url says something.
listen = []

[revocation]
# What the world calls [http] by, "http://pki.example.net": where certificates
# issued from now on say that their status is found. Empty: they do not say.
url = ""
# A full CRL is made this often, and after each revocation; it is good for
# crl_validity. With a delta_interval, smaller lists of what has changed come
# between them; "0s": none.
crl_validity = "7d"
crl_interval = "24h"
delta_interval = "0s"
# How long an OCSP answer may be kept by who asked.
ocsp_validity = "1h"
# [cas."cas/plant"] says, key by key, what is different for a CA.

[store]
# "sqlite": the file bestow.db here. "postgresql": a database that any number of
# servers share, with one seal.key and one CA folder on all of them. The first
# that starts makes the tables. The password is never in the connection.
engine = "sqlite"
#   connection = "host=/run/postgresql dbname=bestow user=bestow"
#   password_file = "/etc/bestow/database-password"
#   password_credential = "database-password"

[ca_keys]
# Where the passphrase is that CAs' keys in files are under: a file, or a
# credential of systemd's LoadCredential= by its name. New keys are put under it.
#   passphrase_file = "/etc/bestow/ca-passphrase"
#   passphrase_credential = "ca-passphrase"
)toml",
      passphrase_file,
      R"toml(# The TPM of CAs' keys that are in one (`ca create --key_storage=tpm`).
tpm = )toml",
      Quoted(ca_keys.tpm), R"toml(

[upstream]
# Another EST server that signs, with this one as its registration authority:
# "https://est.example:8443/.well-known/est/sites". Empty: this server signs.
# With it come anchors (a PEM file) or anchors_sha256, username, secret_file.
url = ""
# While it can't be reached: "retry" (503), or "local", and a CA that signs for
# a short time: local_ca = "cas/site".
when_down = "retry"
retry_after = "1m"
# What /csrattrs asks for: "local", this file's [csr_attrs], or "upstream".
csr_attrs = "local"

# Labels: /.well-known/est/plant/simpleenroll and so on. What a label does not
# say is as above.
#   [labels.plant]
#   ca = "cas/plant"
#   [labels.plant.profile]
#   subject = "O=Plant,CN={identity}"
#   [labels.plant.limits]
#   enrollments_per_minute = 60
)toml");
}

}  // namespace bestow::server
