#include "server/admin/revoke_commands.h"

#include <vector>

namespace bestow::server {
namespace {

constexpr char kRevoke[] =
    R"(bestow-server revoke --state_dir=DIR
    --serial=HEX | --identity=NAME | --key=SHA256
    [--reason=REASON] [--invalidity_date=2026-11-21T12:00:00Z]
    [--release] [--json]

Revokes certificates that have not expired. From that moment they authenticate
nobody and can't be renewed, on every server of the database; CRLs and OCSP say
so. It can't be undone, but for a hold. Who is to come back needs a new secret
(`secrets add`) or has a password. Works while the server runs.

  --serial     one certificate, as `certificates list` shows it
  --identity   all that this identity has
  --key        all certificates of a key, by the SHA-256 that `certificates
               list --json` shows. With --reason=keyCompromise the key gets no
               certificate ever again
  --reason     unspecified (default), keyCompromise, affiliationChanged,
               superseded, cessationOfOperation, privilegeWithdrawn; or
               certificateHold: until --release, or until revoked for good
  --invalidity_date
               since when the certificate is not to be trusted, if before now
  --release    lifts a hold
  --json       print what was done as JSON
)";

constexpr char kCrlList[] = R"(bestow-server crl list --state_dir=DIR [--json]

Lists the newest CRLs of each key of the CAs that the config names. Works while
the server runs.

  --json       as a JSON array
)";

constexpr char kCrlPublish[] =
    R"(bestow-server crl publish --state_dir=DIR [--json]

Makes new CRLs of each key of the CAs that the config names, now; a running
server makes them by schedule and after each revocation. Works while the server
runs.

  --json       as a JSON array
)";

constexpr char kCrlExport[] =
    R"(bestow-server crl export --state_dir=DIR [--ca=ca] [--key=HEX] [--delta]
    [--json]

Prints the newest CRL of a CA as PEM. Works while the server runs.

  --ca         the CA's folder: ca (default) or cas/NAME
  --key        of a former key, by the key_id that `crl list --json` shows
  --delta      the delta CRL
  --json       as a JSON object
)";

constexpr char kCrlColumns[] =
    "ca key! kind! number! this_update! next_update!";

}  // namespace

absl::Span<const Command> RevokeCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"revoke",
       "revoke certificates, or release them from hold",
       kRevoke,
       {"state_dir", "serial", "identity", "key", "reason", "invalidity_date",
        "release", "json"},
       ""},
      {"crl list",
       "list the newest CRLs",
       kCrlList,
       {"state_dir", "json"},
       "",
       nullptr,
       kCrlColumns,
       "No CRL has been published."},
      {"crl publish",
       "make new CRLs now",
       kCrlPublish,
       {"state_dir", "json"},
       "",
       nullptr,
       kCrlColumns,
       "There is no CA."},
      {"crl export",
       "print a CRL as PEM",
       kCrlExport,
       {"state_dir", "ca", "key", "delta", "json"},
       ""},
  };
  return *kCommands;
}

}  // namespace bestow::server
