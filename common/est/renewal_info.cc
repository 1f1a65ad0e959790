#include "common/est/renewal_info.h"

#include <algorithm>
#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bestow::est {
namespace {

using Tree = boost::property_tree::ptree;

constexpr size_t kMaxKeyIdBytes = 64;
constexpr size_t kMaxSerialBytes = 21;  // 20 of value (RFC 5280 4.1.2.2)
constexpr size_t kMaxJsonBytes = 4 * 1024;
// The parser recurses for each.
constexpr size_t kMaxJsonValues = 16;
constexpr size_t kMaxUrlBytes = 1000;

absl::Status Malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("renewal information: ", why));
}

std::string EncodeBase64Url(ByteView octets) {
  std::string out;
  absl::WebSafeBase64Escape(AsText(octets), &out);
  out.erase(std::find(out.begin(), out.end(), '='), out.end());
  return out;
}

std::optional<Bytes> DecodeBase64Url(std::string_view text, size_t max_bytes) {
  std::string octets;
  if (!absl::WebSafeBase64Unescape(text, &octets) || octets.empty() ||
      octets.size() > max_bytes ||
      // Padding, white space, pad bits that are set.
      EncodeBase64Url(AsBytes(octets)) != text) {
    return std::nullopt;
  }
  return ToBytes(AsBytes(octets));
}

std::string FormatInstant(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string QuoteJson(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string_view(&c, 1));
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

// The parser's exceptions end here.
std::optional<Tree> ReadJson(std::string_view json) {
  Tree tree;
  try {
    std::istringstream stream{std::string(json)};
    boost::property_tree::read_json(stream, tree);
  } catch (const boost::property_tree::ptree_error&) {
    return std::nullopt;
  }
  return tree;
}

// The member of that name; nullptr when there is none, or more than one.
const Tree* FindOne(const Tree& tree, const std::string& name) {
  return tree.count(name) == 1 ? &tree.find(name)->second : nullptr;
}

std::optional<absl::Time> ReadInstant(const Tree& window,
                                      const std::string& name) {
  const Tree* text = FindOne(window, name);
  absl::Time time;
  if (text == nullptr || !text->empty() ||
      // absl reads "infinite-future" and white space too.
      text->data().empty() || !absl::ascii_isdigit(text->data().front()) ||
      !absl::ParseTime(absl::RFC3339_full, text->data(), &time, nullptr) ||
      time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
    return std::nullopt;
  }
  return time;
}

bool IsPlainUrl(std::string_view url) {
  return url.size() <= kMaxUrlBytes &&
         (absl::StartsWithIgnoreCase(url, "https://") ||
          absl::StartsWithIgnoreCase(url, "http://")) &&
         std::all_of(url.begin(), url.end(), [](char c) {
           return absl::ascii_isgraph(static_cast<unsigned char>(c));
         });
}

}  // namespace

std::string RenewalInfoId(ByteView authority_key_id, ByteView serial) {
  return absl::StrCat(EncodeBase64Url(authority_key_id), ".",
                      EncodeBase64Url(serial));
}

absl::StatusOr<RenewalInfoKey> ParseRenewalInfoId(std::string_view id) {
  const size_t dot = id.find('.');
  if (dot == std::string_view::npos) {
    return Malformed("the identifier has no dot");
  }
  std::optional<Bytes> key_id =
      DecodeBase64Url(id.substr(0, dot), kMaxKeyIdBytes);
  std::optional<Bytes> serial =
      DecodeBase64Url(id.substr(dot + 1), kMaxSerialBytes);
  if (!key_id.has_value() || !serial.has_value()) {
    return Malformed(
        "the identifier is not base64url of a key identifier, a dot, and "
        "base64url of a serial number");
  }
  return RenewalInfoKey{*std::move(key_id), *std::move(serial)};
}

std::string SerializeRenewalInfoJson(const RenewalInfo& info) {
  std::string out = absl::StrCat("{\"suggestedWindow\":{\"start\":\"",
                                 FormatInstant(info.start), "\",\"end\":\"",
                                 FormatInstant(info.end), "\"}");
  if (!info.explanation_url.empty()) {
    absl::StrAppend(&out,
                    ",\"explanationURL\":", QuoteJson(info.explanation_url));
  }
  absl::StrAppend(&out, "}\n");
  return out;
}

absl::StatusOr<RenewalInfo> ParseRenewalInfoJson(std::string_view json) {
  if (json.size() > kMaxJsonBytes ||
      std::count_if(json.begin(), json.end(), [](char c) {
        return c == '{' || c == '[';
      }) > kMaxJsonValues) {
    return Malformed("too much of it");
  }
  const std::optional<Tree> tree = ReadJson(json);
  if (!tree.has_value()) return Malformed("not JSON");
  const Tree* window = FindOne(*tree, "suggestedWindow");
  if (window == nullptr) return Malformed("no suggestedWindow");
  const std::optional<absl::Time> start = ReadInstant(*window, "start");
  const std::optional<absl::Time> end = ReadInstant(*window, "end");
  if (!start.has_value() || !end.has_value()) {
    return Malformed("start and end have to be RFC 3339's");
  }
  // RFC 9773 4.2: a window that does not end after it starts counts as none.
  if (*end <= *start) return Malformed("the window ends before it starts");
  RenewalInfo info{*start, *end, ""};
  const Tree* url = FindOne(*tree, "explanationURL");
  if (url != nullptr && IsPlainUrl(url->data())) {
    info.explanation_url = url->data();
  }
  return info;
}

}  // namespace bestow::est
