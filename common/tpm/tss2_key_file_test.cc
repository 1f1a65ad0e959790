#include "common/tpm/tss2_key_file.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/der/writer.h"
#include "common/tpm/key_policy.h"
#include "common/tpm/tpm_public.h"
#include "gtest/gtest.h"
#include "testdata/cases.h"

// tss2_key_fuzz.cc; ends the process on a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace bestow {
namespace {

TpmKey SomeKey() {
  TpmKey key;
  key.public_blob = SerializeTpmPublic({.attributes = kEcKeyAttributes,
                                        .x = Bytes(32, 0x11),
                                        .y = Bytes(32, 0x22)});
  key.private_blob = {0x00, 0x03, 0xaa, 0xbb, 0xcc};
  return key;
}

// What a file holds between the type and the parent is the test's.
Bytes Build(std::string_view type,
            const std::function<void(der::Writer&)>& optional,
            const TpmKey& key = SomeKey()) {
  der::Writer writer;
  writer.AddSequence([&](der::Writer& out) {
    out.AddOid(der::OidLiteral(type));
    optional(out);
    out.AddUint(key.parent);
    out.AddOctetString(key.public_blob);
    out.AddOctetString(key.private_blob);
  });
  return *writer.Finish();
}

constexpr std::string_view kLoadable = "2.23.133.10.1.3";
constexpr der::Tag kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;

void EmptyAuth(der::Writer& out) {
  out.Add(kContext | 0, [](der::Writer& auth) { auth.AddBoolean(true); });
}

TEST(Tss2KeyFileTest, RoundTrip) {
  const TpmKey key = SomeKey();
  auto pem = SerializeTss2KeyPem(key);
  ASSERT_TRUE(pem.ok()) << pem.status();
  auto back = ParseTss2KeyPem(*pem);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, key);
  EXPECT_EQ(*SerializeTss2KeyDer(*back), Build(kLoadable, EmptyAuth));
}

TEST(Tss2KeyFileTest, WritesTheFieldsThatTpm2OpensslDoes) {
  // OID 2.23.133.10.1.3, [0] { TRUE }, INTEGER 0x40000001.
  const Bytes head = {0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01,
                      0x03, 0xa0, 0x03, 0x01, 0x01, 0xff, 0x02,
                      0x04, 0x40, 0x00, 0x00, 0x01};
  const Bytes der = *SerializeTss2KeyDer(SomeKey());
  EXPECT_EQ(Bytes(der.begin() + 2, der.begin() + 2 + head.size()), head);
}

TEST(Tss2KeyFileTest, SkipsADescription) {
  auto key = ParseTss2KeyDer(Build(kLoadable, [](der::Writer& out) {
    EmptyAuth(out);
    out.Add(kContext | 4, [](der::Writer& d) { d.AddUtf8String("gw-17"); });
  }));
  EXPECT_TRUE(key.ok()) << key.status();
}

TEST(Tss2KeyFileTest, RejectsWhatNeedsMoreThanLoading) {
  EXPECT_FALSE(ParseTss2KeyDer(Build("2.23.133.10.1.4", EmptyAuth)).ok());
  EXPECT_FALSE(ParseTss2KeyDer(Build(kLoadable, [](der::Writer&) {})).ok());
  for (unsigned tag : {1u, 2u, 3u}) {
    EXPECT_FALSE(
        ParseTss2KeyDer(Build(kLoadable,
                              [&](der::Writer& out) {
                                EmptyAuth(out);
                                out.Add(kContext | tag, [](der::Writer& field) {
                                  field.AddOctetString(Bytes{1});
                                });
                              }))
            .ok())
        << tag;
  }
  EXPECT_FALSE(ParseTss2KeyDer(Build(kLoadable, [](der::Writer& out) {
                 EmptyAuth(out);
                 out.Add(kContext | 5,
                         [](der::Writer& rsa) { rsa.AddBoolean(true); });
               })).ok());
}

