-- A database of schema 3, as the server of that time left it: that of
-- schema2.sql brought up, with one row more in each new table, and two renewals
-- of the certificate (the reply to the first was lost; it was revoked then).
-- Nothing trusts any of it.
PRAGMA journal_mode=WAL;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE certificates (
  id          INTEGER PRIMARY KEY,
  serial      BLOB NOT NULL UNIQUE,
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  operation   TEXT NOT NULL,
  subject     TEXT NOT NULL,
  not_before  INTEGER NOT NULL,
  not_after   INTEGER NOT NULL,
  issued_at   INTEGER NOT NULL,
  key_sha256  BLOB NOT NULL,
  certificate BLOB NOT NULL
, label TEXT NOT NULL DEFAULT '', server_key INTEGER NOT NULL DEFAULT 0, subject_key_id BLOB NOT NULL DEFAULT x'', issuer_key_id BLOB NOT NULL DEFAULT x'', revoked_at INTEGER, revocation_reason INTEGER, invalidity_date INTEGER, revocation_changed_at INTEGER, replaced_by INTEGER REFERENCES certificates (id)
  DEFERRABLE INITIALLY IMMEDIATE) STRICT;
INSERT INTO certificates VALUES(1,X'533d8f736bf9897c3006ad33d26d6fc74d',2,'simpleenroll','CN=gw-17',1795260831,1803037131,1795261131,X'05db19b68b9e05387401ef3c0e1c3565801c610ea6e7954b129c7963e0db715c',X'308201943082013ba0030201020211533d8f736bf9897c3006ad33d26d6fc74d300a06082a8648ce3d0403023011310f300d06035504030c064f6c64204341301e170d3236313132313131333335315a170d3237303231393131333835315a3010310e300c06035504030c0567772d31373059301306072a8648ce3d020106082a8648ce3d030107034200048572d887c0b44c764de7a27c25b2bf471d4d81278e7077e0c5604633d58d9a089d01a70659c8e2d33b0414c94786540b43edfc954d634d147f3a85dc515a06a4a3753073301d0603551d0e041604145185578c8a16f27b6c989aaa4c2c2b423c468382301f0603551d23041830168014b7efcfbd332c575636fa3637c63c99a42b745600300c0603551d130101ff04023000300e0603551d0f0101ff04040302078030130603551d25040c300a06082b06010505070302300a06082a8648ce3d0403020347003044022031fe7211cf89c1e85f709658748adbc73de17c505cbada76e586b012401b326302200dcf813b9b44eb079c2761122affee2b70513d5555f9f6959d0414c979f38b81','',0,X'5185578c8a16f27b6c989aaa4c2c2b423c468382',X'b7efcfbd332c575636fa3637c63c99a42b745600',NULL,NULL,NULL,NULL,3);
INSERT INTO certificates VALUES(2,X'4a02',2,'simplereenroll','CN=gw-17',1795260831,1803037131,1795261132,X'b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2',X'3000','',0,X'b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2',X'b7efcfbd332c575636fa3637c63c99a42b745600',1795261300,1,NULL,1795261300,3);
INSERT INTO certificates VALUES(3,X'4a03',2,'simplereenroll','CN=gw-17',1795260831,1803037131,1795261133,X'b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3',X'3000','',0,X'b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3',X'b7efcfbd332c575636fa3637c63c99a42b745600',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE digest_secrets (
  id          INTEGER PRIMARY KEY,
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  secret_id   INTEGER REFERENCES secrets (id),  -- NULL: of the password
  realm       TEXT NOT NULL,
  algorithm   TEXT NOT NULL,
  sealed_ha1  BLOB NOT NULL
) STRICT;
INSERT INTO digest_secrets VALUES(1,1,NULL,'Bestow','MD5',X'05');
CREATE TABLE identities (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  password   TEXT,              -- scrypt, see auth/password.h; NULL: none
  created_at INTEGER NOT NULL
, is_ra INTEGER NOT NULL DEFAULT 0, removed_at INTEGER) STRICT;
INSERT INTO identities VALUES(1,'alice','scrypt$14$8$1$359ea970809fa4d16381f94c8a17d129$a57f0f4acf93f8008a04f59b501bb790e2010cb8f2a42fd508d9eb7d7714e4e6',1795261129,1,NULL);
INSERT INTO identities VALUES(2,'gw-17',NULL,1795261129,0,NULL);
INSERT INTO identities VALUES(3,'gw-18',NULL,1795261129,0,NULL);
CREATE TABLE identity_labels (
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  label       TEXT NOT NULL,
  PRIMARY KEY (identity_id, label)
) STRICT, WITHOUT ROWID;
INSERT INTO identity_labels VALUES(1,'');
INSERT INTO identity_labels VALUES(2,'');
INSERT INTO identity_labels VALUES(2,'plant');
INSERT INTO identity_labels VALUES(3,'');
CREATE TABLE pending_requests (
  id             INTEGER PRIMARY KEY,
  label          TEXT NOT NULL,
  identity_id    INTEGER NOT NULL REFERENCES identities (id),
  key_sha256     BLOB NOT NULL,
  subject_der    BLOB NOT NULL,
  operation      TEXT NOT NULL,
  subject        TEXT NOT NULL,
  csr            BLOB NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  state          TEXT NOT NULL,
  reason         TEXT NOT NULL DEFAULT '',
  decided_at     INTEGER,
  certificate_id INTEGER REFERENCES certificates (id),
  UNIQUE (identity_id, label, operation, key_sha256, subject_der)
) STRICT;
INSERT INTO pending_requests VALUES(1,'plant',3,X'0a0b',X'3000','simpleenroll','CN=gw-18',X'3001',1795261150,1995261150,'waiting','',NULL,NULL);
CREATE TABLE pre_shared_keys (
  id             INTEGER PRIMARY KEY,
  key_identifier BLOB NOT NULL UNIQUE,
  identity_id    INTEGER NOT NULL REFERENCES identities (id),
  sealed_key     BLOB NOT NULL,
  created_at     INTEGER NOT NULL
) STRICT;
INSERT INTO pre_shared_keys VALUES(1,X'0102',2,X'0304',1795261140);
CREATE TABLE renewal_orders (
  id            INTEGER PRIMARY KEY,
  label         TEXT,
  issued_before INTEGER NOT NULL,
  window_start  INTEGER NOT NULL,
  window_end    INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT;
INSERT INTO renewal_orders VALUES(1,NULL,1795261200,1795261200,1795264800,1795261200);
CREATE TABLE secrets (
  id               INTEGER PRIMARY KEY,
  identity_id      INTEGER NOT NULL REFERENCES identities (id),
  secret_sha256    BLOB NOT NULL UNIQUE,
  created_at       INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  bound_key_sha256 BLOB,
  bound_at         INTEGER,
  certificate_id   INTEGER REFERENCES certificates (id)
) STRICT;
INSERT INTO secrets VALUES(1,2,X'dcee2a7432d3322db273f275cde7e233e493b1f2148160fc1e959f8ea5c6ea8b',1795261129,1795347529,X'05db19b68b9e05387401ef3c0e1c3565801c610ea6e7954b129c7963e0db715c',1795261131,1);
INSERT INTO secrets VALUES(2,3,X'89b9c0ea88ea9f93c980680d3143b3b8e12d20e3aa12a38689bf613c5f54bcea',1795261129,1795347529,NULL,NULL,NULL);
CREATE TABLE crls (
  id            INTEGER PRIMARY KEY,
  issuer_key_id BLOB NOT NULL,
  number        INTEGER NOT NULL,
  base_number   INTEGER,              -- NULL: a full one
  this_update   INTEGER NOT NULL,
  next_update   INTEGER NOT NULL,
  der           BLOB NOT NULL
) STRICT;
INSERT INTO crls VALUES(1,X'b7efcfbd332c575636fa3637c63c99a42b745600',1,NULL,1795261300,1795264900,X'3001');
CREATE TABLE trust_anchors (
  id          INTEGER PRIMARY KEY,
  label       TEXT NOT NULL,
  name        TEXT NOT NULL,
  certificate BLOB NOT NULL,
  added_at    INTEGER NOT NULL,
  UNIQUE (label, name)
) STRICT;
INSERT INTO trust_anchors VALUES(1,'','acme',X'3002',1795261130);
CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO settings VALUES('site',X'0102');
CREATE TABLE digest_nonces (
  id         BLOB NOT NULL PRIMARY KEY,
  highest    INTEGER NOT NULL,
  seen       INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO digest_nonces VALUES(X'01',1,1,1795261500);
CREATE TABLE audit_log (
  sequence INTEGER NOT NULL PRIMARY KEY,
  at_ms    INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  source   TEXT NOT NULL,
  action   TEXT NOT NULL,
  outcome  TEXT NOT NULL,
  label    TEXT NOT NULL,
  subject  TEXT NOT NULL,
  detail   TEXT NOT NULL,
  serial   BLOB NOT NULL,
  hash     BLOB NOT NULL
) STRICT;
INSERT INTO audit_log VALUES(1,1795261131000,'gw-17','192.0.2.7','simpleenroll','issued','','gw-17','CN=gw-17',X'533d8f736bf9897c3006ad33d26d6fc74d',X'0000000000000000000000000000000000000000000000000000000000000000');
CREATE INDEX certificates_by_key ON certificates (key_sha256);
CREATE INDEX digest_secrets_by_identity ON digest_secrets (identity_id);
CREATE INDEX pending_by_label ON pending_requests (label, state);
CREATE INDEX certificates_by_identity
  ON certificates (identity_id, label, not_after);
CREATE INDEX certificates_revoked ON certificates (issuer_key_id, serial)
  WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_by_issuer ON certificates (issuer_key_id, not_after);
CREATE INDEX certificates_changed
  ON certificates (issuer_key_id, revocation_changed_at)
  WHERE revocation_changed_at IS NOT NULL;
CREATE INDEX secrets_by_identity ON secrets (identity_id);
CREATE INDEX digest_secrets_by_secret ON digest_secrets (secret_id);
CREATE INDEX pre_shared_keys_by_identity ON pre_shared_keys (identity_id);
CREATE INDEX pending_by_expiry ON pending_requests (expires_at);
CREATE UNIQUE INDEX crls_full ON crls (issuer_key_id, number)
  WHERE base_number IS NULL;
CREATE UNIQUE INDEX crls_delta ON crls (issuer_key_id, number)
  WHERE base_number IS NOT NULL;
CREATE INDEX digest_nonces_by_expiry ON digest_nonces (expires_at);
CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
COMMIT;
PRAGMA user_version=3;
