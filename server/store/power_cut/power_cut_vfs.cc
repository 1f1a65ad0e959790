#include "server/store/power_cut/power_cut_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/store/power_cut/held_file.h"

namespace bestow::server {
namespace {

constexpr int kHoldFor =
    SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;

// The process's one layer; it lives as long as the process.
struct Layer {
  PowerCutOptions options;
  sqlite3_vfs* real = nullptr;
  sqlite3_vfs vfs = {};
  sqlite3_io_methods methods = {};

  std::mutex mutex;  // of what follows
  std::mt19937 random{20261121};
  std::map<std::string, std::weak_ptr<HeldFile>> files;
  PowerCutCounts counts;
};

Layer& TheLayer() {
  static auto* layer = new Layer;
  return *layer;
}

// One connection's file, in memory that SQLite gives; the real one's follows.
struct OpenFile {
  sqlite3_file base;
  std::shared_ptr<HeldFile> held;  // null: goes through
  std::string name;
  bool is_log = false;

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(sizeof(OpenFile) % alignof(std::max_align_t) == 0 ||
              alignof(OpenFile) <= alignof(std::max_align_t));

OpenFile& Of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }
sqlite3_file* RealOf(sqlite3_file* file) { return Of(file).real(); }

class Backing : public RealFile {
 public:
  explicit Backing(sqlite3_file* file) : file_(RealOf(file)) {}
  int Read(uint8_t* data, int count, int64_t offset) override {
    const int result = file_->pMethods->xRead(file_, data, count, offset);
    return result == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : result;
  }
  int Write(const uint8_t* data, int count, int64_t offset) override {
    return file_->pMethods->xWrite(file_, data, count, offset);
  }
  int Truncate(int64_t size) override {
    return file_->pMethods->xTruncate(file_, size);
  }

