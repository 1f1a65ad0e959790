// Passwords as scrypt hashes (RFC 7914), one-time secrets as SHA-256.
#ifndef SERVER_AUTH_PASSWORD_H_
#define SERVER_AUTH_PASSWORD_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bytes.h"
#include "common/base/secret.h"

namespace bestow::server {

// 16 MiB and some 50 ms on one core.
struct ScryptCost {
  int log2_n = 14;
  int r = 8;
  int p = 1;
};

// "scrypt$14$8$1$<salt, hex>$<key, hex>", with a random salt. kInternal when
// there is not enough memory.
absl::StatusOr<std::string> HashPassword(const Secret& password,
                                         ScryptCost cost);

// False for a wrong password, for a hash that is malformed or asks for more
// than HashPassword ever would, and without memory. Takes the time of the
// hash's cost, whatever the password.
bool VerifyPassword(const Secret& password, std::string_view hash);

// A fresh one-time secret: 160 random bits as 32 characters of base32 in lower
// case, fit to be typed and to stand in a file or a URL.
Secret GenerateOneTimeSecret();
// What the store keeps of it. No salt and no work factor: nobody guesses 160
// bits.
Bytes HashOneTimeSecret(const Secret& secret);

}  // namespace bestow::server

#endif  // SERVER_AUTH_PASSWORD_H_
