#include "server/admin/ca_commands.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/crypto/key_type.h"
#include "common/pki/certificate.h"
#include "common/tpm/testing/swtpm.h"
#include "gtest/gtest.h"
#include "server/admin/ca_folder.h"
#include "server/admin/ca_show.h"
#include "server/admin/init.h"
#include "server/admin/json.h"
#include "server/ca/ca_key.h"
#include "testdata/openssl.h"

namespace bestow::server {
namespace {

namespace fs = std::filesystem;

class CaCommandsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    top_ = absl::StrCat(getenv("TEST_TMPDIR"), "/", info->name());
    state_ = top_ + "/state";
    ASSERT_TRUE(MakeDirectory(top_, 0700).ok());
  }

  void MakeState() {
    InitOptions options;
    options.folder = state_;
    options.hostnames = {"est.example"};
    options.listen = {"127.0.0.1:0"};
    options.ca_name = "Test CA";
    options.ca_keys.passphrase_file = Passphrase("state passphrase");
    ASSERT_TRUE(InitState(options, clock_.Now()).ok());
  }

  std::string Path(std::string_view name) {
    return absl::StrCat(top_, "/", name);
  }
  std::string Passphrase(std::string_view text) {
    const std::string path = Path(absl::StrCat(text, ".pass"));
    EXPECT_TRUE(WriteFileAtomically(path, AsBytes(text), 0600).ok());
    return path;
  }

  using Given = std::map<std::string, std::string>;
  // The exit code; what it printed is in out_ and err_.
  int Run(int (*command)(const Console&, const CommandLine&),
          const std::string& argument, const Given& given) {
    CommandLine::Flags flags = {
        {"key_type", {"ec-p256"}}, {"key_storage", {"file"}},
        {"kind", {"standalone"}},  {"tpm", {"device:/dev/tpmrm0"}},
        {"replace", {"false"}},    {"json", {"false"}}};
    for (const auto& [name, value] : given) flags[name] = {value, true};
    out_.str("");
    err_.str("");
    return command(console_, CommandLine(flags, argument));
  }
  int Create(const std::string& name, const Given& given) {
    return Run(CaCreateCommand, name, given);
  }
  void ExpectNothingIn(const std::string& folder) {
    EXPECT_FALSE(fs::exists(folder)) << folder;
    for (const auto& entry : fs::directory_iterator(top_)) {
      EXPECT_FALSE(absl::StrContains(entry.path().string(), "/.new-"))
          << entry.path();
    }
  }
  testdata::OpensslResult Verify(const std::string& folder) {
    return testdata::RunOpenssl(absl::StrCat(
        "verify -x509_strict -CAfile ", folder, "/ca.pem ", folder, "/ca.pem"));
  }

  const SystemClock clock_;
  std::ostringstream out_, err_;
  const Console console_{out_, err_, clock_};
  std::string top_, state_;
};

