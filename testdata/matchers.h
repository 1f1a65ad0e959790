// What tests say about case files.
#ifndef TESTDATA_MATCHERS_H_
#define TESTDATA_MATCHERS_H_

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "testdata/cases.h"

namespace bestow::testdata {

// Parses and writes again.
using RoundTrip = absl::FunctionRef<absl::StatusOr<Bytes>(ByteView)>;

// Runs every case of the folder: an accepted one comes back octet by octet, a
// rejected one is kInvalidArgument with its reason. Fails unless there are more
// rejected than accepted ones, or `may_accept_more`.
void ExpectRoundTrips(std::string_view format, RoundTrip round_trip,
                      bool may_accept_more = false);

// The same judgment of one case, for tests that look closer.
void ExpectStatus(const Case& expected, const absl::Status& status);

}  // namespace bestow::testdata

#endif  // TESTDATA_MATCHERS_H_
