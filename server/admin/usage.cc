#include "server/admin/usage.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bestow::server {
namespace {

constexpr char kInit[] =
    R"(bestow-server init --state_dir=DIR [--hostname=NAME_OR_IP[,...]]
    [--listen=127.0.0.1:8443] [--ca_name="Bestow CA"] [--ca_key_type=ec-p256]

Makes the state folder DIR: a certification authority, the server's own TLS
certificate, the database of what is issued, and bestow-server.toml, which is
commented. Prints the CA's SHA-256 fingerprint, which agents can pin. Refuses a
folder that already holds a state; can be run again after a failure.

  --hostname   the names and addresses by which devices reach this server; they
               go into its TLS certificate (default: localhost, 127.0.0.1, ::1
               and the addresses of --listen)
  --listen     where `run` will listen, separated by commas; [::]:8443 is every
               address
  --ca_name    the common name of the CA
  --ca_key_type
               ec-p256, ec-p384, rsa-2048, rsa-3072 or ed25519 (which few
               clients can verify). The TLS certificate's key is P-256
)";

constexpr char kAddCa[] =
    R"(bestow-server add-ca --state_dir=DIR NAME [--ca_name="NAME"]
    [--key_type=ec-p256]

Makes another CA in DIR/cas/NAME, for labels: write ca = "cas/NAME" below
[labels.LABEL] in bestow-server.toml. Prints the CA's SHA-256 fingerprint.

  --ca_name    the common name of the CA
  --key_type   ec-p256, ec-p384, rsa-2048, rsa-3072 or ed25519
)";

constexpr char kCheck[] = R"(bestow-server check --state_dir=DIR

Loads what `run` and SIGHUP would load, serves nothing, and says which label has
which CA. Exit code 3, with the line of each mistake, when something is wrong.
)";

constexpr char kRun[] = R"(bestow-server run --state_dir=DIR

Serves EST (RFC 7030) until SIGTERM or SIGINT, which let requests under way
finish. SIGHUP loads the config, the CAs and the certificates again; when
something in them is wrong, the log says where and the old ones stay. Prints a line "bestow-server: listening on https://..." for each
listening socket when it is ready, and logs to stderr. Sockets that systemd
passes are used in place of the config's.
)";

constexpr char kAddIdentity[] =
    R"(bestow-server add-identity --state_dir=DIR NAME [--label=LABEL[,...]]
    [--ra | --nora]

Adds the identity NAME, or gives one that is there more labels. Certificates
that it enrolls carry NAME by the label's profile. Works while the server runs.

  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --ra         NAME is a registration authority: it may enroll every identity of
               its labels, in their names; --nora takes that back
)";

constexpr char kAddUser[] =
    R"(bestow-server add-user --state_dir=DIR NAME --password_file=FILE [--replace]
    [--label=LABEL[,...]] [--digest] [--ra]

Adds the identity NAME with the password that is FILE's one line. Certificates
that it enrolls carry NAME by the profile in bestow-server.toml. Works while
the server runs.

  --replace    give an identity that has a password a new one
  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --digest     the password is good for HTTP Digest too, for which it is kept
               so that the server could recover it, sealed by seal.key
  --ra         NAME is a registration authority (see add-identity)
)";

constexpr char kAddSecret[] =
    R"(bestow-server add-secret --state_dir=DIR NAME [--valid_for=24h]
    [--label=LABEL[,...]] [--digest] [--ra]

Makes a one-time secret for the identity NAME (which is added when it is new)
and prints it, alone, on stdout. A device enrolls with NAME and the secret in
place of a password, once: the secret is then bound to the device's key. Works
while the server runs.

  --valid_for  how long it can be used for the first time: 24h, 7d, 30m
  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --digest     the secret is good for HTTP Digest too (see add-user)
  --ra         NAME is a registration authority (see add-identity)
)";

constexpr char kAddPsk[] =
    R"(bestow-server add-psk --state_dir=DIR NAME [--key_file=FILE]
    [--label=LABEL[,...]]

