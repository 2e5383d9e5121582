#include "cloud/local/running_job.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/local/volume_folder.h"

namespace cloud {

using base::Error;

namespace {

Cgroup group_of(const JobRecord& record) {
  Cgroup group;
  for (std::size_t i = 0; i + 1 < record.cgroup.size(); i += 2) group.folders[record.cgroup[i]] = record.cgroup[i + 1];
  return group;
}

}  // namespace

base::Fd RunningJob::event_descriptor() {
  base::Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw base::system_error("cannot make an event descriptor", errno);
  return fd;
}

RunningJob::RunningJob(const Cgroups& groups, std::string job, const std::filesystem::path& folder_of_jobs)
    : name(std::move(job)), folder(folder_of_jobs / name), cgroup(group_in(groups)) {}

RunningJob::RunningJob(const FoundJob& found)
    : name(found.folder.filename().string()),
      folder(found.folder, JobFolder::Found{}),
      cgroup(group_of(found.record)),
      of_another(true),
      mount_limit_bytes(found.record.mount_limit_bytes) {}

Cgroup RunningJob::group_in(const Cgroups& groups) {
  try {
    return groups.make("job-" + name);
  } catch (...) {
    folder.remove();
    throw;
  }
}

void RunningJob::poke() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(wake.get(), &one, sizeof one);
}

JobListener RunningJob::hears() {
  const std::lock_guard lock(mutex);
  return listener;
}

void RunningJob::set_listener(JobListener other) {
  // By swapping: the old one, which may hold this job, goes after the lock.
  const std::lock_guard lock(mutex);
  std::swap(listener, other);
}

void RunningJob::say(const std::string& line) {
  {
    const std::lock_guard lock(mutex);
    outbox += line;
  }
  poke();
}

void RunningJob::order(const wire::Order& what) { say(base::to_text(base::encode(what)) + '\n'); }

void RunningJob::stop(int grace_ms) {
  {
    const std::lock_guard lock(mutex);
    if (!stop_asked) outbox += fmt::format("{}\n", wire::kStop);
    folder.is_written();  // from here on it counts
    stop_asked = true;
    const std::int64_t at = base::steady_now_us() + std::int64_t{grace_ms} * 1000;
    kill_at_us = kill_at_us == 0 ? at : std::min(kill_at_us, at);
    patience_us = std::int64_t{grace_ms} * 2000;
  }
  poke();
}

std::vector<BoundFolder> RunningJob::bound_folders() const {
  std::vector<BoundFolder> folders;
  for (const Mount& mount : mounts)
    folders.push_back({folder.volumes() / std::to_string(folders.size()), mount.place, mount.read_only});
  return folders;
}

void RunningJob::fill_mounts(const ObjectFolder& objects) {
  const std::shared_ptr<void> until_filled = std::move(keeps);
  const std::vector<BoundFolder> folders = bound_folders();
  for (std::size_t i = 0; i < mounts.size(); ++i) VolumeFolder(folders[i].folder).fill(mounts[i], objects);
}

namespace {

std::vector<VolumeFolder> volumes_in(const std::filesystem::path& folder) {
  std::vector<VolumeFolder> found;
  std::error_code unknown;
  for (int i = 0; std::filesystem::is_directory(folder / std::to_string(i), unknown); ++i)
    found.emplace_back(folder / std::to_string(i));
  return found;
}

}  // namespace

std::string RunningJob::overflow() const {
  for (const VolumeFolder& volume : volumes_in(folder.volumes())) try {
      if (std::string why = volume.overflow(mount_limit_bytes, folder.path()); !why.empty()) return why;
    } catch (const Error& error) {
      base::log_warning("job {}: {}", name, error.message);
    }
  return {};
}

bool RunningJob::tell_written(const std::filesystem::path& volumes, const std::function<void(const Written&)>& take) {
  bool taken = true;
  for (const VolumeFolder& volume : volumes_in(volumes)) try {
      if (const auto written = volume.written()) take(*written);
    } catch (...) {
      base::log_error("what a job wrote to a volume is not taken, and tried again at the next start: {}",
                      base::caught().message);
      taken = false;
    }
  return taken;
}

void RunningJob::clean_up() {
  if (std::exchange(cleaned_up, true)) return;  // by then another job may have its name
  Cgroups::remove(cgroup);
  if (of_another)  // whose groups go with the last of its jobs
    for (const auto& [controller, group] : cgroup.folders) ::rmdir(group.parent_path().c_str());
  folder.remove();
}

void RunningJob::kill() {
  {
    const std::lock_guard lock(mutex);
    kill_at_us = 1;
    patience_us = 0;
  }
  poke();
}

}  // namespace cloud
