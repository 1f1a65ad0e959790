#include "common/cms/testing/openssl_key.h"

#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "testdata/openssl.h"

namespace bestow::cms_testing {
namespace {

constexpr size_t kMaxFileBytes = 1024 * 1024;

}  // namespace

Bytes ReadScratch(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
  CHECK(text.ok()) << text.status();
  return ToBytes(AsBytes(*text));
}

OpensslKey MakeKey(std::string_view name, std::string_view algorithm,
                   std::string_view options) {
  OpensslKey out;
  out.key_path = testdata::WriteScratch(absl::StrCat(name, ".key"), {});
  out.certificate_path = testdata::WriteScratch(absl::StrCat(name, ".pem"), {});
  testdata::OpensslResult result = testdata::RunOpenssl(absl::StrCat(
      "req -x509 -nodes -days 30 -newkey ", algorithm, " -subj /CN=", name,
      " -keyout ", out.key_path, " -out ", out.certificate_path, " ", options));
  CHECK_EQ(result.exit_code, 0) << result.output;
  const std::string der = testdata::WriteScratch("key.der", {});
  result = testdata::RunOpenssl(absl::StrCat(
      "pkcs8 -topk8 -nocrypt -outform DER -in ", out.key_path, " -out ", der));
  CHECK_EQ(result.exit_code, 0) << result.output;
  out.pkcs8 = Secret(ReadScratch(der));
  const Bytes pem = ReadScratch(out.certificate_path);
  absl::StatusOr<std::vector<Certificate>> certificates =
      ParseCertificatesPem(AsText(pem), 1);
  CHECK(certificates.ok()) << certificates.status();
  out.certificate = (*certificates)[0];
  return out;
}

}  // namespace bestow::cms_testing
