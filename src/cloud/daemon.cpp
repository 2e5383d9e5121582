#include "cloud/daemon.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <fstream>
#include <mutex>

#include "base/caught.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/tenants.h"

namespace cloud {

namespace {

constexpr std::chrono::seconds kBetweenChores(60);

// Only a folder that this program made, or an empty one, may be worked in: whatever lies in it is ours to remove.
void refuse_foreign(const std::filesystem::path& folder) {
  const std::vector<std::string> names = base::names_in(folder);
  if (std::find(names.begin(), names.end(), "ncloud.db") != names.end()) return;
  for (const std::string& name : names) {
    if (name == "lock" || name == "lost+found") continue;  // a start that got no further; the root of a file system
    throw base::Error(
        base::Code::conflict,
        fmt::format("'{}' is not empty and not a data folder of ncloudd (it has '{}', but no ncloud.db); choose an "
                    "empty or a new folder with --data-dir",
                    folder.string(), base::printable(name)));
  }
}

}  // namespace

DataFolder::DataFolder(std::filesystem::path path) : path_(std::move(path)) {
  if (base::make_folders(path_)) ::chmod(path_.c_str(), 0700);
  refuse_foreign(path_);
  const auto file = path_ / "lock";
  lock_ = base::Fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) throw base::system_error(fmt::format("cannot open '{}'", file.string()), errno);
  // The kernel gives the lock back however the process ends, so the file itself may stay.
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    std::string pid = base::read_file(file, 64);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    throw base::Error(
        base::Code::conflict,
        fmt::format("another ncloudd (process {}) works in '{}'; stop it, or choose another folder with --data-dir",
                    pid, path_.string()));
  }
  // Only for the message above, so a full disk must not keep the daemon from starting.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::pwrite(lock_.get(), pid.data(), pid.size(), 0) < 0 ||
      ::ftruncate(lock_.get(), static_cast<off_t>(pid.size())) != 0)
    base::log_warning("cannot write '{}'", file.string());
  // From here on the folder is ours, also when the start ends before there is anything in the database.
  const auto database = path_ / "ncloud.db";
  if (!base::Fd(::open(database.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)))
    throw base::system_error(fmt::format("cannot open '{}'", database.string()), errno);
}

Machine this_machine() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  struct sysinfo info{};
  ::sysinfo(&info);
  return {cpus, static_cast<std::int64_t>(info.totalram) * info.mem_unit};
}

Daemon::Daemon(const std::filesystem::path& data_folder, std::unique_ptr<Worker> worker, Machine machine)
    : store_(data_folder / "ncloud.db"),
      history_(store_),
      answers_(store_),
      objects_(store_, objects_in(data_folder)),
      identities_(store_),
      logins_(store_, identities_),
      first_token_(identities_.first_start(machine)),
      logs_(data_folder / "events"),
      worker_(std::move(worker)),
      supervisor_(store_, objects_, logs_, *worker_),
      machine_(machine),
      health_([this] { return what_hangs(); }) {
  store_.write([&](Database& db) { share_rest(db, machine); });  // it may have become another machine
  objects_.find_missing();
  const std::int64_t freed = objects_.sweep();
  if (freed > 0) base::log_info("removed {} bytes that an interrupted write had left", freed);
  const Parts parts{store_, identities_, logins_, history_, objects_, supervisor_, *worker_, machine};
  handle_server(router_, worker_->protection());
  handle_tenants(router_, parts);
  handle_queue(router_, parts);
  handle_users(router_, parts);
  handle_members(router_, parts);
  handle_history(router_, parts);
  handle_datasets(router_, parts);
  handle_volumes(router_, parts);
  handle_models(router_, parts);
  router_.go_through([this](const api::OperationInfo& operation, const api::Call& call,
                            const base::json::value& request, const std::function<api::Answer()>& handler) {
    return history_.record(operation, call, request, handler);
  });
  supervisor_.recover();
  chores_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    do {
      ended.wait_for(lock, stop, kBetweenChores, [] { return false; });
      do_chores();
    } while (!stop.stop_requested());
  });
}

/// What need not be on the disk at once, and should be after a while.
void Daemon::do_chores() {
  try {
    identities_.keep_last_uses();
    history_.flush();
  } catch (const std::exception&) {
    base::log_warning("cannot write down which tokens were used and what was refused: {}", base::caught().message);
  }
}

std::string Daemon::what_hangs() {
  constexpr std::chrono::milliseconds kPatience(5000);  // a slow disk is no fault
  if (!supervisor_.answers(kPatience)) return "the supervisor";
  if (!objects_.answers(kPatience)) return "the object store";
  if (!store_.answers(kPatience)) return "the database";
  return {};
}

std::string Daemon::local_token(const std::string& before) {
  if (first_token_) return *first_token_;
  const auto identity = identities_.authenticate(before);
  return identity && identity->admin() ? before : identities_.new_admin_token("for clients on this machine");
}

std::string Daemon::metrics() {
  std::string text = "# HELP ncloud_models Models by state.\n# TYPE ncloud_models gauge\n";
  store_.read([&](Database& db) {
    for (const auto& [state, word] : enumerators(ModelState{}))
      text += fmt::format("ncloud_models{{state=\"{}\"}} {}\n", word,
                          db.number("select count(*) from models where state = ?", state));
    text += "# HELP ncloud_datasets Datasets.\n# TYPE ncloud_datasets gauge\n";
    text += fmt::format("ncloud_datasets {}\n", db.number("select count(*) from datasets"));
    text += "# HELP ncloud_objects_bytes Bytes in the object store.\n# TYPE ncloud_objects_bytes gauge\n";
    text += fmt::format("ncloud_objects_bytes {}\n", db.number("select coalesce(sum(size_bytes), 0) from objects"));
    text += "# HELP ncloud_cpus_allotted CPUs given to tenants.\n# TYPE ncloud_cpus_allotted gauge\n";
    text += fmt::format("ncloud_cpus_allotted {}\n", db.number("select coalesce(sum(cpus), 0) from tenants"));
  });
  text +=
      fmt::format("# HELP ncloud_cpus CPUs of the machine.\n# TYPE ncloud_cpus gauge\nncloud_cpus {}\n", machine_.cpus);
  std::ifstream statm("/proc/self/statm");
  std::int64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  text +=
      "# HELP process_resident_memory_bytes Resident memory size in bytes.\n# TYPE process_resident_memory_bytes "
      "gauge\n";
  text += fmt::format("process_resident_memory_bytes {}\n", resident * ::sysconf(_SC_PAGESIZE));
  return text;
}

}  // namespace cloud
