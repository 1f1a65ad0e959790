#include "server/state_changes.h"

#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

namespace bestow::server {
namespace {

// Enough to tell two apart.
constexpr size_t kShownDigits = 16;

using Lines = std::vector<std::string>;

// Of two maps by name: what is new, gone, or `differs` on both sides.
template <typename Map, typename Differs>
void Compare(std::string_view what, const Map& before, const Map& after,
             const Differs& differs, Lines& changes) {
  for (const auto& [name, value] : after) {
    const auto it = before.find(name);
    if (it == before.end()) {
      changes.push_back(absl::StrCat(what, name, " added"));
    } else if (differs(it->second, value)) {
      changes.push_back(absl::StrCat(what, name, " changed"));
    }
  }
  for (const auto& [name, value] : before) {
    if (after.count(name) == 0) {
      changes.push_back(absl::StrCat(what, name, " removed"));
    }
  }
}

std::map<std::string, const ServiceConfig*> LabelsOf(const Config& config) {
  std::map<std::string, const ServiceConfig*> labels;
  for (const ServiceConfig& service : config.labels) {
    labels[service.label] = &service;
  }
  return labels;
}

void AppendChain(const std::vector<Certificate>& chain,
                 std::vector<Certificate>& all) {
  all.insert(all.end(), chain.begin(), chain.end());
}

// In an order that tells which key is which.
std::vector<Certificate> CertificatesOf(const CaBundle& ca) {
  std::vector<Certificate> all = ca.chain;
  AppendChain(ca.rollover, all);
  AppendChain(ca.former_certificates, all);
  if (ca.next.has_value()) AppendChain(ca.next->chain, all);
  return all;
}

absl::Time SwitchAt(const CaBundle& ca) {
  return ca.next.has_value() ? ca.next->switch_at : absl::InfiniteFuture();
}

}  // namespace

std::string ChangesOf(const ServerState& before, const ServerState& after) {
  Lines changes;
  if (before.config_sha256 != after.config_sha256) {
    changes.push_back(absl::StrCat(
        "config (sha256 ", after.config_sha256.substr(0, kShownDigits),
        ", before ", before.config_sha256.substr(0, kShownDigits), ")"));
  }
  Compare(
      "label ", LabelsOf(before.config), LabelsOf(after.config),
      [](const ServiceConfig*, const ServiceConfig*) { return false; },
      changes);
  Compare(
      "CA ", before.materials.cas, after.materials.cas,
      [](const CaBundle& one, const CaBundle& other) {
        return CertificatesOf(one) != CertificatesOf(other) ||
               SwitchAt(one) != SwitchAt(other);
      },
      changes);
  Compare(
      "manufacturers' CAs in ", before.materials.idevid_anchors,
      after.materials.idevid_anchors,
      [](const auto& one, const auto& other) { return one != other; }, changes);
  Compare(
      "CAs of upstream ", before.materials.upstream_cas,
      after.materials.upstream_cas,
      [](const auto& one, const auto& other) { return one != other; }, changes);
  if (before.tls_chain != after.tls_chain) {
    changes.push_back("TLS certificate");
  }
  if (changes.empty()) return "nothing changed";
  return absl::StrCat("changed: ", absl::StrJoin(changes, ", "));
}

}  // namespace bestow::server
