#include "cloud/objects.h"

#include <sys/stat.h>

#include <memory>
#include <set>

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"

namespace cloud {

Objects::Objects(Store& store, const std::filesystem::path& folder) : store_(store), folder_(folder) {}

Objects::Pin::Pin(Objects& objects, std::string sha256) : objects_(&objects), sha256_(std::move(sha256)) {
  const std::lock_guard lock(objects.mutex_);
  ++objects.pins_[sha256_];
}

Objects::Pin::Pin(Pin&& other) noexcept
    : objects_(std::exchange(other.objects_, nullptr)),
      sha256_(std::move(other.sha256_)),
      size_bytes_(other.size_bytes_) {}

Objects::Pin::~Pin() {
  if (objects_ == nullptr) return;
  try {
    objects_->unpin(sha256_);
  } catch (const base::Error& error) {  // a lock taken out of order
    base::log_error("object {} stays pinned until the next start: {}", sha256_, error.message);
  }
}

Objects::Pin Objects::put(std::string_view bytes, const std::string& sha256) {
  Pin pin(*this, sha256);
  pin.size_bytes_ = static_cast<std::int64_t>(bytes.size());
  folder_.write(sha256, bytes);
  note_sound(sha256, mark_of(sha256));
  return pin;
}

void Objects::require_room(std::int64_t bytes) const {
  const std::int64_t free = folder_.free_bytes();
  if (free - kKeptFreeBytes >= bytes) return;
  throw base::Error(base::Code::disk_full,
                    fmt::format("the server's disk has {} left, of which it keeps {} to work with; remove datasets or "
                                "models, or stop trainings",
                                base::size_text(free), base::size_text(kKeptFreeBytes)));
}

Objects::Pin Objects::adopt(const base::Fd& file, const std::string& sha256, std::int64_t limit_bytes) {
  Pin pin(*this, sha256);
  pin.size_bytes_ = folder_.copy(sha256, {&file, 1}, limit_bytes);
  note_sound(sha256, mark_of(sha256));
  return pin;
}

Objects::Pin Objects::join(const std::vector<std::string>& pieces, const std::string& sha256) {
  std::vector<Pin> pins;
  std::vector<base::Fd> files;
  for (const std::string& piece : pieces) files.push_back(open(pins.emplace_back(*this, piece)));
  Pin pin(*this, sha256);
  try {
    pin.size_bytes_ = folder_.copy(sha256, files, std::numeric_limits<std::int64_t>::max());
  } catch (const base::Error& error) {
    if (error.code != base::Code::data_loss) throw;
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the pieces do not make up what was announced: {}", error.message));
  }
  note_sound(sha256, mark_of(sha256));
  return pin;
}

bool Objects::is_there(Pin& pin) {
  const auto size = store_.read([&](Database& db) {
    return db.first(
        "select size_bytes from objects where sha256 = ?", [](const Row& row) { return row.integer(0); }, pin.sha256());
  });
  pin.size_bytes_ = size.value_or(0);
  return size.has_value();
}

void Objects::throw_missing(std::string_view sha256) {
  throw base::Error(base::Code::data_loss,
                    fmt::format("object {} is missing from the store; restore it from a backup", sha256));
}

void Objects::refer(Database& db, const Pin& pin) {
  db.run(
      "insert into objects (sha256, size_bytes, reference_count) values (?, ?, 1) "
      "on conflict (sha256) do update set reference_count = objects.reference_count + 1",
      pin.sha256(), pin.size_bytes());
}

void Objects::refer_again(Database& db, std::string_view sha256) {
  if (db.run("update objects set reference_count = reference_count + 1 where sha256 = ?", sha256) == 0)
    throw_missing(sha256);
}

std::optional<Objects::Mark> Objects::mark_of(const std::string& sha256) const {
  struct stat status{};
  if (::stat(folder_.path_of(sha256).c_str(), &status) != 0) return std::nullopt;
  return Mark{status.st_ino, status.st_size, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

void Objects::note_sound(const std::string& sha256, const std::optional<Mark>& mark) {
  const std::lock_guard lock(mutex_);
  damaged_.erase(sha256);
  if (mark) sound_[sha256] = *mark;
}

bool Objects::known_sound(const std::string& sha256) {
  const std::optional<Mark> mark = mark_of(sha256);
  const std::lock_guard lock(mutex_);
  const auto found = sound_.find(sha256);
  return mark && found != sound_.end() && found->second == *mark;
}

bool Objects::known_damaged(const std::string& sha256) {
  const std::optional<Mark> mark = mark_of(sha256);
  const std::lock_guard lock(mutex_);
  const auto found = damaged_.find(sha256);
  return found != damaged_.end() && found->second == mark;
}

void Objects::throw_damaged(const std::string& sha256) {
  {
    const std::optional<Mark> mark = mark_of(sha256);
    const std::lock_guard lock(mutex_);
    sound_.erase(sha256);
    damaged_[sha256] = mark;
  }
  base::log_error("object {} is damaged or missing; restore it from a backup", sha256);
  throw base::Error(base::Code::data_loss, fmt::format("object {} is not what was stored", sha256));
}

void Objects::verify(const std::string& sha256) {
  if (known_sound(sha256)) return;
  const std::optional<Mark> before = mark_of(sha256);  // what changes while it is read is not known to be sound
  if (!before || base::sha256_of_file(folder_.path_of(sha256)) != sha256) throw_damaged(sha256);
  note_sound(sha256, before);
}

base::Fd Objects::open(const Pin& pin) {
  if (!mark_of(pin.sha256()) || known_damaged(pin.sha256())) throw_damaged(pin.sha256());
  return base::open_for_reading(folder_.path_of(pin.sha256()));
}

std::function<void(std::string_view)> Objects::checker(const std::string& sha256, std::int64_t size_bytes) {
  struct State {
    base::Sha256 hash;
    std::int64_t left_bytes;
  };
  const auto state = std::make_shared<State>(State{{}, size_bytes});
  return [this, sha256, state](std::string_view piece) {
    state->hash.add(piece);
    state->left_bytes -= static_cast<std::int64_t>(piece.size());
    // An end before its time shows in the answer by itself, so only the last piece decides.
    if (piece.empty() || (state->left_bytes <= 0 && state->hash.finish() != sha256)) throw_damaged(sha256);
  };
}

void Objects::release(Database& db, std::string_view sha256) {
  if (db.run("update objects set reference_count = reference_count - 1 where sha256 = ? and reference_count > 1",
             sha256) == 0)
    db.run("delete from objects where sha256 = ?", sha256);
}

void Objects::collect(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  if (!pins_.contains(sha256)) remove_if_unused(sha256);
}

void Objects::collect(const std::vector<std::string>& sha256s) {
  for (const std::string& sha256 : sha256s) collect(sha256);
}

void Objects::unpin(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  if (--pins_[sha256] > 0) return;
  pins_.erase(sha256);
  remove_if_unused(sha256);
}

void Objects::remove_if_unused(const std::string& sha256) {
  try {
    const bool used = store_.read(
        [&](Database& db) { return db.number("select count(*) from objects where sha256 = ?", sha256) > 0; });
    if (used) return;
    folder_.remove(sha256);
    sound_.erase(sha256);
    damaged_.erase(sha256);
  } catch (...) {
    base::log_warning("object {} stays until the next start: {}", sha256, base::caught().message);
  }
}

std::int64_t Objects::find_missing() {
  constexpr std::int64_t kNamed = 20;
  struct Object {
    std::string sha256;
    std::int64_t size_bytes;
  };
  const auto all = store_.read([](Database& db) {
    return db.all("select sha256, size_bytes from objects",
                  [](const Row& row) { return Object{row.text(0), row.integer(1)}; });
  });
  std::int64_t missing = 0;
  for (const Object& object : all) {
    const std::optional<Mark> mark = mark_of(object.sha256);
    if (mark && mark->size_bytes == object.size_bytes) continue;
    {
      const std::lock_guard lock(mutex_);
      damaged_[object.sha256] = mark;
    }
    if (++missing > kNamed) continue;
    const auto users = store_.read([&](Database& db) {
      return db.all(
          "select 'dataset ' || d.id || ' (' || d.name || ')' from shards s join datasets d on d.id = s.dataset_id "
          "where s.sha256 = ? union select 'model ' || id || ' (' || name || ')' from models where ? in "
          "(checkpoint_sha256, previous_sha256, start_sha256) union select 'volume ' || v.id || ' (' || v.name || ')' "
          "from volume_files f join volumes v on v.id = f.volume_id where f.sha256 = ?",
          [](const Row& row) { return row.text(0); }, object.sha256, object.sha256, object.sha256);
    });
    base::log_error(
        "object {} {}; it belongs to {}; restore it from a backup", object.sha256,
        mark ? fmt::format("has {} bytes instead of {}", mark->size_bytes, object.size_bytes) : "is missing",
        base::printable(fmt::format("{}", fmt::join(users, ", "))));
  }
  if (missing > kNamed) base::log_error("{} objects are missing in all", missing);
  return missing;
}

std::int64_t Objects::sweep() {
  const auto used = store_.read(
      [](Database& db) { return db.all("select sha256 from objects", [](const Row& row) { return row.text(0); }); });
  const std::set<std::string, std::less<>> keep(used.begin(), used.end());
  return folder_.sweep([&](std::string_view sha256) { return keep.contains(sha256); });
}

}  // namespace cloud
