#include "cloud/store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"

namespace cloud {

using base::Code;
using base::Error;

Store::Store(const std::filesystem::path& file, const std::vector<Migration>& steps)
    : writer_(file, Database::Mode::write) {
  migrate(steps);
  reader_.emplace(file, Database::Mode::read);
  file_ = base::Fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  log_ = base::Fd(::open((file.string() + "-wal").c_str(), O_RDWR | O_CLOEXEC));
  keep_room();
}

// The log is written from its beginning again and again, so what it has grown to is room too; the file grows for good.
void Store::keep_room() {
  constexpr off_t kRoomBytes = off_t{8} << 20;
  constexpr int kWritesBetween = 256;
  writes_until_look_ = kWritesBetween;
  for (const base::Fd* each : {&file_, &log_}) {
    struct stat status{};
    if (!*each || ::fstat(each->get(), &status) != 0) continue;
    if (::fallocate(each->get(), FALLOC_FL_KEEP_SIZE, status.st_size, kRoomBytes) != 0 && !said_no_room_) {
      said_no_room_ = true;
      base::log_warning("cannot book room for the database ({}): on a full disk it may take no changes",
                        std::strerror(errno));
    }
  }
}

Store::Store(const std::filesystem::path& file, Schema) : writer_(file, Database::Mode::write) {
  const std::int64_t there = writer_.number("select count(*) from sqlite_master where name = 'schema_version'") == 0
                                 ? 0
                                 : writer_.number("select count(*) from schema_version");
  if (there != static_cast<std::int64_t>(migrations().size()))
    throw Error(Code::conflict,
                fmt::format("the database has schema version {}, this program has {}: start its ncloudd once, which "
                            "brings the database up to date",
                            there, migrations().size()));
  reader_.emplace(file, Database::Mode::read);
}

void Store::migrate(const std::vector<Migration>& steps) {
  writer_.script(
      "create table if not exists schema_version (version integer primary key, name text not null, sha256 text not "
      "null, applied_us bigint not null)");
  const auto done = writer_.all("select name, sha256 from schema_version order by version",
                                [](const Row& row) { return std::pair(row.text(0), row.text(1)); });
  if (done.size() > steps.size())
    throw Error(
        Code::conflict,
        fmt::format("the database has schema version {}, this program knows versions up to {}: use the newer ncloudd "
                    "that wrote it",
                    done.size(), steps.size()));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string checksum = base::sha256(steps[i].sql);
    if (i < done.size()) {
      if (done[i].second != checksum)
        throw Error(Code::data_loss,
                    fmt::format("the database was made with another '{}' than this program has", done[i].first));
      continue;
    }
    Transaction transaction(writer_, "begin immediate");
    writer_.script(steps[i].sql);
    writer_.run("insert into schema_version (version, name, sha256, applied_us) values (?, ?, ?, ?)", i + 1,
                steps[i].name, checksum, base::wall_now_us());
    transaction.commit();
  }
}

bool Store::answers(std::chrono::milliseconds within) {
  const std::unique_lock lock(read_mutex_, within);
  return lock && reader_->number("select count(*) from schema_version") > 0;
}

void Store::Transaction::commit() {
  database_.run("commit");
  open_ = false;
}

Store::Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("rollback");
  } catch (const Error&) {
    // Some failures (a full disk, for one) have already rolled it back.
  }
}

}  // namespace cloud