TEST_F(CaCommandsTest, MakesACaThatALabelCanUse) {
  MakeState();
  CaKeyOptions keys;
  keys.passphrase_file = Passphrase("state passphrase");
  for (const char* type :
       {"ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "ed25519"}) {
    EXPECT_EQ(Create(type, {{"state_dir", state_},
                            {"key_type", type},
                            {"ca_name", "A CA"}}),
              kExitOk)
        << err_.str();
    EXPECT_TRUE(absl::StrContains(out_.str(), "CA SHA-256 fingerprint: "));
    // Under the passphrase that the config names.
    const std::string folder = absl::StrCat(state_, "/cas/", type);
    EXPECT_FALSE(LoadCa(folder, {}).ok());
    auto ca = LoadCa(folder, keys);
    ASSERT_TRUE(ca.ok()) << ca.status();
    EXPECT_EQ(*KeyTypeOfSpki(ca->authority->certificate().spki),
              *KeyTypeByName(type));
    EXPECT_EQ(ca->chain[0].basic_constraints->path_length, 0u);
  }
  const Given in_state = {{"state_dir", state_}};
  EXPECT_EQ(Create("ec-p256", in_state), kExitFailed);  // there already
  for (const char* name : {".b", "a b", "cas/", ""}) {
    EXPECT_EQ(Create(name, {}), kExitUsage) << name;
  }
  EXPECT_EQ(Create("b", {{"state_dir", state_ + "_none"}}), kExitState);
  EXPECT_EQ(Create("b", {}), kExitUsage);  // neither a path nor a state folder
}

TEST_F(CaCommandsTest, RefusesFlagsThatMakeNoSense) {
  for (const auto& [flag, value] :
       {std::pair("key_type", "dsa"), std::pair("key_storage", "cloud"),
        std::pair("kind", "leaf"), std::pair("kind", "issuing"),
        std::pair("validity", "tomorrow"), std::pair("validity", "0s"),
        std::pair("path_length", "-1"), std::pair("path_length", "9"),
        std::pair("permit_dns", "a b"), std::pair("permit_ip", "10.0.0.0/33"),
        std::pair("exclude_dirname", "nonsense"), std::pair("policy", "mine"),
        std::pair("cps", "http://a.example"),
        std::pair("crl_url", "https://a.example/crl"),
        std::pair("subject", "CN="), std::pair("subject", "")}) {
    EXPECT_EQ(Create(Path("ca"), {{flag, value}}), kExitUsage)
        << flag << "=" << value << " " << err_.str();
    EXPECT_FALSE(err_.str().empty());
  }
  EXPECT_EQ(Create(Path("ca"), {{"issuer", Path("x")}, {"kind", "root"}}),
            kExitUsage);
  ExpectNothingIn(Path("ca"));
}

TEST_F(CaCommandsTest, MakesAnIssuingCaBelowAnOfflineRoot) {
  const std::string root_pass = Passphrase("root passphrase");
  ASSERT_EQ(Create(Path("root"), {{"kind", "root"},
                                  {"subject", "O=Example,CN=Example Root"},
                                  {"passphrase_file", root_pass}}),
            kExitOk)
      << err_.str();
  MakeState();
  Given below = {{"state_dir", state_},
                 {"issuer", Path("root")},
                 {"subject", "O=Example,CN=Site CA"},
                 {"permit_dns", "devices.example, plant.example"},
                 {"exclude_ip", "0.0.0.0/0"},
                 {"policy", "1.3.6.1.4.1.99999.1"},
                 {"validity", "365d"}};
  // The root's passphrase is another.
  EXPECT_EQ(Create("site", below), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "--from_passphrase_file"))
      << err_.str();
  below["from_passphrase_file"] = Passphrase("wrong");
  EXPECT_EQ(Create("site", below), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "is not this key's")) << err_.str();
  ExpectNothingIn(state_ + "/cas/site");
  below["from_passphrase_file"] = root_pass;
  ASSERT_EQ(Create("site", below), kExitOk) << err_.str();
  EXPECT_TRUE(absl::StrContains(out_.str(), "ca = \"cas/site\""));
  EXPECT_EQ(Verify(state_ + "/cas/site").exit_code, 0);

  EXPECT_EQ(Run(CaShowCommand, "site", {{"state_dir", state_}}), kExitOk);
  for (const char* part : {"CN=Site CA", "CN=Example Root", "path length  0",
                           "dns:devices.example", "1.3.6.1.4.1.99999.1"}) {
    EXPECT_TRUE(absl::StrContains(out_.str(), part)) << part << out_.str();
  }
  EXPECT_EQ(Run(CaListCommand, "", {{"state_dir", state_}, {"json", "true"}}),
            kExitOk);
  const auto list = ParseJson(out_.str());
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ(TextOf((*list)[0], "name"), "ca");
  EXPECT_EQ((*list)[0]["labels"], Json::array({"."}));
  EXPECT_EQ(TextOf((*list)[1], "root"), "O=Example,CN=Example Root");
  // A CA that may have none below it.
  below["issuer"] = "site";
  below["subject"] = "O=Example,CN=Lower CA";
  below.erase("from_passphrase_file");
  EXPECT_EQ(Create("lower", below), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "path length is 0")) << err_.str();
}