TpmKey ProtectedKey(bool wants_auth) {
  TpmKey key = SomeKey();
  key.wants_auth = wants_auth;
  key.pcr_policy = PcrPolicy{.pcrs = {7, 16}, .digest = Bytes(32, 0x33)};
  key.public_blob =
      SerializeTpmPublic({.attributes = kEcKeyAttributes & ~kUserWithAuth,
                          .policy = PolicyDigest(*key.pcr_policy, wants_auth),
                          .x = Bytes(32, 0x11),
                          .y = Bytes(32, 0x22)});
  return key;
}

TEST(Tss2KeyFileTest, ProtectedKeysAreForWhoAsksForThem) {
  TpmKey password = SomeKey();
  password.wants_auth = true;
  for (const TpmKey& key :
       {password, ProtectedKey(false), ProtectedKey(true)}) {
    const std::string pem = *SerializeTss2KeyPem(key);
    EXPECT_FALSE(ParseTss2KeyPem(pem).ok());
    auto back = ParseProtectedTss2KeyPem(pem);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, key);
  }
  auto plain = ParseProtectedTss2KeyPem(*SerializeTss2KeyPem(SomeKey()));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(*plain, SomeKey());
  EXPECT_FALSE(plain->wants_auth);
}

TEST(Tss2KeyFileTest, RejectsPoliciesThatAreNotTheKeys) {
  struct Command {
    uint32_t code;
    Bytes parameters;
  };
  auto build = [](const TpmKey& key, const std::vector<Command>& commands) {
    return Build(
        kLoadable,
        [&](der::Writer& out) {
          out.Add(kContext | 0,
                  [&](der::Writer& auth) { auth.AddBoolean(!key.wants_auth); });
          out.Add(kContext | 1, [&](der::Writer& field) {
            field.AddSequence([&](der::Writer& policy) {
              for (const Command& c : commands) {
                policy.AddSequence([&](der::Writer& command) {
                  command.Add(kContext | 0,
                              [&](der::Writer& code) { code.AddUint(c.code); });
                  command.Add(kContext | 1, [&](der::Writer& parameters) {
                    parameters.AddOctetString(c.parameters);
                  });
                });
              }
            });
          });
        },
        key);
  };
  const TpmKey key = ProtectedKey(false);
  const TpmKey with_auth = ProtectedKey(true);
  const Bytes pcrs = SerializePcrPolicy(*key.pcr_policy);
  const Command pcr = {kCommandPolicyPcr, pcrs};
  const Command auth = {kCommandPolicyAuthValue, {}};
  EXPECT_TRUE(ParseProtectedTss2KeyDer(build(key, {pcr})).ok());
  EXPECT_TRUE(ParseProtectedTss2KeyDer(build(with_auth, {pcr, auth})).ok());
  PcrPolicy other = *key.pcr_policy;
  other.digest[0] ^= 1;
  const std::vector<std::vector<Command>> kWrong = {
      {},
      {auth},
      {pcr, pcr},
      {pcr, auth},
      {{kCommandPolicyPcr, Bytes(3, 1)}},
      {{0x160, pcrs}},
      {{kCommandPolicyPcr, SerializePcrPolicy(other)}},
  };
  for (size_t i = 0; i < kWrong.size(); ++i) {
    EXPECT_FALSE(ParseProtectedTss2KeyDer(build(key, kWrong[i])).ok()) << i;
  }
  for (const std::vector<Command>& wrong : std::vector<std::vector<Command>>{
           {pcr},
           {auth, pcr},
           {pcr, auth, auth},
           {pcr, {kCommandPolicyAuthValue, Bytes(1, 0)}}}) {
    EXPECT_FALSE(ParseProtectedTss2KeyDer(build(with_auth, wrong)).ok());
  }
}

