// Reads a TOML document key by key and gathers every mistake with its line.
// Only server/config includes <toml++/*>.
#ifndef SERVER_CONFIG_TOML_READER_H_
#define SERVER_CONFIG_TOML_READER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bestow::server {

// Each Read* names a key of the current table and writes its value when it is
// there and right; a key that no Read* named is a mistake at the end.
class TomlReader {
 public:
  // kInvalidArgument when it is not TOML.
  static absl::StatusOr<std::unique_ptr<TomlReader>> Parse(
      std::string_view text, const std::string& file);
  ~TomlReader();

  // Runs `read` with the table `key` as the current one (also when it is not
  // there, so that its keys are known).
  void InTable(std::string_view key, const std::function<void()>& read);

  // Runs `read` once for each table of the array `key`, written [[key]].
  void InTables(std::string_view key, const std::function<void()>& read);
  // Runs `read` once for each table in the table `key`, with its name, in the
  // order of the names: [key.NAME].
  void InNamedTables(std::string_view key,
                     const std::function<void(const std::string& name)>& read);

  bool Has(std::string_view key);
  void ReadBool(std::string_view key, bool* value);
  void ReadInt(std::string_view key, int min, int max, int* value);
  // An integer is one too.
  void ReadNumber(std::string_view key, double min, double max, double* value);
  void ReadDuration(std::string_view key, absl::Duration min,
                    absl::Duration max, absl::Duration* value);
  // These two tell whether they wrote.
  bool ReadText(std::string_view key, std::string* value);
  bool ReadTexts(std::string_view key, std::vector<std::string>* values);
  // One of `choices`; writes its index.
  void ReadChoice(std::string_view key,
                  const std::vector<std::string_view>& choices, int* index);
  // A mistake of the caller's finding at the value of `key`, or where that
  // is missing, at the table that should have it.
  void Complain(std::string_view key, std::string_view what);
  // A mistake in the current table itself.
  void ComplainOfTable(std::string_view what);

  // All mistakes so far and unknown keys, or OK.
  absl::Status Finish();

 private:
  struct Impl;
  explicit TomlReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bestow::server

#endif  // SERVER_CONFIG_TOML_READER_H_
