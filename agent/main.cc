// bestow-agent: keeps a device's key in its TPM and its certificate fresh.
#include <gflags/gflags.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/check.h"
#include "agent/config/config.h"
#include "agent/control/commands.h"
#include "agent/daemon.h"
#include "agent/exit_code.h"
#include "agent/server_key/command.h"
#include "common/tpm/esys_tpm.h"

DEFINE_string(config, "/etc/bestow-agent.toml", "the configuration file");
DEFINE_bool(once, false,
            "run: end when a valid credential is there, or after the first "
            "failure");
DEFINE_string(identity, "",
              "server-key: whose; without it the only one, or \"default\"");
DEFINE_bool(json, false, "status, renew, pause, resume: answer in JSON");
DEFINE_bool(now, false, "renew: whether it is due or not");
DEFINE_string(key_type, "rsa-2048",
              "server-key get: ec-p256, ec-p384, rsa-2048 or rsa-3072");
DEFINE_string(protection, "auto",
              "server-key get: how the key travels: tls, psk, tpm, or auto, "
              "the strongest that there is");

namespace gflags {
// How gflags ends the process on a wrong flag; it exits with 1 by itself.
extern void (*gflags_exitfunc)(int);
}  // namespace gflags

namespace bestow::agent {
namespace {

constexpr char kUsage[] =
    R"(bestow-agent keeps a device's key in its TPM 2.0, enrolls it with an EST
server (RFC 7030), and renews its certificate before it expires.

  bestow-agent run --config=FILE           enroll, then renew for ever
  bestow-agent run --config=FILE --once    ... only what is due now
  bestow-agent status [NAME] --config=FILE what it has, until when, what went wrong
  bestow-agent status [NAME] --config=FILE --json
  bestow-agent renew --now [NAME] --config=FILE
                                           whether it is due or not, and waits
  bestow-agent pause [NAME] --config=FILE  the off switch: no more renewals,
  bestow-agent resume [NAME] --config=FILE ... until then, over restarts too
  bestow-agent check --config=FILE         is all there that it needs?
  bestow-agent server-key get NAME --config=FILE [--key_type=rsa-2048]
      [--protection=auto|tls|psk|tpm]
      [--identity=NAME]                    have the server make a key and a
                                           certificate, for software that can't
                                           use keys in a TPM; kept sealed to it
  bestow-agent server-key show NAME --config=FILE
                                           that private key in PEM, to a pipe

Without --config: /etc/bestow-agent.toml. Such a file:

  state_dir = "/var/lib/bestow-agent"      # key, certificate and chain: current/
  [server]
  url = "https://est.example:8443"
  ca_file = "/etc/bestow/ca.pem"           # or ca_sha256 = "the CA's fingerprint"
  [tpm]
  tcti = "device:/dev/tpmrm0"              # or "swtpm:path=/run/swtpm.sock"
  [identity]
  username = "gw-17"
  secret_file = "/etc/bestow/secret"       # password or one-time secret
  subject = "CN=gw-17"                     # CN=username unless given
  sans = ["dns:gw-17"]
  key_type = "ec-p256"                     # ec-p384, rsa-2048, rsa-3072
  [renewal]
  fraction = 0.66                          # of the lifetime
  jitter = 0.1
  retry_min = "5s"
  retry_max = "1h"
  cacerts_interval = "24h"
  info_interval = "6h"                     # asks the server when to renew
  same_key = false                         # true: no new key at a renewal
  expired_grace = "0s"                     # show an expired certificate so long
  [server_keys]                            # optional: server-key get
  psk_id = "0a1b2c"                        # a key that the server knows too
  psk_file = "/etc/bestow/server-key.psk"  # in hex

Instead of [identity] there may be several, each with a name:

  [identities.web]
  username = "gw-17-web"
  secret_file = "/etc/bestow/web.secret"
  [identities.web.server]                  # what differs from [server];
  url = "https://est.example:8443/.well-known/est/web"
                                           # .renewal, .server_keys likewise

Exit codes: 0 well (status: the credential is valid), 1 failed, 2 wrong usage,
3 a mistake in the config or a state folder that can't be used.
)";

int Usage(std::string_view why) {
  std::fprintf(stderr, "bestow-agent: %.*s\n\n%s", static_cast<int>(why.size()),
               why.data(), kUsage);
  return kExitUsage;
}

// No secret of ours ends up in a core file or under a debugger.
void HardenProcess() {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
  signal(SIGPIPE, SIG_IGN);
}

int Main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--help" || arg == "-help" || arg == "-h" || arg == "help") {
      std::fputs(kUsage, stdout);
      return kExitOk;
    }
  }
  gflags::gflags_exitfunc = [](int) { std::exit(kExitUsage); };
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  if (argc < 2) return Usage("one command is needed");
  const std::string_view command = argv[1];
  const bool is_control = command == "status" || command == "renew" ||
                          command == "pause" || command == "resume";
  ServerKeyCommand server_key;
  if (command == "server-key") {
    if (argc != 4) return Usage("server-key get NAME, or server-key show NAME");
    server_key = {.verb = argv[2],
                  .identity = FLAGS_identity,
                  .name = argv[3],
                  .key_type = FLAGS_key_type,
                  .protection = FLAGS_protection};
    if (server_key.verb != "get" && server_key.verb != "show") {
      return Usage("unknown command \"server-key " + server_key.verb + "\"");
    }
  } else if (argc != 2 && !(argc == 3 && is_control)) {
    return Usage("one command is needed");
  } else if (command != "run" && command != "check" && !is_control) {
    return Usage("unknown command \"" + std::string(command) + "\"");
  } else if (command == "renew" && !FLAGS_now) {
    return Usage("renewals come by themselves; to have one now: renew --now");
  }
  HardenProcess();
  auto config = ReadConfigFile(FLAGS_config);
  if (!config.ok()) {
    std::fprintf(stderr, "bestow-agent: %s\n",
                 std::string(config.status().message()).c_str());
    return kExitConfigOrState;
  }
  if (command == "run") {
    return RunDaemon(*config, FLAGS_once);
  }
  if (is_control) {
    return RunControlCommand(*config, {.verb = std::string(command),
                                       .identity = argc == 3 ? argv[2] : "",
                                       .json = FLAGS_json});
  }
  if (command == "server-key") {
    return RunServerKeyCommand(*config, server_key);
  }
  EsysTpm tpm(
      EsysTpmOptions{.tcti = config->tpm.tcti, .parent = config->tpm.parent});
  std::string out;
  const int code = RunCheck(*config, tpm, &out);
  std::fputs(out.c_str(), stdout);
  return code;
}

}  // namespace
}  // namespace bestow::agent

int main(int argc, char** argv) { return bestow::agent::Main(argc, argv); }
