#include "server/admin/ca_commands.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/crypto/key_type.h"
#include "common/crypto/public_key.h"
#include "common/pki/pem.h"
#include "common/pki/pkcs10.h"
#include "server/admin/ca_flags.h"
#include "server/admin/ca_folder.h"
#include "server/admin/ca_maker.h"
#include "server/admin/ca_pages.h"
#include "server/admin/ca_show.h"
#include "server/admin/operator_log.h"
#include "server/admin/state_files.h"
#include "server/admin/state_folder.h"
#include "server/rollover/import_next.h"
#include "server/rollover/rollover_folder.h"

namespace bestow::server {
namespace {

constexpr absl::Duration kRootValidity = absl::Hours(20 * 365 * 24);
constexpr absl::Duration kIssuingValidity = absl::Hours(10 * 365 * 24);
constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxChain = 10;

int ExitCodeOf(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  return absl::IsFailedPrecondition(status) ? kExitState : kExitFailed;
}

int Failed(const Console& console, const absl::Status& status) {
  return Report(console, ExitCodeOf(status), status);
}

int MissingFlag(const Console& console, std::string_view flag) {
  return Report(
      console, kExitUsage,
      absl::InvalidArgumentError(absl::StrCat("--", flag, " is missing")));
}

// The flags of a new key.
absl::Status ReadKeyFlags(const CommandLine& line, CaOrder& order) {
  absl::StatusOr<KeyType> type = KeyTypeByName(line.Text("key_type"));
  if (!type.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--key_type: ", type.status().message()));
  }
  absl::StatusOr<KeyStorage> storage =
      KeyStorageByName(line.Text("key_storage"));
  if (!storage.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--key_storage: ", storage.status().message()));
  }
  order.key_type = *type;
  order.storage = *storage;
  return absl::OkStatus();
}

// What is good for every command that made a CA that can issue.
void PrintMade(const Console& console, const CaPlace& place,
               const std::vector<Certificate>& chain, const CaOrder* order) {
  const Certificate& ca = chain.front();
  console.out << "CA: " << ca.subject.ToText() << ", until "
              << UtcText(ca.not_after) << ", certificate in "
              << CaPaths(place.folder).certificate
              << "\nCA SHA-256 fingerprint: " << HexEncode(Sha256(ca.der))
              << "\n";
  if (chain.size() > 1) {
    console.out << "Root: " << chain.back().subject.ToText()
                << "\nRoot SHA-256 fingerprint: "
                << HexEncode(Sha256(chain.back().der)) << "\n";
  }
  if (order != nullptr && order->storage == KeyStorage::kTpm) {
    console.out << "The key is in the TPM at " << order->keys.tpm
                << ", and no backup brings it back.\n";
  }
}

void PrintUse(const Console& console, const CaPlace& place) {
  if (place.name.empty()) {
    console.out << "\nNext: `bestow-server init --ca_folder=" << place.folder
                << "` makes a server of it.\n";
    return;
  }
  console.out << "\nNext: let a label use it, in bestow-server.toml\n"
              << "  [labels.NAME]\n  ca = \"" << place.name
              << "\"\nand send a running server SIGHUP.\n";
}

// A CA that signs another's certificate.
struct Issuer {
  CaPlace place;
  CaBundle ca;
};

absl::StatusOr<Issuer> LoadIssuer(const CommandLine& line,
                                  const std::string& name,
                                  std::string_view passphrase_flag) {
  absl::StatusOr<CaPlace> place = CaPlaceOf(line, name);
  if (!place.ok()) return place.status();
  if (line.Given(passphrase_flag)) {
    place->keys.passphrase_file = line.Text(passphrase_flag);
  }
  absl::StatusOr<CaBundle> ca = LoadCa(place->folder, place->keys);
  if (!ca.ok()) return ca.status();
  return Issuer{*std::move(place), *std::move(ca)};
}

bool IsInState(const CaPlace& place) { return !place.name.empty(); }

// For the audit log.
std::string NameOf(const CaPlace& place) {
  return IsInState(place) ? place.name : place.folder;
}
std::string DetailOf(const Certificate& ca) {
  return absl::StrCat("CA certificate ", HexEncode(Sha256(ca.der)), ", ",
                      ca.subject.ToText(), " until ", UtcText(ca.not_after));
}

absl::StatusOr<OperatorLog> OpenLog(const Console& console,
                                    const CommandLine& line, bool in_state) {
  return OperatorLog::Open(in_state ? line.state_dir() : "", console.clock);
}

absl::StatusOr<std::vector<Certificate>> ReadChain(const CommandLine& line) {
  if (line.Text("chain").empty()) return std::vector<Certificate>();
  return LoadCertificatesPem(line.Text("chain"), kMaxChain);
}

absl::StatusOr<Pkcs10Request> ReadRequest(const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path, kMaxFileBytes);
  if (!pem.ok()) return absl::FailedPreconditionError(pem.status().message());
  absl::StatusOr<std::vector<PemBlock>> blocks = ParsePem(*pem, 1);
  if (!blocks.ok() || blocks->size() != 1 ||
      (blocks->front().label != "CERTIFICATE REQUEST" &&
       blocks->front().label != "NEW CERTIFICATE REQUEST")) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": holds no CERTIFICATE REQUEST alone"));
  }
  absl::StatusOr<Pkcs10Request> request =
      ParsePkcs10Der(blocks->front().content);
  if (!request.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": ", request.status().message()));
  }
  return request;
}