TEST_F(CaCommandsTest, ARootElsewhereSignsARequest) {
  ASSERT_EQ(Create(Path("root"), {{"kind", "root"}}), kExitOk);
  ASSERT_EQ(Run(CaRequestCommand, Path("site"),
                {{"ca_name", "Site CA"}, {"permit_dns", "devices.example"}}),
            kExitOk)
      << err_.str();
  const std::string csr = Path("site/request.pem");
  EXPECT_TRUE(absl::StrContains(
      testdata::RunOpenssl("req -verify -noout -in " + csr).output, "OK"));
  // Without its certificate it is no CA.
  EXPECT_FALSE(LoadCa(Path("site")).ok());
  EXPECT_EQ(Run(CaShowCommand, Path("site"), {}), kExitOk);
  EXPECT_TRUE(absl::StrContains(out_.str(), "waits for its certificate"));

  const std::string out = Path("site.pem");
  EXPECT_EQ(Run(CaSignRequestCommand, Path("root"), {{"csr", csr}}),
            kExitUsage);
  EXPECT_EQ(Run(CaSignRequestCommand, Path("root"),
                {{"csr", Path("root/ca.pem")}, {"out", out}}),
            kExitState);
  ASSERT_EQ(
      Run(CaSignRequestCommand, Path("root"), {{"csr", csr}, {"out", out}}),
      kExitOk)
      << err_.str();
  EXPECT_EQ(
      Run(CaSignRequestCommand, Path("root"), {{"csr", csr}, {"out", out}}),
      kExitFailed);  // nothing is written over

  // Another CA's, a chain without its root, and then the right one.
  ASSERT_EQ(Create(Path("other"), {}), kExitOk);
  EXPECT_EQ(
      Run(CaImportCommand, Path("site"), {{"chain", Path("other/ca.pem")}}),
      kExitUsage);
  EXPECT_TRUE(absl::StrContains(err_.str(), "of the CA's key")) << err_.str();
  const auto certificates = ParseCertificatesPem(*ReadFile(out, 100000), 5);
  ASSERT_EQ(certificates->size(), 2u);
  const std::string rootless = Path("rootless.pem");
  ASSERT_TRUE(WriteFileAtomically(
                  rootless,
                  AsBytes(SerializeCertificatePem((*certificates)[0].der)),
                  0600)
                  .ok());
  EXPECT_EQ(Run(CaImportCommand, Path("site"), {{"chain", rootless}}),
            kExitUsage);
  EXPECT_TRUE(absl::StrContains(err_.str(), "up to the root")) << err_.str();
  EXPECT_FALSE(fs::exists(Path("site/ca.pem")));
  ASSERT_EQ(Run(CaImportCommand, Path("site"), {{"chain", out}}), kExitOk)
      << err_.str();
  auto ca = LoadCa(Path("site"));
  ASSERT_TRUE(ca.ok()) << ca.status();
  EXPECT_TRUE(ca->authority->name_constraints().has_value());

  // Signed again for longer: the same key and name, in the old one's place.
  const std::string renewed = Path("renewed.pem");
  ASSERT_EQ(Run(CaSignRequestCommand, Path("root"),
                {{"csr", csr}, {"out", renewed}, {"validity", "4000d"}}),
            kExitOk);
  EXPECT_EQ(Run(CaImportCommand, Path("site"), {{"chain", renewed}}),
            kExitFailed);
  EXPECT_EQ(Run(CaImportCommand, Path("site"),
                {{"chain", renewed}, {"replace", "true"}}),
            kExitOk)
      << err_.str();
  EXPECT_GT(LoadCa(Path("site"))->chain[0].not_after, ca->chain[0].not_after);
}

