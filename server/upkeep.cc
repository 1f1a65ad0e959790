#include "server/upkeep.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/log/log.h"
#include "server/admin/ca_folder.h"
#include "server/rollover/rollover_task.h"
#include "server/tls_renewal/tls_task.h"
#include "server/tls_renewal/upstream_tls.h"

namespace bestow::server {
namespace {

constexpr char kRollover[] = "rollover";
constexpr char kTls[] = "tls";

}  // namespace

void AddUpkeep(const StatePaths& paths, LiveState& live, const Clock& clock,
               Server& server) {
  Housekeeper& housekeeper = server.housekeeper();
  RolloverTask::Options rollover;
  rollover.state_folder = paths.folder;
  rollover.state = [&live] { return live.Get(); };
  rollover.load = [&live, folder = paths.folder](const std::string& name) {
    return LoadCa(FolderOfCa(folder, name), live.Get()->ca_keys);
  };
  rollover.serve = [&live, &housekeeper](const std::string& name, CaBundle ca) {
    absl::Status status = live.Update([&](ServerState& state) {
      state.materials.cas.insert_or_assign(name, std::move(ca));
    });
    // The server's own certificate may be this CA's.
    if (status.ok()) housekeeper.Wake(kTls);
    return status;
  };
  rollover.store = &server.store();
  housekeeper.Add(kRollover,
                  [task = std::make_shared<RolloverTask>(std::move(rollover))](
                      absl::Time now) { return task->Run(now); });

  const auto serve_tls = [&live](TlsFiles files) {
    return live.Update([&](ServerState& state) {
      state.SetTls(std::move(files.chain), std::move(files.signer));
    });
  };
  TlsTask::Options tls;
  tls.tls_folder = paths.tls_folder;
  tls.state = [&live] { return live.Get(); };
  tls.serve = serve_tls;
  tls.store = &server.store();
  housekeeper.Add(kTls, [task = std::make_shared<TlsTask>(std::move(tls))](
                            absl::Time now) { return task->Run(now); });

  server.SetMakeUpstreamTls(
      [paths, serve_tls, &clock, &server](const TlsWish& wish) {
        return std::make_unique<UpstreamTls>(
            UpstreamTls::Options{wish, paths.folder, paths.tls_folder,
                                 serve_tls, &server.store(), &clock});
      });
  server.SetOnUpstreamCaCerts([&live](const std::string& folder,
                                      const std::vector<Certificate>& learned) {
    absl::Status status = live.Update([&](ServerState& changed) {
      changed.materials.upstream_cas[folder] = learned;
    });
    if (!status.ok()) {
      LOG(ERROR) << "an upstream's new CA certificates are not served: "
                 << status;
    }
  });
}

void WakeUpkeep(Housekeeper& housekeeper) {
  housekeeper.Wake(kRollover);
  housekeeper.Wake(kTls);
}

}  // namespace bestow::server
