#include "cloud/volumes.h"

#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/answers.h"
#include "cloud/handlers/handlers.h"
#include "cloud/tenants.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kFileLimitBytes = std::int64_t{64} << 30;

api::Volume create(const Parts& parts, const api::Call& call, const api::CreateVolume& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  return parts.store.write([&](Database& db) {
    if (db.number("select count(*) from volumes where tenant_id = ? and name = ?", tenant, request.name) > 0)
      throw Error(
          Code::conflict,
          fmt::format("there is a volume '{0}' already; add files to it: ncloud volume upload {0} FILE", request.name),
          "/name");
    check_count(db, tenant, Counted::volumes);
    const std::int64_t now = base::wall_now_us();
    const std::int64_t id =
        db.number("insert into volumes (tenant_id, name, created_us, changed_us) values (?, ?, ?, ?) returning id",
                  tenant, request.name, now, now);
    return kept_answer(db, call, volume_with(db, id));
  });
}

api::Volume rename(const Parts& parts, const api::Call& call, const api::RenameVolume& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  return parts.store.write([&](Database& db) {
    const std::int64_t id = volume_id_of(db, tenant, request.volume);
    api::check_if_match(call, volume_with(db, id));
    if (db.number("select count(*) from volumes where tenant_id = ? and name = ? and id <> ?", tenant, request.name,
                  id) > 0)
      throw Error(Code::conflict, fmt::format("there is a volume '{}' already", request.name), "/name");
    db.run("update volumes set name = ? where id = ?", request.name, id);
    return volume_with(db, id);
  });
}

// What arrived for it and was made no file, all or only what is old.
std::vector<std::string> drop_pieces(Database& db, Objects& objects, std::int64_t volume, std::int64_t before_us) {
  auto pieces = db.all(
      "select sha256 from volume_pieces where volume_id = ? and arrived_us < ?",
      [](const Row& row) { return row.text(0); }, volume, before_us);
  db.run("delete from volume_pieces where volume_id = ? and arrived_us < ?", volume, before_us);
  for (const std::string& sha256 : pieces) objects.release(db, sha256);
  return pieces;
}

// Errors: conflict for models that need the volume now, and without `force` for those that may go on one day.
std::string note_for_models(Database& db, const api::Volume& volume, bool force) {
  const auto models_in_states = [&](std::string_view states) {
    return db.all(
        fmt::format("select distinct m.id from models m join model_volumes u on u.model_id = m.id where "
                    "u.volume_id = ? and m.state {} order by m.id",
                    states),
        [](const Row& row) { return row.integer(0); }, volume.id);
  };
  const auto busy = models_in_states("in ('received', 'queued', 'running')");
  if (!busy.empty())
    throw Error(Code::conflict,
                fmt::format("{} {} volume '{}'; stop {} first: ncloud model stop {}", fmt::join(busy, ", "),
                            busy.size() == 1 ? "is a model that uses" : "are models that use", volume.name,
                            busy.size() == 1 ? "it" : "them", fmt::join(busy, " ")));
  const auto others = models_in_states("not in ('completed', 'imported')");
  if (!others.empty() && !force)
    throw Error(
        Code::conflict,
        fmt::format("model {0} could not be resumed without volume '{1}'; remove it all the same: ncloud volume "
                    "rm {1} --force",
                    fmt::join(others, ", "), volume.name));
  return others.empty() ? "" : fmt::format("model {} cannot be resumed any more", fmt::join(others, ", "));
}

api::Deleted remove(const Parts& parts, const api::Call& call, const api::DeleteVolume& request) {
  std::vector<std::string> gone;
  const api::Deleted deleted = parts.store.write([&](Database& db) {
    const std::int64_t id = volume_id_of(db, call.identity.tenant_id, request.volume);
    api::Deleted result{.freed_bytes = db.number("select coalesce(sum(size_bytes), 0) from volume_pieces where "
                                                 "volume_id = ?",
                                                 id) +
                                       volume_with(db, id).size_bytes,
                        .note = note_for_models(db, volume_with(db, id), request.force)};
    gone = drop_pieces(db, parts.objects, id, kNewest);
    for (const api::VolumeFile& file : files_of_volume(db, id)) gone.push_back(file.sha256);
    db.run("delete from volume_files where volume_id = ?", id);
    for (std::size_t i = 0; i < gone.size(); ++i) parts.objects.release(db, gone[i]);
    db.run("update model_volumes set volume_id = null where volume_id = ?", id);
    db.run("delete from volumes where id = ?", id);
    return result;
  });
  parts.objects.collect(gone);
  return deleted;
}

