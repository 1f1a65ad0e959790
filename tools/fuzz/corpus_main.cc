// Runs a fuzz target over the annotated cases of a folder, over every
// truncation of each, and over seeded small changes: what fits into an ordinary
// test. The argument is the folder.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>

#include "common/base/bytes.h"
#include "testdata/cases.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace bestow {
namespace {

constexpr size_t kMaxTruncations = 1024;
constexpr int kChanges = 256;
constexpr uint32_t kSeed = 20131031;  // RFC 7030's month

// A copy of exact size on the heap, so that AddressSanitizer sees each octet
// that is read beyond the end.
void RunOne(ByteView input) {
  const Bytes copy = ToBytes(input);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

void RunTruncations(ByteView input) {
  const size_t step = input.size() / kMaxTruncations + 1;
  for (size_t size = 0; size < input.size(); size += step) {
    RunOne(input.first(size));
  }
}

void RunChanges(ByteView input, std::mt19937& random) {
  for (int i = 0; i < kChanges && !input.empty(); ++i) {
    Bytes changed = ToBytes(input);
    const size_t at = random() % changed.size();
    const uint8_t octet = static_cast<uint8_t>(random());
    switch (random() % 4) {
      case 0:
        changed[at] ^= static_cast<uint8_t>(1u << (octet % 8));
        break;
      case 1:
        changed[at] = octet;
        break;
      case 2:
        changed.insert(changed.begin() + at, octet);
        break;
      default:
        changed.erase(changed.begin() + at);
    }
    RunOne(changed);
  }
}

int Main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s folder-of-cases\n", argv[0]);
    return 2;
  }
  std::mt19937 random(kSeed);
  int case_count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    const std::optional<testdata::Case> loaded =
        testdata::ParseCase(entry.path().stem().string(), text);
    if (!loaded.has_value()) {
      std::fprintf(stderr, "not an annotated case: %s\n", entry.path().c_str());
      return 1;
    }
    RunOne(loaded->data);
    RunTruncations(loaded->data);
    RunChanges(loaded->data, random);
    ++case_count;
  }
  std::printf("%d cases\n", case_count);
  return case_count > 0 ? 0 : 1;
}

}  // namespace
}  // namespace bestow

int main(int argc, char** argv) { return bestow::Main(argc, argv); }
