#include "agent/server_key/command.h"

#include <errno.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/exit_code.h"
#include "agent/server_key/fetch.h"
#include "agent/server_key/server_key_store.h"
#include "common/base/clock.h"
#include "common/crypto/key_type.h"
#include "common/tpm/esys_tpm.h"
#include "common/tpm/tpm_signer.h"

namespace bestow::agent {
namespace {

void Log(std::string_view line) {
  std::fprintf(stderr, "bestow-agent: %.*s\n", static_cast<int>(line.size()),
               line.data());
}

int Fail(const absl::Status& status) {
  Log(status.message());
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

int Get(const Config& config, const IdentityConfig& identity,
        const ServerKeyCommand& command, const TpmWorker::Queue& tpm) {
  auto type = KeyTypeByName(command.key_type);
  if (!type.ok()) return Fail(type.status());
  if (*type == KeyType::kEd25519) {
    return Fail(absl::InvalidArgumentError(
        "key_type ed25519 is for CAs; ask for an EC or RSA key"));
  }
  SystemClock clock;
  const absl::Status fetched = FetchServerKey(
      config, identity,
      {.name = command.name, .type = *type, .protection = command.protection},
      tpm, clock, [](const std::string& line) { Log(line); });
  if (!fetched.ok()) {
    Log(fetched.message());
    return kExitFailed;
  }
  Log(absl::StrCat("stored ", config.state_dir, "/identities/", identity.name,
                   "/server-keys/", command.name,
                   ": cert.pem, chain.pem, and the key sealed to the TPM "
                   "(bestow-agent server-key show ",
                   command.name, ")"));
  return kExitOk;
}

// Past stdio, whose buffer nobody would cleanse.
absl::Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return absl::ErrnoToStatus(errno, "can't write the key");
    text.remove_prefix(static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

int Show(const Config& config, const IdentityConfig& identity,
         const ServerKeyCommand& command, const TpmWorker::Queue& tpm) {
  if (isatty(STDOUT_FILENO) != 0) {
    Log("a private key is not for a terminal: give a pipe or a file that only "
        "its software reads");
    return kExitFailed;
  }
  auto pem = ShowServerKey(config, identity, command.name, tpm);
  if (!pem.ok()) return Fail(pem.status());
  if (auto s = WriteAll(STDOUT_FILENO, pem->text()); !s.ok()) return Fail(s);
  return kExitOk;
}

}  // namespace

int RunServerKeyCommand(const Config& config, const ServerKeyCommand& command) {
  if (auto s = CheckServerKeyName(command.name); !s.ok()) return Fail(s);
  auto identity = FindIdentity(config, command.identity);
  if (!identity.ok()) return Fail(identity.status());
  TpmWorker worker(std::make_unique<EsysTpm>(
      EsysTpmOptions{.tcti = config.tpm.tcti, .parent = config.tpm.parent}));
  const TpmWorker::Queue tpm = worker.NewQueue();
  return command.verb == "get" ? Get(config, **identity, command, tpm)
                               : Show(config, **identity, command, tpm);
}

}  // namespace bestow::agent