api::Bytes content(const Parts& parts, const api::Call& call, const api::VolumeContent& request) {
  // Pinned, so that a change of the volume does not remove the file before it is open.
  const Objects::Pin pin = parts.objects.pin_found([&](Database& db) {
    const std::int64_t id = volume_id_of(db, call.identity.tenant_id, request.volume);
    const auto sha256 = db.first(
        "select sha256 from volume_files where volume_id = ? and path = ?", [](const Row& row) { return row.text(0); },
        id, request.path);
    if (!sha256)
      throw Error(Code::not_found, fmt::format("volume '{0}' has no file '{1}'; see: ncloud volume show {0}",
                                               volume_with(db, id).name, base::printable(request.path, 200)));
    return *sha256;
  });
  return {.file = api::OpenFile{.fd = parts.objects.open(pin),
                                .size_bytes = pin.size_bytes(),
                                .check = parts.objects.checker(pin.sha256(), pin.size_bytes())}};
}

// Size of what the volume has, as a file or as a piece. Others' bytes do not count: nobody learns of them.
std::optional<std::int64_t> size_in(Database& db, std::int64_t volume, const std::string& sha256) {
  return db.first(
      "select size_bytes from volume_files where volume_id = ? and sha256 = ? union select size_bytes from "
      "volume_pieces where volume_id = ? and sha256 = ?",
      [](const Row& row) { return row.integer(0); }, volume, sha256, volume, sha256);
}

api::Piece put_piece(const Parts& parts, const api::Call& call, const api::PutPiece& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  const auto size = static_cast<std::int64_t>(call.body.size());
  const std::int64_t volume = parts.store.read([&](Database& db) {
    const std::int64_t id = volume_id_of(db, tenant, request.volume);
    check_storage(db, tenant, size);
    return id;
  });
  if (const std::string found = base::sha256(call.body); found != request.sha256)
    throw Error(Code::invalid_argument,
                fmt::format("a piece arrived with SHA-256 {}, announced was {}; send it again", found, request.sha256));
  parts.objects.require_room(size);
  const Objects::Pin pin = parts.objects.put(call.body, request.sha256);
  std::vector<std::string> old;
  parts.store.write([&](Database& db) {
    const std::int64_t id = volume_id_of(db, tenant, std::to_string(volume));
    const std::int64_t now = base::wall_now_us();
    old = drop_pieces(db, parts.objects, id, now - kPieceKeptUs);
    if (db.run("update volume_pieces set arrived_us = ? where volume_id = ? and sha256 = ?", now, id, request.sha256) >
        0)
      return;
    check_storage(db, tenant, size);
    parts.objects.refer(db, pin);
    db.run("insert into volume_pieces (volume_id, sha256, size_bytes, arrived_us) values (?, ?, ?, ?)", id,
           request.sha256, size, now);
  });
  parts.objects.collect(old);
  return {.size_bytes = size, .sha256 = request.sha256};
}

Error not_arrived(const api::VolumePut& put, const std::string& sha256) {
  return {Code::conflict, fmt::format("'{}' is to hold bytes with SHA-256 {}, which have not arrived; send them first "
                                      "(PUT /api/v2/volumes/VOLUME/pieces/SHA256)",
                                      base::printable(put.path, 200), sha256)};
}

// Makes one object of a file that came in several pieces; nothing when it is whole already.
std::optional<Objects::Pin> joined(const Parts& parts, std::int64_t volume, const api::VolumePut& put) {
  if (put.pieces.size() < 2) return std::nullopt;
  std::int64_t size = 0;
  const bool is_there = parts.store.read([&](Database& db) {
    if (size_in(db, volume, put.sha256)) return true;
    for (const std::string& piece : put.pieces) {
      const auto bytes = size_in(db, volume, piece);
      if (!bytes) throw not_arrived(put, piece);
      size += *bytes;
    }
    if (size > kFileLimitBytes)
      throw Error(Code::too_large, fmt::format("'{}' would have {} of at most {}", base::printable(put.path, 200),
                                               base::size_text(size), base::size_text(kFileLimitBytes)));
    return false;
  });
  if (is_there) return std::nullopt;
  parts.objects.require_room(size);
  return parts.objects.join(put.pieces, put.sha256);
}

void check_change(const api::ChangeVolume& request) {
  std::set<std::string_view> paths;
  for (std::size_t i = 0; i < request.puts.size(); ++i) {
    const std::string where = fmt::format("/puts/{}/path", i);
    api::check_volume_path(request.puts[i].path, where);
    if (!paths.insert(request.puts[i].path).second)
      throw Error(Code::invalid_argument, fmt::format("'{}' is put twice", base::printable(request.puts[i].path, 200)),
                  where);
  }
  for (std::size_t i = 0; i < request.moves.size(); ++i)
    api::check_volume_path(request.moves[i].to, fmt::format("/moves/{}/to", i));
}

