// The openssl command, whose view of a structure tests compare with ours.
#ifndef TESTDATA_OPENSSL_H_
#define TESTDATA_OPENSSL_H_

#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace bestow::testdata {

struct OpensslResult {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

// A file in the test's scratch folder; gives its path.
std::string WriteScratch(std::string_view name, ByteView content);

// Runs `openssl <arguments>` through the shell; arguments are the test's own.
OpensslResult RunOpenssl(std::string_view arguments);

}  // namespace bestow::testdata

#endif  // TESTDATA_OPENSSL_H_
