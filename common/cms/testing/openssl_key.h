// Keys and certificates that openssl made, for tests.
#ifndef COMMON_CMS_TESTING_OPENSSL_KEY_H_
#define COMMON_CMS_TESTING_OPENSSL_KEY_H_

#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/pki/certificate.h"

namespace bestow::cms_testing {

struct OpensslKey {
  Secret pkcs8;  // DER
  Certificate certificate;
  std::string key_path, certificate_path;  // PEM
};

// A key and its self-signed certificate "CN=<name>". `algorithm` is what
// follows `openssl req -newkey`, `options` what else `openssl req` gets.
// CHECK-fails instead of returning errors.
OpensslKey MakeKey(std::string_view name, std::string_view algorithm,
                   std::string_view options = "");

// What is in a file that testdata::WriteScratch made.
Bytes ReadScratch(const std::string& path);

}  // namespace bestow::cms_testing

#endif  // COMMON_CMS_TESTING_OPENSSL_KEY_H_