api::Volume change(const Parts& parts, const api::Call& call, const api::ChangeVolume& request) {
  check_change(request);
  const std::int64_t tenant = call.identity.tenant_id;
  const std::int64_t volume = parts.store.read([&](Database& db) { return volume_id_of(db, tenant, request.volume); });
  std::vector<std::optional<Objects::Pin>> wholes;
  for (const api::VolumePut& put : request.puts) wholes.push_back(joined(parts, volume, put));
  std::vector<std::string> gone;
  const api::Volume result = parts.store.write([&](Database& db) {
    const std::int64_t id = volume_id_of(db, tenant, std::to_string(volume));
    api::check_if_match(call, volume_with(db, id));
    const std::int64_t used = storage_of(db, tenant).used_bytes;
    VolumeChange change(db, parts.objects, id);
    for (const api::VolumeMove& move : request.moves) change.move(move.from, move.to);
    for (const std::string& path : request.removes) change.remove(path);
    for (std::size_t i = 0; i < request.puts.size(); ++i) {
      const api::VolumePut& put = request.puts[i];
      const Objects::Pin* whole = wholes[i] ? &*wholes[i] : nullptr;
      const auto size = whole != nullptr ? std::optional(whole->size_bytes()) : size_in(db, id, put.sha256);
      if (!size) throw not_arrived(put, put.sha256);
      change.put(put.path, put.sha256, *size, whole);
    }
    change.finish();
    gone = change.released();
    for (const api::VolumePut& put : request.puts)
      for (const std::string& piece : put.pieces.empty() ? std::vector{put.sha256} : put.pieces)
        if (db.run("delete from volume_pieces where volume_id = ? and sha256 = ?", id, piece) > 0) {
          parts.objects.release(db, piece);
          gone.push_back(piece);
        }
    if (const std::int64_t more = storage_of(db, tenant).used_bytes - used; more > 0) check_storage(db, tenant, 0);
    return volume_with(db, id);
  });
  wholes.clear();
  parts.objects.collect(gone);
  return result;
}

}  // namespace

void handle_volumes(api::Router& router, Parts parts) {
  router.handle(api::create_volume, [parts](const api::Call& call, const api::CreateVolume& request) {
    return create(parts, call, request);
  });
  router.handle(api::list_volumes, [parts](const api::Call& call, const api::PageRequest& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      const auto ids = db.all(
          "select id from volumes where tenant_id = ? and id < ? order by id desc limit ?",
          [](const Row& row) { return row.integer(0); }, call.identity.tenant_id, before, request.page_size + 1);
      std::vector<api::Volume> volumes;
      for (const std::int64_t id : ids) volumes.push_back(volume_with(db, id));
      return page_of(std::move(volumes), request.page_size, [](const api::Volume& volume) { return volume.id; });
    });
  });
  router.handle(api::get_volume, [parts](const api::Call& call, const api::VolumeRef& request) {
    return parts.store.read(
        [&](Database& db) { return volume_with(db, volume_id_of(db, call.identity.tenant_id, request.volume)); });
  });
  router.handle(api::rename_volume, [parts](const api::Call& call, const api::RenameVolume& request) {
    return rename(parts, call, request);
  });
  router.handle(api::delete_volume, [parts](const api::Call& call, const api::DeleteVolume& request) {
    return remove(parts, call, request);
  });
  router.handle(api::list_volume_files, [parts](const api::Call& call, const api::ListVolumeFiles& request) {
    const std::int64_t after = number_in_page_token(request.page_token, 0);
    return parts.store.read([&](Database& db) {
      const std::int64_t id = volume_id_of(db, call.identity.tenant_id, request.volume);
      std::vector<std::int64_t> ids;
      auto files = db.all(
          "select path, size_bytes, sha256, version, id from volume_files where volume_id = ? and id > ? order by id "
          "limit ?",
          [&](const Row& row) {
            ids.push_back(row.integer(4));
            return api::VolumeFile{row.text(0), row.integer(1), row.text(2), row.integer(3)};
          },
          id, after, request.page_size + 1);
      const std::size_t all = files.size();
      auto page = page_of(std::move(files), request.page_size, [](const api::VolumeFile&) { return 0; });
      if (page.items.size() < all) page.next_page_token = std::to_string(ids[page.items.size() - 1]);
      return page;
    });
  });
  router.handle(api::get_volume_content, [parts](const api::Call& call, const api::VolumeContent& request) {
    return content(parts, call, request);
  });
  router.handle(api::list_missing, [parts](const api::Call& call, const api::AskMissing& request) {
    return parts.store.read([&](Database& db) {
      const std::int64_t id = volume_id_of(db, call.identity.tenant_id, request.volume);
      api::Missing missing;
      for (const std::string& sha256 : request.sha256s)
        if (!size_in(db, id, sha256)) missing.sha256s.push_back(sha256);
      return missing;
    });
  });
  router.handle(api::put_piece, [parts](const api::Call& call, const api::PutPiece& request) {
    return put_piece(parts, call, request);
  });
  router.handle(api::change_volume, [parts](const api::Call& call, const api::ChangeVolume& request) {
    return change(parts, call, request);
  });
}

}  // namespace cloud