TEST(Tss2KeyFileTest, RejectsBlobsWhoseSizeIsWrong) {
  TpmKey key = SomeKey();
  key.private_blob[1] = 4;
  EXPECT_FALSE(ParseTss2KeyDer(Build(kLoadable, EmptyAuth, key)).ok());
  key = SomeKey();
  key.private_blob = {0x00};
  EXPECT_FALSE(ParseTss2KeyDer(Build(kLoadable, EmptyAuth, key)).ok());
  key = SomeKey();
  key.public_blob.push_back(0);
  EXPECT_FALSE(ParseTss2KeyDer(Build(kLoadable, EmptyAuth, key)).ok());
}

TEST(Tss2KeyFileTest, RejectsEveryTruncationAndTrailingBytes) {
  Bytes der = Build(kLoadable, EmptyAuth);
  for (size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(ParseTss2KeyDer(ByteView(der.data(), size)).ok()) << size;
  }
  der.push_back(0);
  EXPECT_FALSE(ParseTss2KeyDer(der).ok());
}

TEST(Tss2KeyFileTest, Cases) {
  for (const testdata::Case& c : testdata::LoadCases("tss2_key")) {
    auto key = ParseTss2KeyDer(c.data);
    EXPECT_EQ(key.ok(), c.accept) << c.name << ": " << key.status();
    if (!key.ok()) continue;
    auto back = ParseTss2KeyDer(*SerializeTss2KeyDer(*key));
    ASSERT_TRUE(back.ok()) << c.name;
    EXPECT_EQ(*back, *key) << c.name;
    EXPECT_EQ(*ParseProtectedTss2KeyDer(c.data), *key) << c.name;
  }
}

TEST(Tss2KeyFileTest, SealedCases) {
  for (const testdata::Case& c : testdata::LoadCases("tss2_sealed")) {
    auto blob = ParseTss2SealedDer(c.data);
    EXPECT_EQ(blob.ok(), c.accept) << c.name << ": " << blob.status();
    if (!blob.ok()) continue;
    EXPECT_FALSE(ParseTss2KeyDer(c.data).ok()) << c.name;
    auto back = ParseTss2SealedDer(*SerializeTss2SealedDer(*blob));
    ASSERT_TRUE(back.ok()) << c.name;
    EXPECT_EQ(*back, *blob) << c.name;
  }
  const testdata::Case canonical =
      testdata::LoadCase("tss2_sealed", "canonical");
  EXPECT_EQ(*SerializeTss2SealedDer(*ParseTss2SealedDer(canonical.data)),
            canonical.data);
}

TEST(Tss2KeyFileTest, ChangedCasesKeepTheFuzzersPromises) {
  std::mt19937 random(17);
  std::vector<testdata::Case> cases = testdata::LoadCases("tss2_key");
  for (testdata::Case& c : testdata::LoadCases("tss2_sealed")) {
    cases.push_back(std::move(c));
  }
  for (const testdata::Case& c : cases) {
    for (size_t at = 0; at < c.data.size(); ++at) {
      LLVMFuzzerTestOneInput(c.data.data(), at);
      for (int i = 0; i < 8; ++i) {
        Bytes changed = c.data;
        changed[at] = static_cast<uint8_t>(random());
        LLVMFuzzerTestOneInput(changed.data(), changed.size());
      }
    }
  }
}

TEST(Tss2KeyFileTest, RejectsOtherPem) {
  const std::string pem = *SerializeTss2KeyPem(SomeKey());
  EXPECT_FALSE(ParseTss2KeyPem("").ok());
  EXPECT_FALSE(ParseTss2KeyPem("-----BEGIN PRIVATE KEY-----\nAA==\n"
                               "-----END PRIVATE KEY-----\n")
                   .ok());
  EXPECT_FALSE(ParseTss2KeyPem(pem + pem).ok());
  EXPECT_FALSE(ParseTss2KeyPem(pem.substr(0, pem.size() - 20)).ok());
  std::string broken = pem;
  broken[60] = '!';
  EXPECT_FALSE(ParseTss2KeyPem(broken).ok());
  EXPECT_TRUE(ParseTss2KeyPem("a comment\n" + pem).ok());
}

}  // namespace
}  // namespace bestow