TEST_F(CaCommandsTest, TakesAKeyFromElsewhere) {
  const std::string secret = Passphrase("correct horse");
  const std::string same = Passphrase("correct horse\n");
  const std::string key = Path("key.pem"), certificate = Path("cert.pem");
  const auto made = testdata::RunOpenssl(absl::StrCat(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 30 -subj "
      "/CN=Old -passout file:'",
      secret, "' -keyout ", key, " -out ", certificate,
      " -addext keyUsage=critical,keyCertSign,cRLSign"));
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const std::string p12 = Path("old.p12");
  ASSERT_EQ(testdata::RunOpenssl(
                absl::StrCat("pkcs12 -export -inkey ", key, " -in ",
                             certificate, " -passin file:'", secret,
                             "' -passout file:'", same, "' -out ", p12))
                .exit_code,
            0);
  const Given from = {{"from_passphrase_file", secret}};
  const auto with = [&](Given more) {
    more.insert(from.begin(), from.end());
    return more;
  };
  EXPECT_EQ(Run(CaImportKeyCommand, Path("a"), from), kExitUsage);
  EXPECT_EQ(Run(CaImportKeyCommand, Path("a"), with({{"key_file", key}})),
            kExitUsage);  // no certificate
  EXPECT_EQ(Run(CaImportKeyCommand, Path("a"),
                {{"key_file", key}, {"chain", certificate}}),
            kExitState);  // no passphrase
  const Given wrong = {{"pkcs12", p12},
                       {"from_passphrase_file", Passphrase("wrong")}};
  EXPECT_EQ(Run(CaImportKeyCommand, Path("a"), wrong), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "passphrase is wrong"))
      << err_.str();
  ASSERT_EQ(Create(Path("other"), {}), kExitOk);
  EXPECT_EQ(Run(CaImportKeyCommand, Path("a"),
                with({{"key_file", key}, {"chain", Path("other/ca.pem")}})),
            kExitUsage);  // another key's certificate
  ExpectNothingIn(Path("a"));

  EXPECT_EQ(Run(CaImportKeyCommand, Path("a"),
                with({{"key_file", key}, {"chain", certificate}})),
            kExitOk)
      << err_.str();
  EXPECT_TRUE(LoadCa(Path("a")).ok());
  CaKeyOptions keys;
  keys.passphrase_file = Passphrase("another");
  EXPECT_EQ(Run(CaImportKeyCommand, Path("b"),
                with({{"pkcs12", p12},
                      {"chain", certificate},
                      {"passphrase_file", keys.passphrase_file}})),
            kExitOk)
      << err_.str();
  EXPECT_TRUE(LoadCa(Path("b"), keys).ok());
  EXPECT_FALSE(LoadCa(Path("b")).ok());
}

TEST_F(CaCommandsTest, RefusesACertificateThatIsNoCas) {
  const std::string key = Path("key.pem"), certificate = Path("cert.pem");
  ASSERT_EQ(testdata::RunOpenssl(
                absl::StrCat("req -x509 -newkey ec -pkeyopt "
                             "ec_paramgen_curve:P-256 -nodes -days 30 -subj "
                             "/CN=Leaf -addext basicConstraints=CA:FALSE "
                             "-keyout ",
                             key, " -out ", certificate))
                .exit_code,
            0);
  EXPECT_EQ(Run(CaImportKeyCommand, Path("a"),
                {{"key_file", key}, {"chain", certificate}}),
            kExitUsage);
  EXPECT_TRUE(absl::StrContains(err_.str(), "no CA rights")) << err_.str();
  ExpectNothingIn(Path("a"));
}