Makes a pre-shared key for the identity NAME and prints its identifier and the
key, in hexadecimal, once. A client that puts the identifier into its request as
DecryptKeyIdentifier gets keys of /serverkeygen encrypted with it (RFC 7030
4.4.1.1). Works while the server runs.

  --key_file   the key, 16, 24 or 32 octets in hexadecimal, in place of a new
               one; it is not printed
  --label      what NAME is good for beside what it has (see add-identity)
)";

constexpr char kList[] = R"(bestow-server list --state_dir=DIR [--json]

Lists the issued certificates, oldest first. Works while the server runs.

  --json       as a JSON array
)";

constexpr char kRequests[] = R"(bestow-server requests --state_dir=DIR [--json]

Lists the requests that wait for your word (enrollment.approval = "manual") and
those decided, oldest first, until they expire. Works while the server runs.

  --json       as a JSON array
)";

constexpr char kApprove[] = R"(bestow-server approve --state_dir=DIR ID

Approves the request ID of `requests`: its client gets the certificate when it
asks again. Compare the key's fingerprint first. Works while the server runs.
)";

constexpr char kDeny[] = R"(bestow-server deny --state_dir=DIR ID --reason=TEXT

Refuses the request ID of `requests`. Works while the server runs.

  --reason     one line that the client is told
)";

constexpr char kRenewEarly[] =
    R"(bestow-server renew-early --state_dir=DIR --within=24h [--label=LABEL]
    [--issued_before=2026-11-21T12:00:00Z]

Pulls renewals forward, after an incident say: clients that ask for renewal
information are told to renew within that time, each at a random moment of it.
Works while the server runs; what it says stays until another order.

  --within     how long the renewals are spread over: 24h, 7d, 30m
  --label      certificates of this label alone; "." is the service without one
  --issued_before
               certificates issued before this time alone (default: now)
)";

const std::vector<CommandUsage>& Commands() {
  static const auto* const kCommands = new std::vector<CommandUsage>{
      {"init",
       "make a state folder with a CA",
       kInit,
       {"state_dir", "hostname", "listen", "ca_name", "ca_key_type"},
       ""},
      {"add-ca",
       "make another CA, for labels",
       kAddCa,
       {"state_dir", "ca_name", "key_type"},
       "NAME"},
      {"check", "check the config and the state", kCheck, {"state_dir"}, ""},
      {"run", "serve EST", kRun, {"state_dir"}, ""},
      {"add-identity",
       "add an identity, or labels to it",
       kAddIdentity,
       {"state_dir", "label", "ra"},
       "NAME"},
      {"add-user",
       "add an identity with a password",
       kAddUser,
       {"state_dir", "password_file", "replace", "label", "digest", "ra"},
       "NAME"},
      {"add-secret",
       "make a one-time secret for an identity",
       kAddSecret,
       {"state_dir", "valid_for", "label", "digest", "ra"},
       "NAME"},
      {"add-psk",
       "make a pre-shared key for an identity",
       kAddPsk,
       {"state_dir", "key_file", "label"},
       "NAME"},
      {"list",
       "list the issued certificates",
       kList,
       {"state_dir", "json"},
       ""},
      {"requests",
       "list the requests that wait",
       kRequests,
       {"state_dir", "json"},
       ""},
      {"approve", "approve a request", kApprove, {"state_dir"}, "ID"},
      {"deny", "refuse a request", kDeny, {"state_dir", "reason"}, "ID"},
      {"renew-early",
       "pull renewals forward",
       kRenewEarly,
       {"state_dir", "within", "label", "issued_before"},
       ""},
  };
  return *kCommands;
}

}  // namespace

absl::Span<const CommandUsage> AllCommands() { return Commands(); }

const CommandUsage* FindCommand(std::string_view name) {
  for (const CommandUsage& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::string OverviewText() {
  std::string text =
      "bestow-server: an EST server (RFC 7030) with an embedded CA\n\n"
      "  bestow-server COMMAND --state_dir=DIR [flags]\n\n";
  for (const CommandUsage& command : Commands()) {
    absl::StrAppendFormat(&text, "  %-12s %s\n", command.name, command.summary);
  }
  absl::StrAppend(
      &text,
      "\n`bestow-server help COMMAND` says more. Exit codes: 0 done, "
      "1 failed, 2 wrong\nusage, 3 the state folder or the config "
      "needs attention.\n");
  return text;
}

}  // namespace bestow::server
