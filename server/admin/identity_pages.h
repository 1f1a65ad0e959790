// The pages of identity_commands.cc.
#ifndef SERVER_ADMIN_IDENTITY_PAGES_H_
#define SERVER_ADMIN_IDENTITY_PAGES_H_

namespace bestow::server {

inline constexpr char kIdentitiesList[] =
    R"(bestow-server identities list --state_dir=DIR [--json]

Lists the identities that may enroll, with the labels that each is good for
("." is the service without a label), whether it is a registration authority,
and whether it has a password. Works while the server runs.

  --json       as a JSON array
)";

inline constexpr char kIdentitiesShow[] =
    R"(bestow-server identities show --state_dir=DIR NAME [--json]

Shows the identity NAME and its valid certificates. Works while the server runs.

  --json       as a JSON object
)";

inline constexpr char kIdentitiesAdd[] =
    R"(bestow-server identities add --state_dir=DIR NAME [--label=LABEL[,...]]
    [--ra | --nora] [--json]

Adds the identity NAME, or gives one that is there more labels. Certificates
that it enrolls carry NAME by the label's profile. Works while the server runs.

  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --ra         NAME is a registration authority: it may enroll every identity of
               its labels, in their names; --nora takes that back
  --json       print what was done as JSON
)";

inline constexpr char kIdentitiesRemove[] =
    R"(bestow-server identities remove --state_dir=DIR NAME [--json]

Removes the identity NAME with its password, secrets and keys. Refused while it
has valid certificates: revoke them first. What was issued stays in the records.
Works while the server runs.

  --json       print what was done as JSON
)";

inline constexpr char kUsersList[] =
    R"(bestow-server users list --state_dir=DIR [--json]

Lists the identities that have a password. Works while the server runs.

  --json       as a JSON array
)";

inline constexpr char kUsersAdd[] =
    R"(bestow-server users add --state_dir=DIR NAME --password_file=FILE [--replace]
    [--label=LABEL[,...]] [--digest] [--ra] [--json]

Adds the identity NAME with the password that is FILE's one line. Certificates
that it enrolls carry NAME by the profile in bestow-server.toml. Works while
the server runs.

  --replace    give an identity that has a password a new one
  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --digest     the password is good for HTTP Digest too, for which it is kept
               so that the server could recover it, sealed by seal.key
  --ra         NAME is a registration authority (see identities add)
  --json       print what was done as JSON
)";

inline constexpr char kUsersRemove[] =
    R"(bestow-server users remove --state_dir=DIR NAME [--json]

Takes the password of the identity NAME away. The identity and its certificates
stay. Works while the server runs.

  --json       print what was done as JSON
)";

inline constexpr char kSecretsList[] =
    R"(bestow-server secrets list --state_dir=DIR [--json]

Lists the one-time secrets by number: whose, until when, and which certificate
each gave. The secrets themselves are not stored. Works while the server runs.

  --json       as a JSON array
)";

inline constexpr char kSecretsAdd[] =
    R"(bestow-server secrets add --state_dir=DIR NAME [--valid_for=24h]
    [--label=LABEL[,...]] [--digest] [--ra] [--json]

Makes a one-time secret for the identity NAME (which is added when it is new)
and prints it, alone, on stdout. A device enrolls with NAME and the secret in
place of a password, once: the secret is then bound to the device's key. Works
while the server runs.

  --valid_for  how long it can be used for the first time: 24h, 7d, 30m
  --label      what NAME is good for beside what it has; "." is the service
               without a label, which a new identity gets when none is given
  --digest     the secret is good for HTTP Digest too (see users add)
  --ra         NAME is a registration authority (see identities add)
  --json       print what was done as JSON
)";

inline constexpr char kSecretsRemove[] =
    R"(bestow-server secrets remove --state_dir=DIR ID [--json]

Removes the one-time secret with the number ID of `secrets list`. Works while
the server runs.

  --json       print what was done as JSON
)";

inline constexpr char kPsksList[] =
    R"(bestow-server psks list --state_dir=DIR [--json]

Lists the pre-shared keys by their identifiers. Works while the server runs.

  --json       as a JSON array
)";

inline constexpr char kPsksAdd[] =
    R"(bestow-server psks add --state_dir=DIR NAME [--key_file=FILE]
    [--label=LABEL[,...]] [--json]

Makes a pre-shared key for the identity NAME and prints its identifier and the
key, in hexadecimal, once. A client that puts the identifier into its request as
DecryptKeyIdentifier gets keys of /serverkeygen encrypted with it (RFC 7030
4.4.1.1). Works while the server runs.

  --key_file   the key, 16, 24 or 32 octets in hexadecimal, in place of a new
               one; it is not printed
  --label      what NAME is good for beside what it has (see identities add)
  --json       print what was done as JSON
)";

inline constexpr char kPsksRemove[] =
    R"(bestow-server psks remove --state_dir=DIR KEY_IDENTIFIER [--json]

Removes a pre-shared key. Works while the server runs.

  --json       print what was done as JSON
)";

}  // namespace bestow::server

#endif  // SERVER_ADMIN_IDENTITY_PAGES_H_
