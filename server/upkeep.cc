#include "server/upkeep.h"

#include <memory>
#include <string>
#include <utility>

#include "server/admin/ca_folder.h"
#include "server/rollover/rollover_task.h"
#include "server/tls_renewal/tls_task.h"

namespace bestow::server {
namespace {

constexpr char kRollover[] = "rollover";
constexpr char kTls[] = "tls";

}  // namespace

void AddUpkeep(const StatePaths& paths, LiveState& live, Store& store,
               Housekeeper& housekeeper) {
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
  rollover.store = &store;
  housekeeper.Add(kRollover,
                  [task = std::make_shared<RolloverTask>(std::move(rollover))](
                      absl::Time now) { return task->Run(now); });

  TlsTask::Options tls;
  tls.tls_folder = paths.tls_folder;
  tls.state = [&live] { return live.Get(); };
  tls.serve = [&live](TlsFiles files) {
    return live.Update([&](ServerState& state) {
      state.SetTls(std::move(files.chain), std::move(files.signer));
    });
  };
  tls.store = &store;
  housekeeper.Add(kTls, [task = std::make_shared<TlsTask>(std::move(tls))](
                            absl::Time now) { return task->Run(now); });
}

void WakeUpkeep(Housekeeper& housekeeper) {
  housekeeper.Wake(kRollover);
  housekeeper.Wake(kTls);
}

}  // namespace bestow::server
