#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "common/base/bytes.h"
#include "common/pki/certs_only.h"
#include "server/upstream/contents_check.h"
#include "server/upstream/upstreams.h"

namespace bestow::server {
namespace {

// What an upstream answers to a forwarded request, read by those who trust the
// last certificate of it, for the key of the first: a path is checked whenever
// there may be one.
void Fuzz(ByteView data) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const auto certs = ParseCertsOnlyDer(data);
  Bytes spki;
  Trust trust;
  if (certs.ok()) {
    spki = certs->certificates.front().spki;
    auto made = MakeTrust({certs->certificates.back()}, certs->certificates,
                          std::nullopt);
    if (made.ok()) trust = *std::move(made);
  }
  if (trust.anchors == nullptr) return;
  EstReply reply;
  reply.status = 200;
  reply.body = ToBytes(data);
  const ForwardAnswer answer = ReadForwardReply(reply, spki, trust, now);
  CHECK(answer.certificate.has_value() ==
        (answer.kind == ForwardAnswer::Kind::kIssued));
  if (!answer.certificate.has_value()) {
    CHECK(answer.kind == ForwardAnswer::Kind::kBadReply);
    CHECK(!answer.reason.empty());
    return;
  }
  const Certificate& issued = *answer.certificate;
  CHECK(issued.spki == spki);
  CHECK(issued.not_before <= now && now <= issued.not_after);
  // What it says is judged apart: its own names at least are its own.
  SubscriberContents granted;
  granted.subject = issued.subject;
  granted.sans = issued.sans;
  granted.key_usage = issued.key_usage.value_or(0);
  granted.extended_key_usage = issued.extended_key_usage;
  if (CheckIssuedContents(issued, granted).ok()) {
    CHECK(!issued.basic_constraints.has_value() ||
          !issued.basic_constraints->is_ca);
  }
}

}  // namespace
}  // namespace bestow::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bestow::server::Fuzz(bestow::ByteView(data, size));
  return 0;
}