// Every signature is right; the root just may have no CA below it.
TEST_F(CaCommandsTest, RefusesAChainThatNobodyWouldTake) {
  ASSERT_EQ(Create(Path("root"), {}), kExitOk);
  ASSERT_EQ(Run(CaRequestCommand, Path("site"), {}), kExitOk);
  const std::string extensions = Path("ca.ext"), site = Path("site.pem");
  ASSERT_TRUE(
      WriteFileAtomically(extensions,
                          AsBytes("basicConstraints=critical,CA:TRUE\n"
                                  "keyUsage=critical,keyCertSign,cRLSign\n"),
                          0600)
          .ok());
  ASSERT_EQ(
      testdata::RunOpenssl(absl::StrCat("x509 -req -days 30 -in ",
                                        Path("site/request.pem"), " -CA ",
                                        Path("root/ca.pem"), " -CAkey ",
                                        Path("root/ca.key.pem"), " -extfile ",
                                        extensions, " -out ", site))
          .exit_code,
      0);
  const std::string chain = Path("chain.pem");
  ASSERT_TRUE(
      WriteFileAtomically(chain,
                          AsBytes(*ReadFile(site, 100000) +
                                  *ReadFile(Path("root/ca.pem"), 100000)),
                          0600)
          .ok());
  EXPECT_EQ(Run(CaImportCommand, Path("site"), {{"chain", chain}}), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "path length")) << err_.str();
  EXPECT_FALSE(fs::exists(Path("site/ca.pem")));
}

TEST_F(CaCommandsTest, MakesAndRequestsKeysInTheTpm) {
  auto swtpm = Swtpm::Start();
  ASSERT_TRUE(swtpm.ok()) << swtpm.status();
  const Given in_tpm = {{"key_storage", "tpm"}, {"tpm", (*swtpm)->tcti()}};
  ASSERT_EQ(Create(Path("root"), {{"kind", "root"}}), kExitOk);
  ASSERT_EQ(Run(CaRequestCommand, Path("site"), in_tpm), kExitOk) << err_.str();
  ASSERT_EQ(Run(CaSignRequestCommand, Path("root"),
                {{"csr", Path("site/request.pem")}, {"out", Path("s.pem")}}),
            kExitOk)
      << err_.str();
  Given import = in_tpm;
  import["chain"] = Path("s.pem");
  EXPECT_EQ(Run(CaImportCommand, Path("site"), import), kExitOk) << err_.str();
  EXPECT_EQ(Verify(Path("site")).exit_code, 0);
  EXPECT_EQ(*CaKeyStorage(Path("site/ca.key.pem")), KeyStorage::kTpm);
  // The TPM makes no such key.
  Given lacking = in_tpm;
  lacking["key_type"] = "ed25519";
  EXPECT_EQ(Create(Path("ed"), lacking), kExitState);
  ExpectNothingIn(Path("ed"));
  // Nobody answers there.
  (*swtpm)->Stop();
  EXPECT_EQ(Create(Path("none"), in_tpm), kExitState);
  EXPECT_TRUE(absl::StrContains(err_.str(), "[ca_keys] tpm")) << err_.str();
  ExpectNothingIn(Path("none"));
}

TEST_F(CaCommandsTest, InitTakesAnIssuingCa) {
  ASSERT_EQ(Create(Path("root"), {{"kind", "root"}}), kExitOk);
  ASSERT_EQ(Create(Path("site"), {{"issuer", Path("root")}}), kExitOk)
      << err_.str();
  InitOptions options;
  options.folder = state_;
  options.hostnames = {"est.example"};
  options.listen = {"127.0.0.1:0"};
  options.ca_folder = Path("site");
  const auto fingerprint = InitState(options, clock_.Now());
  ASSERT_TRUE(fingerprint.ok()) << fingerprint.status();
  const auto verified = testdata::RunOpenssl(absl::StrCat(
      "verify -purpose sslserver -CAfile ", Path("root/ca.pem"), " -untrusted ",
      state_, "/tls/server.pem ", state_, "/tls/server.pem"));
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  options.folder = Path("state2");
  options.ca_folder = Path("nowhere");
  EXPECT_FALSE(InitState(options, clock_.Now()).ok());
  ExpectNothingIn(Path("state2"));
}

}  // namespace
}  // namespace bestow::server
