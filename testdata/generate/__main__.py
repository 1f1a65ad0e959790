"""Writes the cases of testdata/ again (`python3 testdata/generate`).

Keys and signatures come out new each time; with --missing, the files that are
there stay, and only those that are not are written. The cases with rfc and draft in
their names are copied from those documents and are left alone.
"""

import sys

import admin
import asn1
import backup
import bodies
import certificates
import cms
import credentials
import passphrases
import requests
import revocation
import tpm_files
from asn1 import ec, load, rsa, Key, ext, seq, boolean, integer, bits, octets, BC, KEY_USAGE, SKI

asn1.missing_only = "--missing" in sys.argv[1:]
keys = {
    "ca": ec("P-256"), "p256": ec("P-256"), "p256b": ec("P-256"), "p384": ec("P-384"),
    "p521": ec("P-521"), "p224": ec("P-224"), "secp256k1": ec("secp256k1"),
    "rsa1024": rsa(1024), "rsa2047": rsa(2047), "rsa2048": rsa(2048), "rsa4096": rsa(4096),
    "rsa_e3": rsa(2048, 3), "ed25519": Key("-algorithm", "ED25519"),
}
certificates.certificates(keys)
keys["ca_certificate"] = certificates.certificate(keys["ca"], certificates.tbs(
    keys["ca"], ext(BC, seq(boolean(True)), True), ext(KEY_USAGE, bits(b"\x06", 1), True),
    ext(SKI, octets(b"a" * 20)), subject=requests.name("Test CA"), serial=integer(1)))
keys["small"] = certificates.certificate(keys["ca"], certificates.tbs(keys["p256"]))
for write in (requests.requests, requests.change_subject_names, requests.names, requests.extensions, requests.general_names,
              requests.public_keys, requests.private_keys, certificates.certs_only,
              bodies.csr_attrs, bodies.csr_template, bodies.transfer_encoding, bodies.multipart, bodies.server_key, bodies.renewal_info, bodies.paths,
              bodies.pem, bodies.der, credentials.challenges, credentials.authorizations,
              cms.enveloped_data, cms.signed_data, cms.key_packages, cms.smime_capabilities,
              passphrases.encrypted_pkcs8, passphrases.pkcs12,
              revocation.crls, revocation.ocsp_requests, revocation.ocsp_responses, revocation.ocsp_gets,
              revocation.authority_info_access, revocation.distribution_points, revocation.certificate_policies,
              revocation.name_constraints,
              admin.admin_json, backup.tar_header, backup.backup_manifest, backup.sealed_backup):
    write(keys)
for write in (tpm_files.sealed_blobs, tpm_files.sealed_keys):
    write(keys)
