#include "cloud/put_back.h"

#include <unistd.h>

#include "base/counted.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/tenants.h"
#include "cloud/volumes.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kFileLimitBytes = std::int64_t{64} << 30;

struct Taken {
  std::string path;
  Objects::Pin pin;
};

std::string hash_of(const base::Fd& file) {
  base::Sha256 hash;
  std::string buffer(std::size_t{1} << 20, '\0');
  while (const std::size_t got = base::read_some(file, buffer)) hash.add({buffer.data(), got});
  ::lseek(file.get(), 0, SEEK_SET);
  return hash.finish();
}

// Nothing for a file that holds what it held before.
std::optional<Taken> taken(Objects& objects, const Written& written, const VolumeContent& file) {
  const base::Fd bytes = written.open(file.path);
  const std::string sha256 = hash_of(bytes);
  if (sha256 == file.sha256) return std::nullopt;
  objects.require_room(file.size_bytes);
  return Taken{file.path, objects.adopt(bytes, sha256, kFileLimitBytes)};
}

std::optional<std::string> hash_in(Database& db, std::int64_t volume, const std::string& path) {
  return db.first(
      "select sha256 from volume_files where volume_id = ? and path = ?", [](const Row& row) { return row.text(0); },
      volume, path);
}

bool is_for_good(Code code) {
  return code != Code::disk_full && code != Code::unavailable && code != Code::internal && code != Code::data_loss;
}

}  // namespace

std::vector<std::string> put_back(Store& store, Objects& objects, const Written& written) {
  std::vector<std::string> lines;
  const auto volume = store.read([&](Database& db) {
    return db.first(
        "select name, tenant_id from volumes where id = ?",
        [](const Row& row) { return std::pair(row.text(0), row.integer(1)); }, written.volume);
  });
  if (!volume) {
    if (!written.changed.empty())
      lines.emplace_back("a volume was removed while the job had it; what it wrote is lost");
    return lines;
  }
  const auto& [name, tenant] = *volume;
  for (const std::string& left_out : written.left_out)
    lines.push_back(fmt::format("volume {}: not kept: {}", name, left_out));
  std::vector<Taken> files;
  for (const VolumeContent& file : written.changed) try {
      if (auto one = taken(objects, written, file)) files.push_back(std::move(*one));
    } catch (const Error& error) {
      if (!is_for_good(error.code) && error.code != Code::internal) throw;
      lines.push_back(fmt::format("volume {}: '{}' not kept: {}", name, base::printable(file.path, 200),
                                  base::message_for_others(error)));
    }
  std::vector<std::string> gone;
  try {
    const std::int64_t version = store.write([&, tenant = tenant](Database& db) {
      const std::int64_t before = db.number("select version from volumes where id = ?", written.volume);
      VolumeChange change(db, objects, written.volume);
      for (const VolumeContent& file : written.removed)
        if (hash_in(db, written.volume, file.path) == file.sha256) change.remove(file.path);
      for (const Taken& file : files) change.put(file.path, file.pin.sha256(), file.pin.size_bytes(), &file.pin);
      change.finish();
      gone = change.released();
      if (!files.empty()) check_storage(db, tenant, 0);
      const std::int64_t now = db.number("select version from volumes where id = ?", written.volume);
      return now == before ? 0 : now;
    });
    if (version > 0)
      lines.push_back(fmt::format("volume {}: what the job wrote is version {} ({} written, {} removed)", name, version,
                                  base::counted(std::ssize(files), "file"), written.removed.size()));
  } catch (const Error& error) {
    if (!is_for_good(error.code)) throw;
    lines.push_back(fmt::format("volume {}: what the job wrote is not kept: {}", name, error.message));
    gone.clear();
  }
  files.clear();
  objects.collect(gone);
  return lines;
}

}  // namespace cloud
