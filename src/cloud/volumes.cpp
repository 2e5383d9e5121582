#include "cloud/volumes.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/names.h"

namespace cloud {

using base::Code;
using base::Error;

namespace {

// What is in a folder has paths from the first to below the second: '0' comes after '/'.
struct Inside {
  std::string from, below;
  explicit Inside(std::string_view folder) : from(fmt::format("{}/", folder)), below(fmt::format("{}0", folder)) {}
};

}  // namespace

std::int64_t volume_id_of(Database& db, std::int64_t tenant_id, std::string_view reference) {
  return named_id_of(db, {"volumes", "volume"}, tenant_id, reference);
}

api::Volume volume_with(Database& db, std::int64_t id) {
  api::Volume volume = *db.first(
      "select id, name, version, created_us, changed_us from volumes where id = ?",
      [](const Row& row) {
        return api::Volume{.id = row.integer(0),
                           .name = row.text(1),
                           .version = row.integer(2),
                           .created_at = base::rfc3339(row.integer(3)),
                           .changed_at = base::rfc3339(row.integer(4))};
      },
      id);
  db.each(
      "select count(*), coalesce(sum(size_bytes), 0) from volume_files where volume_id = ?",
      [&](const Row& row) {
        volume.file_count = row.integer(0);
        volume.size_bytes = row.integer(1);
      },
      id);
  return volume;
}

std::vector<api::VolumeFile> files_of_volume(Database& db, std::int64_t id) {
  return db.all(
      "select path, size_bytes, sha256, version from volume_files where volume_id = ? order by path",
      [](const Row& row) { return api::VolumeFile{row.text(0), row.integer(1), row.text(2), row.integer(3)}; }, id);
}

void check_places(const std::vector<api::VolumeUse>& uses) {
  // What the sandbox has of its own.
  constexpr std::string_view kTaken[] = {"bin", "dev",  "etc",  "job", "lib", "lib32", "lib64",
                                         "opt", "proc", "sbin", "sys", "tmp", "usr"};
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const std::string where = fmt::format("/volumes/{}/place", i);
    const std::string_view place = uses[i].place;
    const auto refuse = [&](std::string_view why) {
      throw Error(Code::invalid_argument,
                  fmt::format("a volume cannot be at '{}': {}", base::printable(place, 200), why), where);
    };
    if (!place.starts_with('/') || place.size() < 2) refuse("expected an absolute path of a folder, such as /data");
    try {
      api::check_volume_path(place.substr(1));
    } catch (const Error& error) {
      refuse("expected a plain absolute path, such as /data, without '.', '..' and '/' at its end");
    }
    const std::string_view first = place.substr(1, place.find('/', 1) - 1);
    if (std::find(std::begin(kTaken), std::end(kTaken), first) != std::end(kTaken))
      refuse(fmt::format("a job has other things in /{}; take one such as /data or /lookup", first));
    for (std::size_t j = 0; j < i; ++j) {
      const std::string_view other = uses[j].place;
      const auto holds = [](std::string_view folder, std::string_view path) {
        return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
      };
      if (holds(other, place) || holds(place, other))
        refuse(
            fmt::format("that is where volume '{}' is, or one of them is in the other; give it a place of its own: "
                        "--volume {}:/lookup",
                        uses[j].volume, uses[i].volume));
    }
  }
}

VolumeChange::VolumeChange(Database& db, Objects& objects, std::int64_t volume)
    : db_(db),
      objects_(objects),
      volume_(volume),
      version_(db.number("select version from volumes where id = ?", volume) + 1) {}

