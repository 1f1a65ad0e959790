// The annotated case files of testdata/, for tests and the fuzzers' corpora.
#ifndef TESTDATA_CASES_H_
#define TESTDATA_CASES_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace bestow::testdata {

// A file begins with lines "# ...": first what it is, then "# key: value", of
// which "expect" is "accept" or "reject <a part of the reason>". Base64
// follows, or the octets themselves after the line "# encoding: text".
struct Case {
  std::string name;  // the file's, without folder and ".txt"
  std::string description;
  bool accept = false;
  std::string reason;                        // "" is any
  std::map<std::string, std::string> notes;  // the other keys
  Bytes data;
};

// nullopt when the text is not such a file, or says nothing of what to expect.
std::optional<Case> ParseCase(std::string_view name, std::string_view text);

// All files of testdata/<format>, by name. CHECK-fails on one that ParseCase
// does not take, and when there is none.
std::vector<Case> LoadCases(std::string_view format);
// One of them. CHECK-fails when it is not there.
Case LoadCase(std::string_view format, std::string_view name);

}  // namespace bestow::testdata

#endif  // TESTDATA_CASES_H_
