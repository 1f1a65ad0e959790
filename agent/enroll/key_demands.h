// Which key a server's CSR attributes leave to choose.
#ifndef AGENT_ENROLL_KEY_DEMANDS_H_
#define AGENT_ENROLL_KEY_DEMANDS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/key_type.h"

namespace bestow::agent {

// Several demands of one kind are alternatives, for one key meets one of them.
class KeyDemands {
 public:
  // ecPublicKey or rsaEncryption alone: any of the kind, unless others say
  // which.
  void Algorithm(bool is_rsa, std::string_view what);
  // nullopt: one that we don't have.
  void Key(bool is_rsa, std::optional<KeyType> type, std::string_view what);
  // The signature of the request, which is that of one of these.
  void Signature(const std::vector<KeyType>& types, std::string_view what);

  bool empty() const { return names_.empty(); }
  // The first of `preferred` and the types that we have which meets them all;
  // nullopt when none does.
  std::optional<KeyType> Choose(KeyType preferred) const;
  // "P-256, RSA-4096", for a log.
  std::string Describe() const;

 private:
  struct Wanted {
    bool is_rsa;
    std::optional<KeyType> type;
  };
  bool KeyFits(KeyType type) const;
  bool SignatureFits(KeyType type) const;

  std::vector<bool> algorithms_;  // is it RSA?
  std::vector<Wanted> keys_;
  bool asks_signature_ = false;
  std::vector<KeyType> signatures_;
  std::vector<std::string> names_;
};

}  // namespace bestow::agent

#endif  // AGENT_ENROLL_KEY_DEMANDS_H_
