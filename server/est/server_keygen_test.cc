// /serverkeygen (RFC 7030 4.4): what comes back can be opened by whom it is
// for, and what can't be had is refused.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/cms/decrypt.h"
#include "common/cms/enveloped_data.h"
#include "common/cms/server_generated_key.h"
#include "common/cms/smime_capabilities.h"
#include "common/crypto/public_key.h"
#include "common/est/multipart.h"
#include "common/est/transfer_encoding.h"
#include "common/pki/certs_only.h"
#include "common/pki/oids.h"
#include "gtest/gtest.h"
#include "server/auth/sealed_records.h"
#include "server/est/service_fixture.h"
#include "server/store/database_dump.h"

namespace bestow::server {
namespace {

// The parts of a reply.
struct Reply {
  std::string key_type;
  Bytes key;
  Certificate certificate;
};

class ServerKeygenTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ServiceFixture::SetUp();
    config_.service.enrollment.server_keys = true;
    Configure(config_);
    AddUser("gw-18", kPassword);
  }

  HttpResponse Ask(const Pkcs10Template& wanted) {
    return Post("serverkeygen", MakeCsr(*device_, wanted),
                Basic("gw-17", kPassword));
  }

  static Reply Read(const HttpResponse& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    const std::string type = HeaderOf(response, "Content-Type");
    EXPECT_TRUE(absl::StartsWith(type, "multipart/mixed")) << type;
    Reply reply;
    const auto boundary = est::ParseBoundary(type);
    EXPECT_TRUE(boundary.ok()) << boundary.status();
    const auto message =
        est::ParseMultipart(response.body, boundary.value_or(""));
    EXPECT_TRUE(message.ok()) << message.status();
    if (!message.ok() || message->parts.size() != 2) {
      ADD_FAILURE() << response.body;
      return reply;
    }
    for (const est::MultipartPart& part : message->parts) {
      EXPECT_EQ(est::FindHeader(part, "Content-Transfer-Encoding"), "base64");
    }
    reply.key_type = *est::FindHeader(message->parts[0], "Content-Type");
    reply.key = *est::DecodeBody(message->parts[0].body);
    EXPECT_EQ(est::FindHeader(message->parts[1], "Content-Type"),
              "application/pkcs7-mime; smime-type=certs-only");
    auto certs = ParseCertsOnlyDer(*est::DecodeBody(message->parts[1].body));
    EXPECT_TRUE(certs.ok()) << certs.status();
    if (!certs.ok()) return reply;
    EXPECT_EQ(certs->certificates.size(), 1u);
    reply.certificate = certs->certificates.at(0);
    return reply;
  }

  static Bytes SpkiOf(const Secret& pkcs8) {
    auto key = SoftwareSigner::FromPkcs8Der(pkcs8.bytes());
    EXPECT_TRUE(key.ok()) << key.status();
    return key.ok() ? (*key)->public_key_spki() : Bytes{};
  }

  // The private key in the envelope's content, signed by the CA.
  Secret Unpack(const cms::EnvelopedData& data, const Secret& content) {
    auto opened = cms::OpenSignedKeyPackage(data.content_type, content.bytes());
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (!opened.ok()) return Secret();
    EXPECT_EQ(opened->signer, ca_->certificate());
    return std::move(opened->pkcs8);
  }

  cms::EnvelopedData Envelope(const Reply& reply) {
    EXPECT_EQ(reply.key_type,
              "application/pkcs7-mime; smime-type=server-generated-key");
    auto data = cms::ParseEnvelopedDataDer(reply.key);
    EXPECT_TRUE(data.ok()) << data.status();
    return data.value_or(cms::EnvelopedData{});
  }

  void AddSharedKey(const std::string& name, const Bytes& identifier,
                    const Bytes& key) {
    const auto sealed =
        SealPreSharedKey(*sealer_, name, identifier, Secret(Bytes(key)));
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    ASSERT_TRUE(
        store_->AddPreSharedKey(name, identifier, *sealed, clock_.Now()).ok());
  }

  // A certificate of gw-17's for `key` with these usages.
  Certificate Certify(SoftwareSigner& key, uint32_t usage) {
    config_.service.profile.key_usage = usage;
    Configure(config_);
    const Certificate certificate =
        IssuedBy(Enroll(MakeCsr(key, ""), Basic("gw-17", kPassword)));
    return certificate;
  }

