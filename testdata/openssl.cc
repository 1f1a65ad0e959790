#include "testdata/openssl.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace bestow::testdata {

std::string WriteScratch(std::string_view name, ByteView content) {
  const char* folder = std::getenv("TEST_TMPDIR");
  CHECK(folder != nullptr) << "TEST_TMPDIR is not set";
  const std::string path = absl::StrCat(folder, "/", name);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
  file.close();
  CHECK(file.good()) << path;
  return path;
}

OpensslResult RunOpenssl(std::string_view arguments) {
  const std::string command =
      absl::StrCat("openssl ", arguments, " 2>&1 </dev/null");
  FILE* const pipe = popen(command.c_str(), "r");
  CHECK(pipe != nullptr);
  OpensslResult result;
  char buffer[4096];
  size_t count = 0;
  while ((count = fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
    result.output.append(buffer, count);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  return result;
}

}  // namespace bestow::testdata
