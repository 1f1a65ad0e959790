#include "server/config/profile_rules.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_type.h"
#include "common/der/oid.h"
#include "common/pki/extension.h"
#include "common/pki/name.h"
#include "common/pki/oids.h"
#include "server/config/known_names.h"
#include "server/config/name_template.h"
#include "server/config/san_pattern.h"

namespace bestow::server {
namespace {

constexpr char kIdentity[] = "{identity}";
// Two devices.
constexpr char kOne[] = "gw-17";
constexpr char kOther[] = "other-device";
// Backdating within what clocks differ by is harmless, however short the
// certificates of a demonstration live.
constexpr absl::Duration kClocksDiffer = absl::Hours(1);

struct Purpose {
  const der::Oid& oid;
  std::string_view name;
  uint32_t usages;  // one of them is needed
  std::string_view usage_names;
};

// RFC 5280 4.2.1.12, the lists of consistent usages.
const Purpose* FindPurpose(const der::Oid& oid) {
  static const Purpose kPurposes[] = {
      {oids::KpServerAuth(), "serverAuth",
       kDigitalSignature | kKeyEncipherment | kKeyAgreement,
       "digitalSignature, keyEncipherment or keyAgreement"},
      {oids::KpClientAuth(), "clientAuth", kDigitalSignature | kKeyAgreement,
       "digitalSignature or keyAgreement"},
      {oids::KpCodeSigning(), "codeSigning", kDigitalSignature,
       "digitalSignature"},
      {oids::KpEmailProtection(), "emailProtection",
       kDigitalSignature | kNonRepudiation | kKeyEncipherment | kKeyAgreement,
       "digitalSignature, nonRepudiation, keyEncipherment or keyAgreement"},
  };
  const auto* found =
      std::find_if(std::begin(kPurposes), std::end(kPurposes),
                   [&](const Purpose& purpose) { return purpose.oid == oid; });
  return found == std::end(kPurposes) ? nullptr : found;
}

uint32_t UsagesOf(KeyType type) {
  const bool is_ec = type == KeyType::kEcP256 || type == KeyType::kEcP384;
  return is_ec ? kDigitalSignature | kNonRepudiation | kKeyAgreement
               : kDigitalSignature | kNonRepudiation | kKeyEncipherment |
                     kDataEncipherment;
}

template <typename T>
bool HasTwice(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return std::adjacent_find(values.begin(), values.end()) != values.end();
}

class Finder {
 public:
  explicit Finder(const ProfileConfig& profile) : profile_(profile) {}

  std::vector<ProfileMistake> Run() {
    Validity();
    Usages();
    Purposes();
    Names();
    Additions();
    Policies();
    return std::move(found_);
  }

 private:
  void Add(std::string_view key, std::string_view what) {
    found_.push_back({std::string(key), std::string(what)});
  }

  void Validity() {
    if (profile_.backdate > profile_.validity &&
        profile_.backdate > kClocksDiffer) {
      Add("backdate",
          "is longer than the validity: certificates would be for a time that "
          "is over, more than for that to come");
    }
  }

  // RFC 8813 3, RFC 5480 3: an EC key MUST NOT have keyEncipherment or
  // dataEncipherment; RFC 3279 2.3.1: an RSA key has no keyAgreement.
  void Usages() {
    if (profile_.key_types.empty() || profile_.key_usage == 0) return;
    uint32_t possible = 0;
    for (const KeyType type : profile_.key_types) {
      const uint32_t usages = UsagesOf(type);
      possible |= usages;
      if ((profile_.key_usage & usages) == 0) {
        Add("key_usage", absl::StrCat("has nothing that an ", KeyTypeName(type),
                                      " key, which key_types takes, can do"));
      }
    }
    for (const std::string_view name :
         {"keyEncipherment", "dataEncipherment", "keyAgreement"}) {
      const uint32_t bit = *KeyUsageByName(name);
      if ((profile_.key_usage & bit) != 0 && (possible & bit) == 0) {
        Add("key_usage",
            absl::StrCat("has ", name,
                         ", which no certificate for a key of key_types may "
                         "have (RFC 8813 3, RFC 3279 2.3.1)"));
      }
    }
  }

  void Purposes() {
    const auto& purposes = profile_.extended_key_usage;
    if (HasTwice(purposes)) Add("extended_key_usage", "names one twice");
    for (const der::Oid& oid : purposes) {
      if (oid == oids::KpTimeStamping()) {
        Add("extended_key_usage",
            "has timeStamping, which stands alone and critical in the "
            "certificate of an authority (RFC 3161 2.3), not in a device's");
      }
      const Purpose* purpose = FindPurpose(oid);
      // Without any usage something else is wrong, and said.
      if (purpose != nullptr && profile_.key_usage != 0 &&
          (purpose->usages & profile_.key_usage) == 0) {
        Add("extended_key_usage",
            absl::StrCat("has ", purpose->name, ", which needs ",
                         purpose->usage_names,
                         " in key_usage (RFC 5280 4.2.1.12)"));
      }
    }
  }

  // RFC 5280 4.1.2.6, 4.2.1.6: a certificate has a subject or a critical
  // subjectAltName.
  void Names() {
    const auto& sans = profile_.sans;
    if (HasTwice(sans)) Add("sans", "names one twice");
    if (!profile_.subject.empty()) return;
    if (sans.empty()) {
      Add("subject",
          "is empty, and so are the sans: a certificate has one of them (RFC "
          "5280 4.1.2.6)");
    } else if (std::none_of(sans.begin(), sans.end(), [](const auto& san) {
                 return absl::StrContains(san, kIdentity);
               })) {
      Add("subject",
          "is empty, and none of the sans has {identity}: each device has a "
          "name of its own");
    }
  }

  // The names that the profile gives to one device are not for another to ask.
  void Additions() {
    for (const std::string& text : profile_.may_add) {
      const absl::StatusOr<SanPattern> pattern = SanPattern::Parse(text);
      if (!pattern.ok()) continue;  // complained of by itself
      for (const std::string& san : profile_.sans) {
        const absl::StatusOr<GeneralName> given = RenderSan(san, kOther);
        if (given.ok() && absl::StrContains(san, kIdentity) &&
            pattern->Matches(*given, kOne)) {
          Add("may_add",
              absl::StrCat("\"", text,
                           "\" would let a device ask for what sans gives to "
                           "another, \"",
                           san,
                           "\": write {identity} into the pattern, or keep the "
                           "two apart"));
        }
      }
    }
  }

  void Policies() {
    if (HasTwice(profile_.policies)) {
      // RFC 5280 4.2.1.4
      Add("policies", "names one twice");
    }
    if (!profile_.cps.empty() && profile_.policies.empty()) {
      Add("cps", "is the statement of a policy, and there are no policies");
    }
  }

  const ProfileConfig& profile_;
  std::vector<ProfileMistake> found_;
};

}  // namespace

std::vector<ProfileMistake> FindProfileMistakes(const ProfileConfig& profile) {
  return Finder(profile).Run();
}

}  // namespace bestow::server
