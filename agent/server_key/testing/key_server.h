// A CA that answers /serverkeygen, for tests.
#ifndef AGENT_SERVER_KEY_TESTING_KEY_SERVER_H_
#define AGENT_SERVER_KEY_TESTING_KEY_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "agent/server_key/key_reply.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/crypto/signer.h"
#include "common/pki/certificate.h"
#include "common/pki/extension.h"

namespace bestow::agent {

// CHECK-fails instead of returning errors.
class KeyCa {
 public:
  explicit KeyCa(const std::string& common_name);

  const Certificate& certificate() const { return certificate_; }
  SoftwareSigner& signer() { return *signer_; }
  // Valid for a day from an hour ago; with authority and subject key
  // identifiers beside `extensions`.
  Certificate Issue(const std::string& common_name, const Bytes& spki,
                    const std::vector<Extension>& extensions = {});
  // SignedData over `pkcs8` by this CA, or by `signer` with its certificate.
  Secret SignKey(ByteView pkcs8);
  static Secret SignKeyBy(SoftwareSigner& signer, const Certificate& with,
                          ByteView pkcs8);

 private:
  std::unique_ptr<SoftwareSigner> signer_;
  Certificate certificate_;
};

Secret NewPkcs8(KeyType type);
Bytes SpkiOf(const Secret& pkcs8);
Bytes CertsOnly(const std::vector<Certificate>& certificates);

}  // namespace bestow::agent

#endif  // AGENT_SERVER_KEY_TESTING_KEY_SERVER_H_
