#include "server/admin/credential_operations.h"

#include <openssl/rand.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/console.h"
#include "server/admin/identity_plan.h"
#include "server/auth/password.h"
#include "server/auth/sealed_records.h"
#include "server/config/duration.h"

namespace bestow::server {
namespace {

constexpr size_t kMaxPasswordBytes = 4096;
constexpr size_t kMinOneTimeSecretBytes = 20;
constexpr size_t kPskIdentifierBytes = 16;

// What Digest needs of the context's secret, when it was asked for.
absl::StatusOr<std::vector<DigestSecret>> DigestOf(const AdminContext& context,
                                                   const IdentityPlan& plan,
                                                   const Json& arguments) {
  if (!IsTrue(arguments, "digest")) return std::vector<DigestSecret>();
  return SealDigestSecrets(context.sealer, plan.name, plan.realms,
                           context.secret);
}

// With a note where Digest was asked for and nobody offers it.
void AddNotes(const IdentityPlan& plan, const Json& arguments, Json& answer) {
  if (!IsTrue(arguments, "digest") || plan.digest_offered) return;
  answer["notes"] = Json::array(
      {absl::StrCat("Digest is off in the config (auth.digest) for every label "
                    "of ",
                    plan.name)});
}

absl::StatusOr<Json> ListUsers(const AdminContext& context,
                               const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<std::vector<Identity>> identities =
      context.store.ListIdentities(*page);
  if (!identities.ok()) return identities.status();
  Json rows = Json::array();
  for (const Identity& identity : *identities) {
    if (identity.password_hash.empty()) continue;
    rows.push_back({{"name", identity.name},
                    {"labels", LabelsJson(identity.labels)},
                    {"ra", identity.is_ra},
                    {"created_at", UtcText(identity.created_at)}});
  }
  // The page is full by what was read, not by what is left of it.
  Json answer = {{"items", std::move(rows)}};
  if (identities->size() >= page->limit) answer["next"] = identities->back().id;
  return answer;
}

absl::StatusOr<Json> AddUser(const AdminContext& context,
                             const Json& arguments) {
  absl::StatusOr<IdentityPlan> plan = PlanIdentity(context, arguments);
  if (!plan.ok()) return plan.status();
  if (context.secret.empty() ||
      context.secret.bytes().size() > kMaxPasswordBytes) {
    return absl::InvalidArgumentError("a password is 1 to 4096 octets");
  }
  absl::StatusOr<std::string> hash = HashPassword(context.secret, ScryptCost{});
  if (!hash.ok()) return hash.status();
  absl::StatusOr<std::vector<DigestSecret>> digest =
      DigestOf(context, *plan, arguments);
  if (!digest.ok()) return digest.status();
  absl::Status status = context.store.SetPassword(
      plan->name, *hash, IsTrue(arguments, "replace"), context.clock.Now(),
      plan->options, *digest,
      context.Audit("users add", "", plan->name,
                    IsTrue(arguments, "replace") ? "replaced" : ""));
  if (absl::IsAlreadyExists(status)) {
    return absl::AlreadyExistsError(
        absl::StrCat(status.message(), ": add --replace to give a new one"));
  }
  if (!status.ok()) return status;
  Json answer = {{"name", plan->name},
                 {"message", absl::StrCat("Identity ", plan->name,
                                          " can enroll with its password.")}};
  AddNotes(*plan, arguments, answer);
  return answer;
}

absl::StatusOr<Json> RemoveUser(const AdminContext& context,
                                const Json& arguments) {
  const std::string name = TextOf(arguments, "name");
  absl::Status status = context.store.RemovePassword(
      name, context.Audit("users remove", "", name, ""));
  if (!status.ok()) return status;
  return Json{{"name", name},
              {"message",
               absl::StrCat("Identity ", name, " has no password any more.")}};
}

absl::StatusOr<Json> ListSecrets(const AdminContext& context,
                                 const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<std::vector<SecretListing>> secrets =
      context.store.ListSecrets(*page);
  if (!secrets.ok()) return secrets.status();
  const absl::Time now = context.clock.Now();
  Json rows = Json::array();
  int64_t last = 0;
  for (const SecretListing& secret : *secrets) {
    last = secret.id;
    rows.push_back(
        {{"id", absl::StrCat(secret.id)},
         {"identity", secret.identity},
         {"state", secret.used_at.has_value() ? "used"
                   : secret.expires_at <= now ? "expired"
                                              : "unused"},
         {"created_at", UtcText(secret.created_at)},
         {"expires_at", UtcText(secret.expires_at)},
         {"used_at",
          secret.used_at.has_value() ? Json(UtcText(*secret.used_at)) : Json()},
         {"serial", HexText(secret.serial)}});
  }
  return PageAnswer(std::move(rows), last, *page);
}

absl::StatusOr<Json> AddSecret(const AdminContext& context,
                               const Json& arguments) {
  const std::string valid_for = TextOf(arguments, "valid_for");
  const std::optional<absl::Duration> duration = ParseDurationText(valid_for);
  if (!duration.has_value() || *duration <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--valid_for=", valid_for, " is not a duration like 24h, 7d or 30m"));
  }
  // Its hash has no salt: nobody may be able to guess it.
  if (context.secret.bytes().size() < kMinOneTimeSecretBytes ||
      context.secret.bytes().size() > kMaxPasswordBytes) {
    return absl::InvalidArgumentError("no one-time secret came with the call");
  }
  absl::StatusOr<IdentityPlan> plan = PlanIdentity(context, arguments);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<std::vector<DigestSecret>> digest =
      DigestOf(context, *plan, arguments);
  if (!digest.ok()) return digest.status();
  const absl::Time now = context.clock.Now();
  const std::string until = UtcText(now + *duration);
  absl::Status status = context.store.AddSecret(
      plan->name, HashOneTimeSecret(context.secret), now, now + *duration,
      plan->options, *digest,
      context.Audit("secrets add", "", plan->name,
                    absl::StrCat("good until ", until)));
  if (!status.ok()) return status;
  Json answer = {{"identity", plan->name}, {"expires_at", until}};
  AddNotes(*plan, arguments, answer);
  return answer;
}

absl::StatusOr<Json> RemoveSecret(const AdminContext& context,
                                  const Json& arguments) {
  absl::StatusOr<int64_t> id = IdArgument(arguments, "id", "secrets list");
  if (!id.ok()) return id.status();
  const std::string text = absl::StrCat(*id);
  absl::Status status = context.store.RemoveSecret(
      *id, context.Audit("secrets remove", "", text, ""));
  if (!status.ok()) return status;
  return Json{{"id", text},
              {"message", absl::StrCat("One-time secret ", text,
                                       " is good for nothing any more.")}};
}

absl::StatusOr<Json> ListPsks(const AdminContext& context,
                              const Json& arguments) {
  absl::StatusOr<Page> page = PageOf(arguments);
  if (!page.ok()) return page.status();
  absl::StatusOr<std::vector<PreSharedKeyListing>> keys =
      context.store.ListPreSharedKeys(*page);
  if (!keys.ok()) return keys.status();
  Json rows = Json::array();
  int64_t last = 0;
  for (const PreSharedKeyListing& key : *keys) {
    last = key.id;
    rows.push_back({{"key_identifier", HexText(key.key_identifier)},
                    {"identity", key.identity},
                    {"created_at", UtcText(key.created_at)}});
  }
  return PageAnswer(std::move(rows), last, *page);
}

absl::StatusOr<Json> AddPsk(const AdminContext& context,
                            const Json& arguments) {
  const size_t size = context.secret.bytes().size();
  if (size != 16 && size != 24 && size != 32) {
    return absl::InvalidArgumentError(
        "a pre-shared key has 16, 24 or 32 octets");
  }
  absl::StatusOr<IdentityPlan> plan = PlanIdentity(context, arguments);
  if (!plan.ok()) return plan.status();
  Bytes identifier(kPskIdentifierBytes);
  RAND_bytes(identifier.data(), identifier.size());
  absl::StatusOr<Bytes> sealed =
      SealPreSharedKey(context.sealer, plan->name, identifier, context.secret);
  if (!sealed.ok()) return sealed.status();
  absl::Status status = context.store.AddPreSharedKey(
      plan->name, identifier, *sealed, context.clock.Now(), plan->options,
      context.Audit("psks add", "", plan->name,
                    absl::StrCat("key identifier ", HexText(identifier))));
  if (!status.ok()) return status;
  return Json{{"identity", plan->name},
              {"key_identifier", HexText(identifier)}};
}

absl::StatusOr<Json> RemovePsk(const AdminContext& context,
                               const Json& arguments) {
  absl::StatusOr<Bytes> identifier = HexArgument(arguments, "key_identifier");
  if (!identifier.ok()) return identifier.status();
  const std::string text = HexText(*identifier);
  absl::Status status = context.store.RemovePreSharedKey(
      *identifier, context.Audit("psks remove", "", text, ""));
  if (!status.ok()) return status;
  return Json{
      {"key_identifier", text},
      {"message", absl::StrCat("Pre-shared key ", text, " is removed.")}};
}

}  // namespace

absl::Span<const Operation> CredentialOperations() {
  static constexpr Operation kOperations[] = {
      {"users list", ListUsers},    {"users add", AddUser},
      {"users remove", RemoveUser}, {"secrets list", ListSecrets},
      {"secrets add", AddSecret},   {"secrets remove", RemoveSecret},
      {"psks list", ListPsks},      {"psks add", AddPsk},
      {"psks remove", RemovePsk},
  };
  return kOperations;
}

}  // namespace bestow::server