void VolumeChange::move(std::string_view from, std::string_view to) {
  if (from == to) return;
  const Inside here(from), there(to);
  if (to.starts_with(here.from))
    throw Error(Code::conflict, fmt::format("'{}' cannot go into itself", base::printable(from, 200)));
  if (db_.number("select count(*) from volume_files where volume_id = ? and (path = ? or (path >= ? and path < ?))",
                 volume_, to, there.from, there.below) > 0)
    throw Error(Code::conflict, fmt::format("there is a '{}' already; remove it first", base::printable(to, 200)));
  const auto paths = db_.all(
      "select path from volume_files where volume_id = ? and (path = ? or (path >= ? and path < ?))",
      [](const Row& row) { return row.text(0); }, volume_, from, here.from, here.below);
  if (paths.empty()) throw Error(Code::not_found, fmt::format("the volume has no '{}'", base::printable(from, 200)));
  for (const std::string& path : paths) {
    std::string moved = std::string(to) + path.substr(from.size());
    api::check_volume_path(moved);
    db_.run("update volume_files set path = ?, version = ? where volume_id = ? and path = ?", moved, version_, volume_,
            path);
    placed_.push_back(std::move(moved));
  }
  changed_ = true;
}

void VolumeChange::remove(std::string_view path) {
  const Inside inside(path);
  const auto gone = db_.all(
      "select sha256 from volume_files where volume_id = ? and (path = ? or (path >= ? and path < ?))",
      [](const Row& row) { return row.text(0); }, volume_, path, inside.from, inside.below);
  if (gone.empty()) throw Error(Code::not_found, fmt::format("the volume has no '{}'", base::printable(path, 200)));
  db_.run("delete from volume_files where volume_id = ? and (path = ? or (path >= ? and path < ?))", volume_, path,
          inside.from, inside.below);
  for (const std::string& sha256 : gone) {
    objects_.release(db_, sha256);
    released_.push_back(sha256);
  }
  changed_ = true;
}

void VolumeChange::put(const std::string& path, const std::string& sha256, std::int64_t size_bytes,
                       const Objects::Pin* pin) {
  const auto before = db_.first(
      "select sha256 from volume_files where volume_id = ? and path = ?", [](const Row& row) { return row.text(0); },
      volume_, path);
  if (before == sha256) return;
  if (pin != nullptr)
    objects_.refer(db_, *pin);
  else
    objects_.refer_again(db_, sha256);
  db_.run(
      "insert into volume_files (volume_id, path, size_bytes, sha256, version) values (?, ?, ?, ?, ?) on conflict "
      "(volume_id, path) do update set size_bytes = excluded.size_bytes, sha256 = excluded.sha256, version = "
      "excluded.version",
      volume_, path, size_bytes, sha256, version_);
  if (before) {
    objects_.release(db_, *before);
    released_.push_back(*before);
  }
  placed_.push_back(path);
  changed_ = true;
}

// A file can neither lie in another nor have files in it.
void VolumeChange::check_place(std::string_view path) const {
  const Inside inside(path);
  bool clashes = db_.number("select count(*) from volume_files where volume_id = ? and path >= ? and path < ?", volume_,
                            inside.from, inside.below) > 0;
  for (auto slash = path.find('/'); slash != std::string_view::npos && !clashes; slash = path.find('/', slash + 1))
    clashes = db_.number("select count(*) from volume_files where volume_id = ? and path = ?", volume_,
                         path.substr(0, slash)) > 0;
  if (clashes)
    throw Error(Code::conflict, fmt::format("'{}' would be a file where there is a folder, or in a file; remove that "
                                            "first, or choose another path",
                                            base::printable(path, 200)));
}

void VolumeChange::finish() {
  if (!changed_) return;
  for (const std::string& path : placed_) check_place(path);
  const std::int64_t files = db_.number("select count(*) from volume_files where volume_id = ?", volume_);
  if (files > kMostVolumeFiles)
    throw Error(Code::over_allotment,
                fmt::format("the volume would have {} files of at most {}; pack many small ones into an archive, or "
                            "make a dataset of them",
                            files, kMostVolumeFiles));
  db_.run("update volumes set version = ?, changed_us = ? where id = ?", version_, base::wall_now_us(), volume_);
}

}  // namespace cloud
