#include "cloud/objects.h"

#include <set>

#include "base/error.h"
#include "base/log.h"

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
  if (!folder_.has(sha256)) folder_.write(sha256, bytes);
  return pin;
}

Objects::Pin Objects::adopt(const base::Fd& file, const std::string& sha256, std::int64_t limit_bytes) {
  Pin pin(*this, sha256);
  pin.size_bytes_ = folder_.copy(sha256, file, limit_bytes);
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

std::int64_t Objects::release(Database& db, std::string_view sha256) {
  if (db.run("update objects set reference_count = reference_count - 1 where sha256 = ? and reference_count > 1",
             sha256) > 0)
    return 0;
  return db.number("delete from objects where sha256 = ? returning size_bytes", sha256);
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
    if (!used) folder_.remove(sha256);
  } catch (const std::exception& error) {
    base::log_warning("object {} stays until the next start: {}", sha256, error.what());
  }
}

std::int64_t Objects::sweep() {
  const auto used = store_.read(
      [](Database& db) { return db.all("select sha256 from objects", [](const Row& row) { return row.text(0); }); });
  const std::set<std::string, std::less<>> keep(used.begin(), used.end());
  return folder_.sweep([&](std::string_view sha256) { return keep.contains(sha256); });
}

}  // namespace cloud