  void ExpectRefused(const HttpResponse& response, int status,
                     std::string_view problem, std::string_view reason) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_TRUE(
        absl::StrContains(log_.back(), absl::StrCat("problem=", problem)))
        << log_.back();
    EXPECT_TRUE(absl::StrContains(response.body, reason)) << response.body;
  }

  Config config_;
};

// 4.4.1: the type and size of the CSR's key; the key itself is another.
TEST_F(ServerKeygenTest, MakesAKeyOfTheTypeAndSizeThatTheRequestHas) {
  for (KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048,
                       KeyType::kRsa3072}) {
    device_ = *SoftwareSigner::Generate(type);
    const Reply reply = Read(Ask(Wish(*device_, "CN=x")));
    EXPECT_EQ(reply.key_type, "application/pkcs8");
    auto key = SoftwareSigner::FromPkcs8Der(reply.key);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ((*key)->type(), type);
    EXPECT_EQ((*key)->public_key_spki(), reply.certificate.spki);
    EXPECT_NE(reply.certificate.spki, device_->public_key_spki());
    EXPECT_EQ(reply.certificate.subject.ToText(), "CN=gw-17");
    auto record = store_->FindCertificate(reply.certificate.serial);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_TRUE(record->server_key);
    EXPECT_EQ(record->operation, "serverkeygen");
    EXPECT_EQ(record->certificate, reply.certificate.der);
  }
}

// 4.4.1: "the server MUST ignore the public key values and signature".
TEST_F(ServerKeygenTest, IgnoresTheRequestsKeyAndSignature) {
  Bytes der = MakeCsrDer(*device_, Wish(*device_, "CN=x"));
  der.back() ^= 1;
  Read(Post("serverkeygen", est::EncodeBody(der), Basic("gw-17", kPassword)));
  // Elsewhere it does not pass.
  EXPECT_EQ(Enroll(est::EncodeBody(der), Basic("gw-17", kPassword)).status,
            400);
}

TEST_F(ServerKeygenTest, KeepsNoCopyOfTheKey) {
  const Reply reply = Read(Ask(Wish(*device_, "CN=x")));
  auto dump = DumpDatabase(database_);
  ASSERT_TRUE(dump.ok()) << dump.status();
  const std::string hex = absl::AsciiStrToUpper(
      absl::BytesToHexString(ToText(reply.certificate.serial)));
  EXPECT_TRUE(absl::StrContains(*dump, hex));
  // The private scalar: 32 octets after "02 01 01 04 20" (RFC 5915 3).
  const std::string key = ToText(reply.key);
  const size_t at = key.find("\x02\x01\x01\x04\x20");
  ASSERT_NE(at, std::string::npos);
  EXPECT_FALSE(absl::StrContains(
      *dump,
      absl::AsciiStrToUpper(absl::BytesToHexString(key.substr(at + 5, 32)))));
  for (const std::string& line : log_) {
    EXPECT_FALSE(
        absl::StrContains(line, absl::Base64Escape(key).substr(0, 64)));
  }
}

// 4.4.1.1, 4.4.2: KEKRecipientInfo with the identifier of the request.
TEST_F(ServerKeygenTest, EncryptsToThePreSharedKeyThatTheRequestNames) {
  for (size_t size : {16, 24, 32}) {
    const Bytes identifier = ToBytes(AsBytes(absl::StrCat("psk-", size)));
    AddSharedKey("gw-17", identifier, Bytes(size, 9));
    Pkcs10Template wanted = Wish(*device_, "CN=x");
    wanted.decrypt_key_identifier = identifier;
    const Reply reply = Read(Ask(wanted));
    const cms::EnvelopedData data = Envelope(reply);
    ASSERT_EQ(data.recipients.size(), 1u);
    EXPECT_EQ(data.recipients[0].kind, cms::RecipientInfo::Kind::kKek);
    EXPECT_EQ(data.recipients[0].kek_identifier, identifier);
    auto content =
        cms::DecryptWithKek(data, identifier, Secret(Bytes(size, 9)));
    ASSERT_TRUE(content.ok()) << content.status();
    EXPECT_EQ(SpkiOf(Unpack(data, *content)), reply.certificate.spki);
    EXPECT_FALSE(
        cms::DecryptWithKek(data, identifier, Secret(Bytes(size, 8))).ok());
  }
}

