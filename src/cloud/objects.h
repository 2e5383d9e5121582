#pragma once
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/disk/object_folder.h"
#include "cloud/store.h"

namespace cloud {

/// Bytes by content: equal bytes are stored once and counted by the rows that refer to them. Threads: any.
///
/// To add: `pin = put(bytes)` writes the file; inside a transaction `refer(db, pin)` counts it. Without a refer (the
/// transaction failed), the file goes when the pin does. To drop: `release(db, sha)` in a transaction, and after its
/// commit `collect(sha)`.
class Objects {
 public:
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

  /// Stores bytes whose SHA-256 the caller has computed. Errors: disk_full; nothing is half-written.
  Pin put(std::string_view bytes, const std::string& sha256);

  /// Stores a copy of a file that a job may still be writing to (base::open_foreign_file). Errors: data_loss when its
  /// bytes are not those of `sha256`; too_large; disk_full.
  Pin adopt(const base::Fd& file, const std::string& sha256, std::int64_t limit_bytes);

  void refer(Database& db, const Pin& pin);

  /// One reference less; the bytes this frees once it is committed and collected (0 while others refer to it).
  std::int64_t release(Database& db, std::string_view sha256);
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

  /// At the start: removes what a crash left behind.
  std::int64_t sweep();

 private:
  bool is_there(Pin& pin);  // and its size then
  [[noreturn]] static void throw_missing(std::string_view sha256);
  void unpin(const std::string& sha256);
  void remove_if_unused(const std::string& sha256);  // with mutex_ held

  Store& store_;
  ObjectFolder folder_;
  Mutex mutex_{locks::kObjects};
  std::map<std::string, int> pins_;
};

}  // namespace cloud
