#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/disk/object_folder.h"
#include "cloud/store.h"

namespace cloud {

/// Bytes by content: equal bytes are stored once and counted by the rows that refer to them. What a tenant is told
/// (bytes freed, bytes used) counts its own references only and never shows what others have. Threads: any.
///
/// To add: `pin = put(bytes)` writes the file; inside a transaction `refer(db, pin)` counts it. Without a refer (the
/// transaction failed), the file goes when the pin does. To drop: `release(db, sha)` in a transaction, and after its
/// commit `collect(sha)`.
class Objects {
 public:
  static constexpr std::int64_t kKeptFreeBytes = std::int64_t{32} << 20;

  Objects(Store& store, const std::filesystem::path& folder);

  /// Keeps a file from being collected while it is being referred to. Neither made nor ended inside a transaction: the
  /// objects' lock comes before the store's.
  class Pin {
   public:
    Pin(Objects& objects, std::string sha256);
    ~Pin();
    Pin(Pin&& other) noexcept;
    Pin& operator=(Pin&&) = delete;
    const std::string& sha256() const { return sha256_; }
    std::int64_t size_bytes() const { return size_bytes_; }

   private:
    friend class Objects;
    Objects* objects_;
    std::string sha256_;
    std::int64_t size_bytes_ = 0;
  };

  /// Stores bytes whose SHA-256 the caller has computed. Writes them also when they are there already: it takes as
  /// long, so that nobody learns what others have, and what was damaged at rest is whole again. Errors: disk_full;
  /// nothing is half-written.
  Pin put(std::string_view bytes, const std::string& sha256);

  /// Errors: disk_full unless this many bytes more leave kKeptFreeBytes, with which what frees space always works.
  void require_room(std::int64_t bytes) const;

  /// Stores a copy of a file that a job may still be writing to (base::open_foreign_file). Errors: data_loss when its
  /// bytes are not those of `sha256`; too_large; disk_full.
  Pin adopt(const base::Fd& file, const std::string& sha256, std::int64_t limit_bytes);

  /// Stores the bytes of these objects, one after the other, as one. Errors: invalid_argument when they are not those
  /// of `sha256`; data_loss when a piece is not there; disk_full.
  Pin join(const std::vector<std::string>& pieces, const std::string& sha256);

  void refer(Database& db, const Pin& pin);
  /// One reference more to what has some.
  void refer_again(Database& db, std::string_view sha256);

  /// Whether the bytes are known to be those of `sha256`: they were written or read whole since this program started,
  /// and the file has not been touched since. A look at the file only.
  bool known_sound(const std::string& sha256);

  /// Reads the whole file unless that is known. Not with a lock held. Errors: data_loss, also when it is missing.
  void verify(const std::string& sha256);

  /// For a file of this object that is read in pieces: throws data_loss with the last one when the whole is not right.
  std::function<void(std::string_view)> checker(const std::string& sha256, std::int64_t size_bytes);

  /// Errors: data_loss when it is missing or a check has found damage.
  base::Fd open(const Pin& pin);

  /// Whether a check has found damage, and the file is still that one.
  bool known_damaged(const std::string& sha256);

  /// One reference less.
  void release(Database& db, std::string_view sha256);
  void collect(const std::string& sha256);
  void collect(const std::vector<std::string>& sha256s);

  /// Pins the object whose SHA-256 `find(db)` gives, however often it is replaced meanwhile. Errors: those of `find`;
  /// data_loss when nothing has it any more.
  template <class Find>
  Pin pin_found(Find find) {
    std::string before;
    for (;;) {
      std::string sha256 = store_.read(find);
      Pin pin(*this, sha256);
      if (is_there(pin)) return pin;
      if (sha256 == before) throw_missing(sha256);
      before = std::move(sha256);
    }
  }

  /// Whether the lock can be had within this time.
  bool answers(std::chrono::milliseconds within) { return std::unique_lock(mutex_, within).owns_lock(); }

  std::filesystem::path path_of(std::string_view sha256) const { return folder_.path_of(sha256); }

  /// At the start: names in the log each object that is missing or has another size, and what refers to it. How many.
  std::int64_t find_missing();

  /// At the start: removes what a crash left behind.
  std::int64_t sweep();

 private:
  bool is_there(Pin& pin);  // and its size then
  [[noreturn]] static void throw_missing(std::string_view sha256);
  // What tells that a file is the one that was read. Not the time of its inode: jobs' hard links change that.
  struct Mark {
    std::uint64_t inode = 0;
    std::int64_t size_bytes = 0, changed_ns = 0;
    bool operator==(const Mark&) const = default;
  };
  std::optional<Mark> mark_of(const std::string& sha256) const;
  void note_sound(const std::string& sha256, const std::optional<Mark>& mark);
  [[noreturn]] void throw_damaged(const std::string& sha256);
  void unpin(const std::string& sha256);
  void remove_if_unused(const std::string& sha256);  // with mutex_ held

  Store& store_;
  ObjectFolder folder_;
  Mutex mutex_{locks::kObjects};
  std::map<std::string, int> pins_;
  std::unordered_map<std::string, Mark> sound_;
  std::map<std::string, std::optional<Mark>> damaged_;  // as it was when that was found; it may be restored
};

}  // namespace cloud