// 4.4.1.2, 4.4.2: key transport for RSA, key agreement for EC.
TEST_F(ServerKeygenTest, EncryptsToTheCertifiedKeyThatTheRequestNames) {
  for (KeyType type : {KeyType::kRsa2048, KeyType::kEcP256, KeyType::kEcP384}) {
    auto holder = *SoftwareSigner::Generate(type);
    const Certificate certificate =
        Certify(*holder, kDigitalSignature | kKeyEncipherment | kKeyAgreement);
    auto decryptor =
        cms::SoftwareKeyDecryptor::FromPkcs8Der(holder->ToPkcs8Der()->bytes());
    ASSERT_TRUE(decryptor.ok()) << decryptor.status();
    const Sha256Digest key_hash = Sha256(certificate.spki);
    for (const Bytes& identifier : {certificate.subject_key_id,
                                    Bytes(key_hash.begin(), key_hash.end())}) {
      Pkcs10Template wanted = Wish(*device_, "CN=x");
      wanted.asymmetric_decrypt_key_identifier = identifier;
      wanted.smime_capabilities =
          *cms::SerializeSmimeCapabilitiesDer(cms::OurCapabilities());
      const Reply reply = Read(Ask(wanted));
      const cms::EnvelopedData data = Envelope(reply);
      ASSERT_EQ(data.recipients.size(), 1u);
      EXPECT_EQ(data.recipients[0].kind,
                type == KeyType::kRsa2048
                    ? cms::RecipientInfo::Kind::kKeyTransport
                    : cms::RecipientInfo::Kind::kKeyAgreement);
      EXPECT_EQ(data.recipients[0].id.subject_key_id,
                certificate.subject_key_id);
      auto content = cms::DecryptWithPrivateKey(data, cms::NamesOf(certificate),
                                                **decryptor);
      ASSERT_TRUE(content.ok()) << content.status();
      EXPECT_EQ(SpkiOf(Unpack(data, *content)), reply.certificate.spki);
    }
  }
}

// 4.4.1: "If the server does not have a ... key matching the identifier ...
// the request MUST be terminated and an error returned to the client."
TEST_F(ServerKeygenTest, RefusesKeysThatItDoesNotHaveOrThatAreNotFit) {
  AddSharedKey("gw-17", Bytes{1}, Bytes(16, 9));
  AddSharedKey("gw-18", Bytes{2}, Bytes(16, 9));
  const std::string before = Dump();
  Pkcs10Template wanted = Wish(*device_, "CN=x");
  for (const Bytes& identifier : {Bytes{2}, Bytes{3}, Bytes{1, 0}}) {
    wanted.decrypt_key_identifier = identifier;
    ExpectRefused(Ask(wanted), 400, "unknown-key-id",
                  "names no pre-shared key of this identity");
  }
  wanted.decrypt_key_identifier = Bytes{1};
  wanted.asymmetric_decrypt_key_identifier = Bytes(20, 1);
  ExpectRefused(Ask(wanted), 400, "bad-request", "leave one out");
  wanted.decrypt_key_identifier.reset();
  ExpectRefused(Ask(wanted), 400, "unknown-key-id",
                "names no key that this server has certified");
  EXPECT_EQ(Dump(), before);

  auto holder = *SoftwareSigner::Generate();
  const Certificate unfit = Certify(*holder, kDigitalSignature);
  wanted.asymmetric_decrypt_key_identifier = unfit.subject_key_id;
  ExpectRefused(Ask(wanted), 400, "unknown-key-id",
                "names a key that can't decrypt another");
  auto other = *SoftwareSigner::Generate();
  const Certificate fit = Certify(*other, kDigitalSignature | kKeyAgreement);
  wanted.asymmetric_decrypt_key_identifier = fit.subject_key_id;
  Read(Ask(wanted));
  // Not for another identity, and not after its end.
  ExpectRefused(Post("serverkeygen", MakeCsr(*device_, wanted),
                     Basic("gw-18", kPassword)),
                400, "unknown-key-id", "names no key");
  clock_.Advance(absl::Hours(24 * 91));
  ExpectRefused(Ask(wanted), 400, "unknown-key-id",
                "whose certificate is not valid now");
}