// What the request asks for, and what flags say in its place.
absl::StatusOr<CaContents> ContentsToSign(const CommandLine& line,
                                          const Pkcs10Request& request) {
  absl::StatusOr<CaContents> asked = CaContentsOfRequest(request);
  if (!asked.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(line.Text("csr"), ": ", asked.status().message()));
  }
  absl::StatusOr<CaContents> contents =
      CaContentsOf(line, kIssuingValidity, asked->path_length);
  if (!contents.ok()) return contents;
  if (!line.Given("subject") && !line.Given("ca_name")) {
    contents->subject = asked->subject;
  }
  if (contents->constraints == NameConstraints()) {
    contents->constraints = asked->constraints;
  }
  return contents;
}

std::vector<std::string_view> With(std::vector<std::string_view> flags,
                                   const std::vector<std::string_view>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

int CaCreateCommand(const Console& console, const CommandLine& line) {
  CaOrder order;
  absl::Status status = ReadKeyFlags(line, order);
  if (!status.ok()) return Failed(console, status);
  const bool below = !line.Text("issuer").empty();
  const std::string kind =
      below && !line.Given("kind") ? "issuing" : line.Text("kind");
  if (kind != "standalone" && kind != "root" && kind != "issuing") {
    return Failed(console, absl::InvalidArgumentError(
                               absl::StrCat("--kind: \"", kind,
                                            "\" is not one of standalone, "
                                            "root, issuing")));
  }
  if (below != (kind == "issuing")) {
    return Failed(console, absl::InvalidArgumentError(
                               "an issuing CA, and no other, has an --issuer"));
  }
  absl::StatusOr<CaContents> contents = CaContentsOf(
      line, below ? kIssuingValidity : kRootValidity, kind == "root" ? 1 : 0);
  if (!contents.ok()) return Failed(console, contents.status());
  absl::StatusOr<CaPlace> place = CaPlaceOf(line, line.argument());
  if (!place.ok()) return Failed(console, place.status());
  order.contents = *std::move(contents);
  order.keys = place->keys;
  absl::StatusOr<Issuer> issuer = Issuer();
  if (below) {
    issuer = LoadIssuer(line, line.Text("issuer"), "from_passphrase_file");
    if (!issuer.ok()) return Failed(console, issuer.status());
  }
  absl::StatusOr<OperatorLog> log =
      OpenLog(console, line, IsInState(*place) || IsInState(issuer->place));
  if (!log.ok()) return Failed(console, log.status());
  absl::StatusOr<std::vector<Certificate>> chain = CreateCa(
      place->folder, order, below ? &issuer->ca : nullptr, console.clock.Now());
  if (!chain.ok()) return Failed(console, chain.status());
  const Certificate& made = chain->front();
  status = log->Note(
      "ca create", NameOf(*place),
      below ? absl::StrCat(DetailOf(made), ", by ", NameOf(issuer->place))
            : DetailOf(made),
      made.serial);
  if (!status.ok()) return Failed(console, status);
  PrintMade(console, *place, *chain, &order);
  if (kind != "root") {
    PrintUse(console, *place);
  } else {
    console.out
        << "\nNext: `bestow-server ca request` makes a CA below it, and "
           "`ca sign-request` signs it here.\nKeep the folder "
        << place->folder << " off the network.\n";
  }
  return kExitOk;
}

int CaRequestCommand(const Console& console, const CommandLine& line) {
  CaOrder order;
  absl::Status status = ReadKeyFlags(line, order);
  if (!status.ok()) return Failed(console, status);
  absl::StatusOr<CaContents> contents = CaContentsOf(line, kIssuingValidity, 0);
  if (!contents.ok()) return Failed(console, contents.status());
  absl::StatusOr<CaPlace> place = CaPlaceOf(line, line.argument());
  if (!place.ok()) return Failed(console, place.status());
  order.contents = *std::move(contents);
  order.keys = place->keys;
  absl::StatusOr<OperatorLog> log = OpenLog(console, line, IsInState(*place));
  if (!log.ok()) return Failed(console, log.status());
  status = RequestCa(place->folder, order);
  if (status.ok()) {
    status = log->Note("ca request", NameOf(*place),
                       absl::StrCat("a key and a request for ",
                                    order.contents.subject.ToText()));
  }
  if (!status.ok()) return Failed(console, status);
  console.out << "Request: " << order.contents.subject.ToText() << ", in "
              << place->folder
              << "/request.pem\n\nNext: have the root sign it as a CA's "
                 "(`bestow-server ca sign-request`, or any other CA's way), "
                 "then\n  bestow-server ca import "
              << (place->name.empty()
                      ? place->folder
                      : absl::StrCat("--state_dir=", line.state_dir(), " ",
                                     line.argument()))
              << " --chain=FILE    # the certificate and every issuer\n";
  return kExitOk;
}

int CaImportCommand(const Console& console, const CommandLine& line) {
  if (line.Text("chain").empty()) return MissingFlag(console, "chain=FILE");
  absl::StatusOr<CaPlace> place = CaPlaceOf(line, line.argument());
  if (!place.ok()) return Failed(console, place.status());
  absl::StatusOr<std::vector<Certificate>> certificates = ReadChain(line);
  if (!certificates.ok()) return Failed(console, certificates.status());
  absl::StatusOr<OperatorLog> log = OpenLog(console, line, IsInState(*place));
  if (!log.ok()) return Failed(console, log.status());
  absl::StatusOr<RolloverStatus> rollover =
      ReadRollover(CaPaths(place->folder));
  if (rollover.ok() && rollover->stage == RolloverStage::kWaiting) {
    absl::StatusOr<std::vector<Certificate>> next =
        ImportIntoNext(place->folder, *certificates, place->keys);
    if (!next.ok()) return Failed(console, next.status());
    absl::Status status =
        log->Note("ca import", NameOf(*place),
                  absl::StrCat("of the next key: ", DetailOf(next->front())),
                  next->front().serial);
    if (!status.ok()) return Failed(console, status);
    console.out
        << "The next key of " << next->front().subject.ToText()
        << " has its certificate. A server that runs shows it to "
           "clients from its next reload (`bestow-server reload`) on.\n";
    return kExitOk;
  }
  absl::StatusOr<std::vector<Certificate>> chain =
      ImportCa(place->folder, *std::move(certificates), line.IsOn("replace"),
               place->keys, console.clock.Now());
  if (!chain.ok()) return Failed(console, chain.status());
  absl::Status status =
      log->Note("ca import", NameOf(*place), DetailOf(chain->front()),
                chain->front().serial);
  if (!status.ok()) return Failed(console, status);
  PrintMade(console, *place, *chain, nullptr);
  PrintUse(console, *place);
  return kExitOk;
}

int CaImportKeyCommand(const Console& console, const CommandLine& line) {
  const std::string& key_file = line.Text("key_file");
  const std::string& pkcs12 = line.Text("pkcs12");
  if (key_file.empty() == pkcs12.empty()) {
    return MissingFlag(console, "key_file=FILE or --pkcs12=FILE");
  }
  absl::StatusOr<CaPlace> place = CaPlaceOf(line, line.argument());
  if (!place.ok()) return Failed(console, place.status());
  CaKeyOptions from = place->keys;
  from.passphrase_file = line.Text("from_passphrase_file");
  absl::StatusOr<ForeignKey> key = absl::UnknownError("not read");
  if (!key_file.empty()) {
    key = ReadKeyFile(key_file, from);
  } else {
    Secret passphrase;
    if (!from.passphrase_file.empty()) {
      absl::StatusOr<Secret> read = ReadPassphrase(from.passphrase_file);
      if (!read.ok()) return Failed(console, read.status());
      passphrase = *std::move(read);
    }
    key = ReadPkcs12File(pkcs12, passphrase);
  }
  if (!key.ok()) return Failed(console, key.status());
  absl::StatusOr<std::vector<Certificate>> more = ReadChain(line);
  if (!more.ok()) return Failed(console, more.status());
  for (Certificate& certificate : *more) {
    if (std::find(key->certificates.begin(), key->certificates.end(),
                  certificate) == key->certificates.end()) {
      key->certificates.push_back(std::move(certificate));
    }
  }
  absl::StatusOr<OperatorLog> log = OpenLog(console, line, IsInState(*place));
  if (!log.ok()) return Failed(console, log.status());
  absl::StatusOr<std::vector<Certificate>> chain = ImportCaKey(
      place->folder, *std::move(key), place->keys, console.clock.Now());
  if (!chain.ok()) return Failed(console, chain.status());
  absl::Status status =
      log->Note("ca import-key", NameOf(*place), DetailOf(chain->front()),
                chain->front().serial);
  if (!status.ok()) return Failed(console, status);
  PrintMade(console, *place, *chain, nullptr);
  PrintUse(console, *place);
  return kExitOk;
}

int CaSignRequestCommand(const Console& console, const CommandLine& line) {
  if (line.Text("csr").empty()) return MissingFlag(console, "csr=FILE");
  if (line.Text("out").empty()) return MissingFlag(console, "out=FILE");
  absl::StatusOr<Pkcs10Request> request = ReadRequest(line.Text("csr"));
  if (!request.ok()) return Failed(console, request.status());
  absl::StatusOr<CaContents> contents = ContentsToSign(line, *request);
  if (!contents.ok()) return Failed(console, contents.status());
  absl::StatusOr<Issuer> issuer =
      LoadIssuer(line, line.argument(), "passphrase_file");
  if (!issuer.ok()) return Failed(console, issuer.status());
  absl::StatusOr<OperatorLog> log =
      OpenLog(console, line, IsInState(issuer->place));
  if (!log.ok()) return Failed(console, log.status());
  absl::StatusOr<Certificate> made = CreateCaBelow(
      *contents, request->spki, *issuer->ca.authority, console.clock.Now());
  if (!made.ok()) return Failed(console, made.status());
  // First: no certificate is out without its entry.
  absl::Status status = log->Note("ca sign-request", NameOf(issuer->place),
                                  DetailOf(*made), made->serial);
  if (!status.ok()) return Failed(console, status);
  std::string pem = SerializeCertificatePem(made->der);
  for (const Certificate& certificate : issuer->ca.chain) {
    absl::StrAppend(&pem, SerializeCertificatePem(certificate.der));
  }
  status = CreateFileDurably(line.Text("out"), AsBytes(pem), kPublicMode);
  if (!status.ok()) return Failed(console, status);
  console.out << "CA: " << made->subject.ToText() << ", until "
              << UtcText(made->not_after) << ", signed by "
              << issuer->ca.chain.front().subject.ToText()
              << "\nCA SHA-256 fingerprint: " << HexEncode(Sha256(made->der))
              << "\n\nNext: `bestow-server ca import --chain="
              << line.Text("out") << "` where its key is.\n";
  return kExitOk;
}

absl::Span<const Command> CaCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"ca list",
       "list the CAs",
       kCaListPage,
       {"state_dir", "json"},
       "",
       CaListCommand},
      {"ca show",
       "show a CA",
       kCaShowPage,
       {"state_dir", "json"},
       "NAME",
       CaShowCommand,
       "",
       "",
       true},
      {"ca create", "make a root, or a CA below one", kCaCreatePage,
       With(CaContentsFlags(),
            {"state_dir", "kind", "issuer", "key_type", "key_storage",
             "passphrase_file", "tpm", "from_passphrase_file"}),
       "NAME", CaCreateCommand, "", "", true},
      {"ca request", "make a CA's key, for an outside root to sign",
       kCaRequestPage,
       With(CaRightsFlags(),
            {"state_dir", "key_type", "key_storage", "passphrase_file", "tpm"}),
       "NAME", CaRequestCommand, "", "", true},
      {"ca sign-request", "sign another CA's request", kCaSignRequestPage,
       With(CaContentsFlags(),
            {"state_dir", "csr", "out", "passphrase_file", "tpm"}),
       "NAME", CaSignRequestCommand, "", "", true},
      {"ca import",
       "bring a CA its certificate",
       kCaImportPage,
       {"state_dir", "chain", "replace", "passphrase_file", "tpm"},
       "NAME",
       CaImportCommand,
       "",
       "",
       true},
      {"ca import-key",
       "take over a CA's key from elsewhere",
       kCaImportKeyPage,
       {"state_dir", "key_file", "pkcs12", "chain", "from_passphrase_file",
        "passphrase_file", "tpm"},
       "NAME",
       CaImportKeyCommand,
       "",
       "",
       true},
  };
  return *kCommands;
}

}  // namespace bestow::server
