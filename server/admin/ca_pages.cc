#include "server/admin/ca_pages.h"

// Flags that several commands have.
// clang-format off
#define BESTOW_RIGHTS_PAGE \
  "  --permit_dns, --permit_ip, --permit_email, --permit_uri, --permit_dirname\n" \
  "  --exclude_dns, --exclude_ip, --exclude_email, --exclude_uri, --exclude_dirname\n" \
  "               name constraints (RFC 5280 4.2.1.10), separated by commas:\n" \
  "               devices.example, 10.0.0.0/8; names of directories by semicolons\n" \
  "  --policy     certificate policies, as object identifiers; --cps=URL of them\n"
#define BESTOW_URLS_PAGE \
  "  --crl_url, --ca_issuers_url\n" \
  "               where the issuer publishes its CRL and its certificate (http)\n"
// clang-format on

namespace bestow::server {

const char kCaListPage[] = R"(bestow-server ca list --state_dir=DIR [--json]

Lists the CAs of the state folder: where each issues, until when, and how its
key is kept. Opens no key.

  --json       as a JSON array
)";

const char kCaShowPage[] =
    R"(bestow-server ca show [--state_dir=DIR] NAME [--json]

Shows a CA: its chain, path length and name constraints, and fingerprints that
agents can pin. Opens no key. NAME is ca, or one of cas/, or the path of a CA's
folder, like ./root.

  --json       as a JSON object
)";

const char kCaCreatePage[] =
    R"(bestow-server ca create [--state_dir=DIR] NAME [--ca_name="NAME"]
    [--kind=standalone | --kind=root | --issuer=NAME] [--key_type=ec-p256]
    [--key_storage=file] [--validity=DURATION] [--path_length=N] ...

Makes a CA in DIR/cas/NAME, or in a folder of its own when NAME is a path, like
./root: a root that is to stay off the network. Prints SHA-256 fingerprints.

  --kind       standalone: a root that issues to devices itself (the default);
               root: one that signs issuing CAs; issuing: with --issuer
  --issuer     the root (NAME, or a path) that signs this CA; its key is needed
  --ca_name    the common name; --subject="O=Example,CN=Example CA" is all of it
  --key_type   ec-p256, ec-p384, rsa-2048, rsa-3072 or ed25519
  --key_storage
               file, or tpm: made in this machine's TPM, which it never leaves
  --passphrase_file
               encrypts the key in a file under the passphrase that is FILE's
               one line (in a state folder: what [ca_keys] in its config says)
  --from_passphrase_file
               that of the issuer's key
  --tpm        where the TPM is (as [ca_keys] says, else device:/dev/tpmrm0)
  --validity   such as 3650d (default: roots 20 years, else 10; never longer
               than the issuer's)
  --path_length
               how many CAs may stand below it: 0, 1, ... or none for any
               (default: 1 of --kind=root, else 0)
)" BESTOW_RIGHTS_PAGE BESTOW_URLS_PAGE;

const char kCaRequestPage[] =
    R"(bestow-server ca request [--state_dir=DIR] NAME [--ca_name="NAME"]
    [--key_type=ec-p256] [--key_storage=file] [--path_length=0] ...

Makes a CA's key in DIR/cas/NAME (or in the folder NAME, when it is a path), and
beside it request.pem, for a root elsewhere to sign. `ca import` brings the
certificate. What the CA is to be stands in the request; the root decides.

  --ca_name    the common name; --subject="O=Example,CN=Example CA" is all of it
  --key_type, --key_storage, --passphrase_file, --tpm
               of the key, as `ca create` has them
  --path_length
               how many CAs may stand below it: 0, 1, ... or none for any
)" BESTOW_RIGHTS_PAGE;

const char kCaSignRequestPage[] =
    R"(bestow-server ca sign-request [--state_dir=DIR] NAME --csr=FILE --out=FILE
    [--passphrase_file=FILE] [--validity=DURATION] [--path_length=N] ...

Signs the request of a CA that is to stand below NAME, a root of `ca create
--kind=root`, and writes its certificate and chain, for `ca import`. Of what the
request asks, the name counts, and a path length and name constraints that fit;
the flags say otherwise.

  --csr        the request, in PEM
  --out        the new file with the chain
  --passphrase_file, --tpm
               of NAME's key
  --ca_name, --subject
               another name than the request's
  --validity   such as 3650d (default: 10 years; never longer than NAME's)
  --path_length
               how many CAs may stand below it: 0, 1, ... or none for any
)" BESTOW_RIGHTS_PAGE BESTOW_URLS_PAGE;

const char kCaImportPage[] =
    R"(bestow-server ca import [--state_dir=DIR] NAME --chain=FILE [--replace]
    [--passphrase_file=FILE] [--tpm=device:/dev/tpmrm0]

Brings the CA of `ca request`, or the next key of `ca rollover`, its
certificate. The chain is checked as clients will check it before anything is
written.

  --chain      the CA's certificate and every issuer up to the self-signed root,
               in PEM, in any order; in a rollover to another root, with the
               link certificates between the two
  --replace    puts a renewed certificate, of the same key and name, in the
               place of one that is there
  --passphrase_file, --tpm
               of the key (default: as [ca_keys] in the config says)
)";

const char kCaImportKeyPage[] =
    R"(bestow-server ca import-key [--state_dir=DIR] NAME --key_file=FILE |
    --pkcs12=FILE [--chain=FILE] [--from_passphrase_file=FILE]

Takes over a CA that was made elsewhere, as DIR/cas/NAME (or the folder NAME,
when it is a path). Key and chain are checked before anything is written.

  --key_file   its key in PEM: PKCS#8, also under a passphrase, or a TSS2
               PRIVATE KEY of this machine's TPM
  --pkcs12     a PKCS#12 file with key and certificates
  --chain      its certificate and every issuer, as far as they are not in the
               PKCS#12
  --from_passphrase_file
               what the key or the PKCS#12 is under now
  --passphrase_file
               what the key is put under here (default: as [ca_keys] says)
  --tpm        where the TPM is (likewise)
)";

}  // namespace bestow::server