TEST_F(ServerKeygenTest, UsesTheAlgorithmsThatTheRequestLists) {
  AddSharedKey("gw-17", Bytes{1}, Bytes(32, 9));
  Pkcs10Template wanted = Wish(*device_, "CN=x");
  wanted.decrypt_key_identifier = Bytes{1};
  const auto list = [&](std::vector<der::Oid> oids) {
    cms::SmimeCapabilities capabilities;
    for (der::Oid& oid : oids) {
      capabilities.list.push_back({std::move(oid), {}});
    }
    wanted.smime_capabilities =
        *cms::SerializeSmimeCapabilitiesDer(capabilities);
  };
  list({oids::Aes128Cbc(), oids::Aes256Wrap()});
  EXPECT_EQ(Envelope(Read(Ask(wanted))).encryption.cipher,
            cms::ContentCipher::kAes128Cbc);
  list({oids::Aes256Cbc(), oids::Aes256Wrap()});
  EXPECT_EQ(Envelope(Read(Ask(wanted))).encryption.cipher,
            cms::ContentCipher::kAes256Cbc);
  // Nothing in common: triple DES; and a wrap that is not the key's.
  list({der::OidLiteral("1.2.840.113549.3.7")});
  ExpectRefused(Ask(wanted), 400, "no-common-algorithm", "");
  list({oids::Aes128Cbc(), oids::Aes128Wrap()});
  ExpectRefused(Ask(wanted), 400, "no-common-algorithm", "");
  wanted.smime_capabilities = Bytes{0x30, 0x02, 0x05, 0x00};
  ExpectRefused(Ask(wanted), 400, "bad-request", "SMIMECapabilities");
}

TEST_F(ServerKeygenTest, RefusesWhatTheLabelDoesNotOffer) {
  auto p521 = *SoftwareSigner::Generate(KeyType::kEd25519);
  ExpectRefused(
      Post("serverkeygen", MakeCsr(*p521, "CN=x"), Basic("gw-17", kPassword)),
      403, "key-type", "ec-p256, ec-p384, rsa-2048 and rsa-3072");
  config_.service.profile.key_types = {KeyType::kEcP384};
  Configure(config_);
  ExpectRefused(Ask(Wish(*device_, "CN=x")), 403, "key-type", "ec-p384");
  config_.service.profile.key_types = {KeyType::kEcP256};
  Configure(config_);
  Read(Ask(Wish(*device_, "CN=x")));
  config_.service.enrollment.server_keys = false;
  Configure(config_);
  ExpectRefused(Ask(Wish(*device_, "CN=x")), 404, "not-offered",
                "/simpleenroll");
}

// 4.4: "The EST server MUST authenticate the client".
TEST_F(ServerKeygenTest, RefusesWhoIsNotKnown) {
  const std::string body = MakeCsr(*device_, "CN=x");
  ExpectRefused(Post("serverkeygen", body, ""), 401, "no-credentials", "");
  ExpectRefused(Post("serverkeygen", body, Basic("gw-17", "wrong")), 401,
                "wrong-credentials", "");
  // 4.4.2: a plaintext message.
  const HttpResponse response =
      Post("serverkeygen", "!", Basic("gw-17", kPassword));
  ExpectRefused(response, 400, "bad-encoding", "not base64");
  EXPECT_EQ(HeaderOf(response, "Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(RecordCount(), 0u);
}

// A reply that is lost loses its key: the secret is spent.
TEST_F(ServerKeygenTest, GivesOneKeyForAOneTimeSecret) {
  const std::string body = MakeCsr(*device_, "CN=x");
  const std::string auth = Basic("gw-17", kSecret);
  Read(Post("serverkeygen", body, auth));
  ExpectRefused(Post("serverkeygen", body, auth), 403, "secret-spent", "");
  EXPECT_EQ(RecordCount(), 1u);
}

}  // namespace
}  // namespace bestow::server