 private:
  sqlite3_file* const file_;
};

int Close(sqlite3_file* file) {
  OpenFile& open = Of(file);
  Layer& layer = TheLayer();
  int result = SQLITE_OK;
  {
    std::lock_guard<std::mutex> lock(layer.mutex);
    // A kernel keeps what a process leaves behind, and writes it in the end.
    if (open.held != nullptr && open.held.use_count() == 1) {
      Backing backing(file);
      result = open.held->Flush(backing);
      layer.files.erase(open.name);
    }
    open.held.reset();
  }
  const int closed = open.real()->pMethods->xClose(open.real());
  open.~OpenFile();
  return result != SQLITE_OK ? result : closed;
}

int Read(sqlite3_file* file, void* data, int count, sqlite3_int64 offset) {
  {
    std::lock_guard<std::mutex> lock(TheLayer().mutex);
    ++TheLayer().counts.reads;
  }
  if (Of(file).held == nullptr) {
    return RealOf(file)->pMethods->xRead(RealOf(file), data, count, offset);
  }
  std::lock_guard<std::mutex> lock(TheLayer().mutex);
  Backing backing(file);
  return Of(file).held->Read(backing, static_cast<uint8_t*>(data), count,
                             offset);
}

int Write(sqlite3_file* file, const void* data, int count,
          sqlite3_int64 offset) {
  {
    std::lock_guard<std::mutex> lock(TheLayer().mutex);
    if (Of(file).is_log) TheLayer().counts.log_octets += count;
  }
  if (Of(file).held == nullptr) {
    return RealOf(file)->pMethods->xWrite(RealOf(file), data, count, offset);
  }
  std::lock_guard<std::mutex> lock(TheLayer().mutex);
  ++TheLayer().counts.held_writes;
  Backing backing(file);
  return Of(file).held->Write(backing, static_cast<const uint8_t*>(data), count,
                              offset);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (Of(file).held == nullptr) {
    return RealOf(file)->pMethods->xTruncate(RealOf(file), size);
  }
  std::lock_guard<std::mutex> lock(TheLayer().mutex);
  Of(file).held->Truncate(size);
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int flags) {
  Layer& layer = TheLayer();
  absl::SleepFor(layer.options.sync_delay);
  std::lock_guard<std::mutex> lock(layer.mutex);
  ++(Of(file).is_log ? layer.counts.log_syncs : layer.counts.database_syncs);
  if (Of(file).held != nullptr) {
    Backing backing(file);
    const int result = Of(file).held->Flush(backing);
    if (result != SQLITE_OK) return result;
  }
  return RealOf(file)->pMethods->xSync(RealOf(file), flags);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  if (Of(file).held == nullptr) {
    return RealOf(file)->pMethods->xFileSize(RealOf(file), size);
  }
  std::lock_guard<std::mutex> lock(TheLayer().mutex);
  *size = Of(file).held->size();
  return SQLITE_OK;
}

int Characteristics(sqlite3_file* file) {
  // No atomic batches: they would pass by what is held.
  return RealOf(file)->pMethods->xDeviceCharacteristics(RealOf(file)) &
         SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// The rest goes to the real file as it is.
sqlite3_io_methods Methods() {
  sqlite3_io_methods methods = {};
  methods.iVersion = 2;  // with shared memory, without mapped pages
  methods.xClose = &Close;
  methods.xRead = &Read;
  methods.xWrite = &Write;
  methods.xTruncate = &Truncate;
  methods.xSync = &Sync;
  methods.xFileSize = &FileSize;
  methods.xLock = [](sqlite3_file* file, int level) {
    return RealOf(file)->pMethods->xLock(RealOf(file), level);
  };
  methods.xUnlock = [](sqlite3_file* file, int level) {
    return RealOf(file)->pMethods->xUnlock(RealOf(file), level);
  };
  methods.xCheckReservedLock = [](sqlite3_file* file, int* reserved) {
    return RealOf(file)->pMethods->xCheckReservedLock(RealOf(file), reserved);
  };
  methods.xFileControl = [](sqlite3_file* file, int op, void* argument) {
    return RealOf(file)->pMethods->xFileControl(RealOf(file), op, argument);
  };
  methods.xSectorSize = [](sqlite3_file* file) {
    return RealOf(file)->pMethods->xSectorSize(RealOf(file));
  };
  methods.xDeviceCharacteristics = &Characteristics;
  methods.xShmMap = [](sqlite3_file* file, int page, int size, int extend,
                       void volatile** memory) {
    return RealOf(file)->pMethods->xShmMap(RealOf(file), page, size, extend,
                                           memory);
  };
  methods.xShmLock = [](sqlite3_file* file, int offset, int count, int flags) {
    return RealOf(file)->pMethods->xShmLock(RealOf(file), offset, count, flags);
  };
  methods.xShmBarrier = [](sqlite3_file* file) {
    RealOf(file)->pMethods->xShmBarrier(RealOf(file));
  };
  methods.xShmUnmap = [](sqlite3_file* file, int remove) {
    return RealOf(file)->pMethods->xShmUnmap(RealOf(file), remove);
  };
  return methods;
}

bool GoesEarly() {
  Layer& layer = TheLayer();
  return std::uniform_int_distribution<int>(0, 99)(layer.random) <
         layer.options.early_percent;
}

int Open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags,
         int* out_flags) {
  Layer& layer = TheLayer();
  auto* open = new (file) OpenFile;
  open->base.pMethods = nullptr;
  open->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  const int result =
      layer.real->xOpen(layer.real, name, open->real(), flags, out_flags);
  if (result != SQLITE_OK) {
    if (open->real()->pMethods != nullptr) {
      open->real()->pMethods->xClose(open->real());
    }
    open->~OpenFile();
    file->pMethods = nullptr;  // SQLite calls no xClose
    return result;
  }
  open->base.pMethods = &layer.methods;
  if (!layer.options.hold_unsynced || name == nullptr ||
      (flags & kHoldFor) == 0) {
    return SQLITE_OK;
  }
  std::lock_guard<std::mutex> lock(layer.mutex);
  open->name = name;
  std::weak_ptr<HeldFile>& known = layer.files[open->name];
  open->held = known.lock();
  if (open->held == nullptr) {
    sqlite3_int64 size = 0;
    open->real()->pMethods->xFileSize(open->real(), &size);
    open->held = std::make_shared<HeldFile>(size, &GoesEarly);
    known = open->held;
  }
  return SQLITE_OK;
}

int AnswerPragma(void*, int action, const char* pragma, const char* value,
                 const char*, const char*) {
  return action == SQLITE_PRAGMA && value != nullptr &&
                 std::string_view(pragma) == "synchronous"
             ? SQLITE_IGNORE
             : SQLITE_OK;
}

// Called by SQLite for each new connection.
int TakeSyncAway(sqlite3* db, char**, const void*) {
  const int result =
      sqlite3_exec(db, "PRAGMA synchronous=OFF", nullptr, nullptr, nullptr);
  sqlite3_set_authorizer(db, &AnswerPragma, nullptr);
  return result;
}

}  // namespace

absl::StatusOr<PowerCutOptions> ParsePowerCutOptions(std::string_view text) {
  PowerCutOptions options;
  for (std::string_view item : absl::StrSplit(text, ',')) {
    const std::string_view given = item;
    int number = 0;
    if (item == "hold") {
      options.hold_unsynced = true;
    } else if (item == "without_sync") {
      options.without_sync = true;
    } else if (absl::ConsumePrefix(&item, "early=") &&
               absl::SimpleAtoi(item, &number) && number >= 0 &&
               number <= 100) {
      options.early_percent = number;
    } else if (absl::ConsumePrefix(&item, "sync_ms=") &&
               absl::SimpleAtoi(item, &number) && number >= 0) {
      options.sync_delay = absl::Milliseconds(number);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", given, "\" is nothing that this layer does"));
    }
  }
  return options;
}

void InstallPowerCutVfs(const PowerCutOptions& options) {
  Layer& layer = TheLayer();
  CHECK(layer.real == nullptr) << "the layer is there already";
  layer.options = options;
  layer.real = sqlite3_vfs_find(nullptr);
  layer.methods = Methods();
  // A copy: what is not named here works on the copy as on the original.
  layer.vfs = *layer.real;
  layer.vfs.pNext = nullptr;
  layer.vfs.zName = "power_cut";
  layer.vfs.szOsFile =
      static_cast<int>(sizeof(OpenFile)) + layer.real->szOsFile;
  layer.vfs.xOpen = &Open;
  CHECK_EQ(sqlite3_vfs_register(&layer.vfs, /*makeDflt=*/1), SQLITE_OK);
  if (options.without_sync) {
    CHECK_EQ(sqlite3_auto_extension(reinterpret_cast<void (*)()>(
                 reinterpret_cast<void*>(&TakeSyncAway))),
             SQLITE_OK);
  }
}

PowerCutCounts CountPowerCutVfs() {
  Layer& layer = TheLayer();
  std::lock_guard<std::mutex> lock(layer.mutex);
  return layer.counts;
}

}  // namespace bestow::server
